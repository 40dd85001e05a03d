"""docs/service.md names files, metrics and budgets that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry

from sample_app.telemetry.metrics import Metrics
from tests.traces import recorded

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "service.md").read_text()
BUDGETS = yaml.load((ROOT / "budgets.yaml").read_text(), Loader=yaml.CSafeLoader)
SAMPLED = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
PREFIXES = (
    *("http_server_", "db_client_", "cache_", "background_", "event_", "python_", "process_"),
    *("auth_", "business_"),
)
# Made with the pool that they are about.
OF_A_POOL = {
    f"db_client_connection_{name}"
    for name in ("count", "max", "high_water_mark", "used_seconds_total")
}


def quoted() -> set[str]:
    """Every text between backquotes, outside of blocks of code."""
    return set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)))


@pytest.mark.parametrize("path", sorted(t for t in quoted() if t.startswith("sample_app/")))
def test_file_of_the_document_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_metrics_of_the_document_are_exposed() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    families = {family.name for family in registry.collect()} | OF_A_POOL
    named = {text for text in quoted() if text.startswith(PREFIXES)}
    assert len(named) > 15
    assert {name for name in named if not {name, name.removesuffix("_total")} & families} == set()


def test_budgets_and_scenarios_of_the_document_exist() -> None:
    table = TEXT.split("## Patterns")[1].split("\n## ")[0]
    last_cells = [row.rsplit("|", 2)[1] for row in table.splitlines() if row.startswith("| ")]
    named = {
        name for cell in last_cells for name in re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", cell)
    }
    assert len(named) > 8
    assert named <= BUDGETS["budgets"].keys()
    scenarios = re.findall(r"^\| `([a-z]+)` \|", TEXT.split("## Scenarios")[1], re.MULTILINE)
    assert {"smoke", "load", "stress", "spike", "soak"} == set(scenarios)
    assert set(scenarios) <= BUDGETS["scenarios"].keys()


def test_telemetry_knows_nothing_of_the_service() -> None:
    folder = ROOT / "sample_app" / "telemetry"
    imports = [
        (path.name, name)
        for path in folder.glob("*.py")
        for name in re.findall(
            r"^\s*(?:from|import) (sample_app\S*)", path.read_text(), re.MULTILINE
        )
    ]
    assert len(imports) > 10
    assert [found for found in imports if not found[1].startswith("sample_app.telemetry.")] == []


async def test_telemetry_is_added_to_another_service_as_the_document_says(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    given = """
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import create_async_engine
from sample_app.core.logs.redaction import redact
from sample_app.telemetry.exposition import metrics_route
from sample_app.telemetry.http import MeasuredRequests
from sample_app.telemetry.metrics import Metrics
from sample_app.telemetry.one_worker import OneWorker
from sample_app.telemetry.pool import MeasuredPool
from sample_app.telemetry.tracing import flush_traces, instrument_app
from sample_app.telemetry.tracing import instrument_engine, set_up_traces
"""
    names: dict[str, Any] = {"version": "1", "url": f"sqlite+aiosqlite:///{tmp_path}/other.db"}
    with recorded() as spans:
        exec(given + code, names)
        app = names["app"]
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
        async with app.router.lifespan_context(app), client:
            assert (await client.get("/nothing", headers=SAMPLED)).status_code == 404
            text = (await client.get("/metrics", headers=SAMPLED)).text
    assert [span.name for span in spans.all()] == ["GET"]
    assert 'http_server_request_duration_seconds_count{http_request_method="GET"' in text
    assert "db_client_connection_max" in text
    assert "python_gc_pause_seconds_count" in text
