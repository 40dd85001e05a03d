"""The cost of a route is the mean over its traces."""

from __future__ import annotations

from dataclasses import astuple, replace

import pytest

from harness.diagnose.evidence.routes import MOST_ROUTES, route_costs
from harness.diagnose.model import CpuCost
from harness.diagnose.traces import traces_of
from tests.unit.diagnose.spans import request, span

FIND, COUNT = "SELECT * FROM items WHERE id = ?", "SELECT count(*) FROM items"


def test_routes_have_their_own_queries_and_database_time() -> None:
    spans = [
        *request("a", 0.1, [(FIND, 0.02), (COUNT, 0.03), ("call shop", 0.01)]),
        *request("b", 0.3, [(FIND, 0.05)]),
        *request("c", 0.5, [], route="/health"),
    ]
    items, health = route_costs(traces_of(spans), {})
    assert (items.route, health.route) == ("GET /items", "GET /health")
    assert astuple(items)[1:6] == pytest.approx((2, 0.2, 1.5, 0.05, 0.0))
    assert astuple(health)[1:6] == pytest.approx((1, 0.5, 0.0, 0.0, 0.0))


def test_route_has_its_cpu_time_where_it_is_known() -> None:
    spans = [*request("a", 0.1, []), *request("b", 0.1, [], route="/health")]
    cost = CpuCost(0.008, 0.007, 0.009, 50)
    items, health = route_costs(traces_of(spans), {"GET /items": cost})
    assert {one.route: one.cpu for one in (items, health)} == {
        "GET /items": cost,
        "GET /health": None,
    }


def test_commands_of_a_cache_are_no_queries() -> None:
    spans = request("a", 0.1, [(FIND, 0.02)])
    times, parent = ("a", 100.03, 100.04), spans[0].span_id
    spans.append(
        span("GET", *times, parent=parent, db_query_text="GET key", db_system_name="redis")
    )
    (one,) = route_costs(traces_of(spans), {})
    assert (one.queries, one.database_seconds) == pytest.approx((1.0, 0.02))
    assert one.cache_commands == 1.0


def test_queries_of_another_service_are_not_those_of_the_route() -> None:
    root, own, other = request("a", 0.1, [(FIND, 0.02), (COUNT, 0.03)])
    (one,) = route_costs(traces_of([root, own, replace(other, service="directory")]), {})
    assert (one.queries, one.database_seconds) == pytest.approx((1.0, 0.02))


def test_overlapping_queries_count_each() -> None:
    spans = request("a", 0.1, [(FIND, 0.06)])
    spans.append(replace(spans[1], span_id="f" * 16))
    (one,) = route_costs(traces_of(spans), {})
    assert (one.queries, one.database_seconds) == pytest.approx((2.0, 0.12))


def test_routes_with_most_traces_come_first_and_their_number_is_bounded() -> None:
    spans = [
        one
        for number in range(MOST_ROUTES + 5)
        for one in request(f"{number}", 0.1, [], route=f"/items/{number:03}")
    ]
    spans += request("again", 0.1, [], route="/items/304")
    found = route_costs(traces_of(spans), {})
    assert len(found) == MOST_ROUTES
    assert [one.route for one in found[:3]] == [
        "GET /items/304",
        "GET /items/000",
        "GET /items/001",
    ]


def test_no_trace_has_no_route() -> None:
    assert route_costs([], {}) == ()
