"""Every panel and every alert of a service finds its series in a Prometheus that scrapes it."""

from __future__ import annotations

import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.services.catalogue import (
    EACH,
    SERVICES,
    Service,
    list_budget,
    running,
    skip_or_fail,
)
from tests.integration.services.conftest import Project
from tests.servers import PATIENCE, prometheus_server

pytestmark = [pytest.mark.slow, pytest.mark.needs_prometheus]
SCRAPES = 6  # that succeeded, with traffic between them
ROUNDS = 10  # of requests, of which some fail
SELECTOR = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\{[^{}]*(?:\"[^\"]*\"[^{}]*)*\}")
PRODUCTION = {
    "latency": {"indicator": "server_latency_mean", "max": "500ms"},
    "errors": {"indicator": "server_error_ratio", "max": "50%"},
}


class Watched:
    """The services, and the Prometheus that has scraped them.

    Attributes:
        urls: Of the services that are installed, by name.
        url: Of the Prometheus.
    """

    def __init__(self, urls: Mapping[str, str], url: str) -> None:
        self.urls = urls
        self.url = url

    def without_data(self, expressions: Iterable[str]) -> list[str]:
        """Those that never have a series; one whose last scrape failed has none for a moment."""
        patience_ends = time.monotonic() + PATIENCE
        left = list(expressions)
        while (left := [one for one in left if not self.query(one)]) and (
            time.monotonic() < patience_ends
        ):
            time.sleep(0.5)
        return left

    def query(self, expression: str) -> list[Any]:
        """The series of an expression now."""
        query = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{query}", timeout=30) as answer:
            return json.loads(answer.read())["data"]["result"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """All installed services, after some requests of which a few failed."""
    with ExitStack() as stack:
        urls = {
            service.name: stack.enter_context(running(service, ERROR_SHARE="0.3"))
            for service in SERVICES
            if not service.absent
        }
        jobs = [
            {
                "job_name": name,
                "scrape_interval": "1s",
                "static_configs": [{"targets": [url.removeprefix("http://")]}],
            }
            for name, url in urls.items()
        ]
        folder = tmp_path_factory.mktemp("prometheus")
        server = stack.enter_context(
            prometheus_server(folder, yaml.safe_dump({"scrape_configs": jobs}))
        )
        found = Watched(urls, server.url)
        counts = [f'sum_over_time(up{{job="{name}"}}[1h])' for name in urls]
        patience_ends, rounds = time.monotonic() + PATIENCE, 0
        while rounds < ROUNDS or any(_last(found.query(count)) < SCRAPES for count in counts):
            assert time.monotonic() < patience_ends
            rounds += 1
            for url in urls.values():
                for path in ("/items", "/items", "/items/1", "/items/1"):
                    with suppress(OSError), urllib.request.urlopen(url + path, timeout=30) as one:
                        one.read()
            time.sleep(0.1)
        yield found


def _last(series: list[Any]) -> float:
    return float(series[0]["value"][1]) if series else 0.0


@pytest.fixture
def rendered(project: Project, service: Service, watched: Watched) -> Path:
    """The folder that `harness render --url` wrote for a service."""
    skip_or_fail(service.absent)
    production = {**PRODUCTION, "list": list_budget(service)}
    project.document["budgets"] = {
        name: {**budget, "alert": {"max": budget["max"], "for": "1m"}}
        for name, budget in production.items()
    }
    out = project.path / "out"
    job = ("--job", service.name, "--out", str(out))
    result = project.call("render", "--url", watched.urls[service.name], *job)
    assert result.code == 0, result.out
    return out


def expressions(panels: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """The title and each expression of all panels, without what only a run of the harness has."""
    for panel in panels:
        yield from expressions(panel.get("panels", []))
        for target in panel.get("targets", []):
            if "harness_" not in target["expr"]:
                yield panel["title"], target["expr"]


def filled(expression: str, service: Service) -> str:
    """An expression with the variables of its dashboard replaced."""
    values = {"$service": service.name, "$__rate_interval": "30s", "$__interval": "5s"}
    for name, value in values.items():
        expression = expression.replace(name, value)
    return re.sub(r"\$[a-z]+", ".*", expression)


@EACH
def test_every_panel_has_data(rendered: Path, service: Service, watched: Watched) -> None:
    found = {
        filled(expression, service): title
        for name in ("service", "budgets")
        for title, expression in expressions(
            json.loads((rendered / f"{name}.json").read_text())["panels"]
        )
    }
    assert len(found) >= 8
    assert [(found[one], one) for one in watched.without_data(found)] == []


@EACH
def test_every_rule_finds_its_series(rendered: Path, service: Service, watched: Watched) -> None:
    groups = yaml.safe_load((rendered / "prometheus/rules.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule.get("alert") for rule in rules} >= {"Latency", "Errors", "List"}
    selectors = {one for rule in rules for one in SELECTOR.findall(rule["expr"])}
    assert len(selectors) >= 4
    assert watched.without_data(selectors) == []
