"""What the panels of budgets show: the colours between bounds, and the margin."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from harness.budgets.parse.parse import parse_plan
from harness.judge.bounds import margin
from harness.render.files import rendered
from harness.render.words import Links

HEAD = """\
version: 1
service: shop
scenarios: {smoke: {locustfile: smoke.py, rate: 50/s, duration: 20s}}
budgets:
"""
HITS = "{kind: ratio, of: hits_total, to: gets_total}"
DEPTH = "{kind: gauge, metric: depth, over: last}"


def panel_of(budgets: str, board: str, title: str) -> Any:
    plan = parse_plan(HEAD + budgets, Path("budgets.yaml"), {}, date(2026, 11, 20))
    files = rendered(plan, Links("shop", "shop"), ["grafana"])
    return next(p for p in json.loads(files[f"{board}.json"])["panels"] if p["title"] == title)


@pytest.mark.parametrize(
    ("budgets", "colors"),
    [
        (
            (
                f"  a: {{indicator: {HITS}, min: 80%}}\n"
                f"  b: {{indicator: {HITS}, min: 90%, severity: warn}}\n"
            ),
            {None: "red", 0.8: "orange", 0.9: "green"},
        ),
        (
            (
                f"  a: {{indicator: {HITS}, min: 80%, severity: warn}}\n"
                f"  b: {{indicator: {HITS}, min: 90%}}\n"
            ),
            {None: "red", 0.8: "red", 0.9: "green"},
        ),
        (
            (
                f"  a: {{indicator: {HITS}, max: 20%}}\n"
                f"  b: {{indicator: {HITS}, max: 40%, severity: warn}}\n"
            ),
            {None: "green", 0.2: "red", 0.4: "red"},
        ),
        (
            (
                f"  a: {{indicator: {HITS}, min: 10%, severity: warn}}\n"
                f"  b: {{indicator: {HITS}, max: 40%}}\n"
            ),
            {None: "orange", 0.1: "green", 0.4: "red"},
        ),
    ],
    ids=["least, then more to warn", "less to warn", "most, then more to warn", "both sides"],
)
def test_a_value_has_the_colour_of_the_worst_bound_that_it_breaches(
    budgets: str, colors: dict[float | None, str]
) -> None:
    found = panel_of(budgets, "service", "a, b")["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert {step["value"]: step["color"] for step in found} == colors


@pytest.mark.parametrize("direction", ["max", "min"])
@pytest.mark.parametrize("bound", [-10, 10])
@pytest.mark.parametrize("value", [-20, -5, 5, 20])
def test_margin_is_that_of_a_verdict(direction: Any, bound: int, value: int) -> None:
    panel = panel_of(f"  a: {{indicator: {DEPTH}, {direction}: {bound}}}\n", "budgets", "Margin")
    query = panel["targets"][0]["expr"]
    assert 'sum(depth{job="$service"})' in query
    shown = eval(query.replace('sum(depth{job="$service"})', str(value)))
    assert shown == pytest.approx(margin(value, bound, direction))


@pytest.mark.parametrize("direction", ["max", "min"])
def test_of_several_scenarios_the_worst_value_is_shown(direction: str) -> None:
    budgets = f"  a: {{indicator: {DEPTH}, {direction}: 10}}\n"
    series = 'harness_budget_value{service="shop", budget="a"}'
    last = panel_of(budgets, "budgets", "In the last run")["targets"][0]["expr"]
    assert last == f"{direction}(last_over_time({series}[$__range]))"
    history = panel_of(budgets, "budgets", "History")["targets"]
    assert [one["expr"] for one in history] == [
        'sum(depth{job="$service"})',
        f"{direction}({series})",
    ]


RATES = {
    "{kind: throughput}": "reqps",
    "{kind: rate, metric: http_requests_total}": "reqps",
    "{kind: rate, metric: http_server_request_duration_seconds_count}": "reqps",
    "{kind: rate, metric: http_response_size_bytes_total}": "binBps",
    "{kind: rate, metric: http_request_size_bytes_sum}": "binBps",
    "{kind: rate, metric: db_queries_total}": "cps",
    "{kind: rate, metric: db_query_seconds_count}": "cps",
    "{kind: rate, metric: db_query_seconds_sum}": "short",
}


@pytest.mark.parametrize(("indicator", "unit"), RATES.items())
def test_unit_of_a_rate_is_that_of_what_it_counts(indicator: str, unit: str) -> None:
    budgets = f"  a: {{indicator: {indicator}, min: 5/s}}\n"
    for title in ("Now", "History", "In the last run"):
        panel = panel_of(budgets, "budgets", title)
        assert panel["fieldConfig"]["defaults"]["unit"] == unit
