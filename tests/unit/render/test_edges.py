"""Which alerts `harness render --url` reports because no bucket ends at their bound."""

from pathlib import Path

import pytest

from harness.budgets.dialects.recognise import recognise
from harness.budgets.lint.metrics import Family
from harness.budgets.parse.parse import parse_plan
from harness.budgets.presets import with_roles
from harness.render.rules.edges import edge_notes
from harness.render.words import Links
from tests.unit.budgets.dialects.test_recognise import exposed

HEAD = """\
version: 1
service: shop
scenarios: {smoke: {locustfile: smoke.py, rate: 50/s, duration: 20s}}
budgets:
  list:
"""
SERVER = "{kind: quantile, metric: http_request_duration_seconds, quantile: 0.9}"
CLIENT = "{kind: latency, quantile: 0.9, request: GET /items}"
MEAN = "{kind: mean, metric: http_request_duration_seconds}"
OBJECTIVE = "objective: 99%, window: 30d"
METRIC = "http_request_duration_seconds has no bucket edge at"


def notes(exposition: str, keys: str) -> list[str]:
    families = exposed(exposition)
    found = recognise(families)
    plan = parse_plan(HEAD + f"    {{{keys}}}\n", Path("budgets.yaml"), {}, None)
    links = Links("shop", "shop", "", found)
    return list(edge_notes(with_roles(plan, found), links, families))


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        (f"indicator: {SERVER}, max: 500ms", []),
        (f"indicator: {SERVER}, max: 500ms, alert: {{max: 300ms, for: 1m}}", []),
        (f"indicator: {MEAN}, max: 500ms, alert: {{max: 500ms, for: 1m}}", []),
        (
            f"indicator: {SERVER}, max: 100ms, alert: {{max: 500ms, for: 1m}}",
            [f"{METRIC} 500 ms (nearest: 300 ms and 1.5 s); add a bucket at 500 ms"],
        ),
        (
            f"indicator: {CLIENT}, max: 20s, alert: {{max: 20s, for: 1m}}",
            [f"{METRIC} 20 s (nearest: 10 s); add a bucket at 20 s"],
        ),
        (
            f"indicator: {SERVER}, max: 500ms, {OBJECTIVE}, alert: {{max: 1s, for: 1m}}",
            [f"{METRIC} 1 s (nearest: 300 ms and 1.5 s)", f"{METRIC} 500 ms (nearest: 300 ms"],
        ),
    ],
    ids=[
        "no alert",
        "a bucket ends at the bound of the alert",
        "a mean needs no bucket",
        "no bucket ends at the bound of the alert",
        "a latency of the load test, by the times of the service",
        "the bound of an error budget, too",
    ],
)
def test_alert_whose_bound_is_no_edge_is_reported(keys: str, found: list[str]) -> None:
    shown = notes("express-prom-bundle", keys)
    assert len(shown) == len(found)
    for note, part in zip(shown, found, strict=True):
        assert note.startswith(f"the alerts of list find no series: {part}")


def test_edge_that_is_a_sum_of_floats_is_reported() -> None:
    keys = f"indicator: {SERVER}, max: 300ms, alert: {{max: 300ms, for: 1m}}"
    plan = parse_plan(HEAD + f"    {{{keys}}}\n", Path("budgets.yaml"), {}, None)
    for edge, found in ((0.3, []), (0.1 + 0.2, ["ends at 0.30000000000000004"])):
        families = {"http_request_duration_seconds": Family("histogram", ({},), (0.1, edge))}
        shown = list(edge_notes(plan, Links("shop", "shop"), families))
        assert [part for note, part in zip(shown, found, strict=True) if part in note] == found


def test_edges_in_milliseconds_are_compared_in_seconds() -> None:
    keys = "indicator: server_latency, max: {0}, alert: {{max: {0}, for: 1m}}"
    assert notes("opentelemetry-python", keys.format("25ms")) == []
    (note,) = notes("opentelemetry-python", keys.format("200ms"))
    assert "has no bucket edge at 200 ms (nearest: 25 ms)" in note
