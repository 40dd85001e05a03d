"""Rendered dashboards have the types of the schema package that Grafana publishes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.services.catalogue import NODE, ROOT, missing_in_node, skip_or_fail

DASHBOARDS = sorted(
    path
    for folder in ("dashboards", "tests/rendered")
    for path in (ROOT / folder).rglob("*.json")
    if "panels" in json.loads(path.read_text())
)


def errors(folder: Path, dashboards: list[dict[str, Any]]) -> list[str]:
    """The errors of the TypeScript compiler about dashboards."""
    names = [f"dashboard_{number}.ts" for number in range(len(dashboards))]
    for name, dashboard in zip(names, dashboards, strict=True):
        (folder / name).write_text(
            f'import type {{ Dashboard }} from "{NODE}/grafana.ts";\n'
            f"export const dashboard: Dashboard = {json.dumps(dashboard, indent=1)};\n"
        )
    compiler = [str(NODE / "node_modules/.bin/tsc"), "--noEmit", "--strict", "--skipLibCheck"]
    modules = ["--module", "nodenext", "--target", "es2022", "--allowImportingTsExtensions"]
    done = subprocess.run(
        [*compiler, *modules, *names], cwd=folder, capture_output=True, text=True, check=False
    )
    found = [line for line in done.stdout.splitlines() if ": error TS" in line]
    assert bool(found) == bool(done.returncode), done.stdout + done.stderr
    return found


@pytest.fixture(autouse=True)
def compiler() -> None:
    """Skips, or in CI fails, when the packages are not installed."""
    skip_or_fail(missing_in_node("typescript", "@grafana/schema"))


def test_dashboards_are_what_the_schema_says(tmp_path: Path) -> None:
    assert len(DASHBOARDS) >= 3
    assert errors(tmp_path, [json.loads(path.read_text()) for path in DASHBOARDS]) == []


def test_mistakes_are_found(tmp_path: Path) -> None:
    good = json.loads((ROOT / "dashboards/load-test.json").read_text())
    panel = next(one for one in good["panels"] if one["type"] == "timeseries")
    wrong = [
        {**panel, "type": "timeserie"},
        {**panel, "titel": "Load"},
        {**panel, "options": {"legend": {"displayMode": "lists"}}},
        {**panel, "fieldConfig": {"defaults": {"custom": {"drawStyle": "lin"}}, "overrides": []}},
        {**panel, "targets": [{"refId": "A", "expression": "up"}]},
        {**panel, "gridPos": {"h": 8, "w": "12", "x": 0, "y": 0}},
    ]
    found = errors(tmp_path, [{**good, "panels": [one]} for one in wrong])
    for number in range(len(wrong)):
        assert any(line.startswith(f"dashboard_{number}.ts") for line in found), number
