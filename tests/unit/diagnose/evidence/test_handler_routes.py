"""A handler has a route only if no other route can be its."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.diagnose.evidence.handler_routes import routes_of_handlers
from harness.diagnose.traces import Trace, traces_of
from harness.runs.recording.moments import CpuMoments, ProcessMoments
from tests.unit.diagnose.loop import BEGUN, CALLER, Endpoint, simulated
from tests.unit.diagnose.spans import request

MIX = {
    "/a": Endpoint("find", 0.004, 0.02, 5),
    "/b": Endpoint("create", 0.003, 0.03, 3),
    "/c": Endpoint("remove", 0.005, 0.005, 1),
}
A = ("find", "/srv/app/api.py")


def moments(at: list[float], *, earliest: float = 0.0, latest: float = 0.0) -> CpuMoments:
    """One process whose only handler ran at some seconds after the start."""
    stacks = {f"thread (7): MainThread;{CALLER};find (/srv/app/api.py:1)": tuple(at)}
    process = ProcessMoments(BEGUN + earliest, BEGUN + latest, stacks)
    return CpuMoments(BEGUN, BEGUN, BEGUN + 100, 10.0, 100, 1000, (process,))


def traces(route: str, starts: list[float], seconds: float = 0.5) -> list[Trace]:
    spans = [
        one
        for number, start in enumerate(starts)
        for one in request(f"{route}{number}", seconds, [], route=route, start=BEGUN + start)
    ]
    return traces_of(spans)


TIMES = [float(second) for second in range(1, 90, 2)]
DURING = [at + 0.2 for at in TIMES]


@pytest.mark.parametrize("seed", range(3))
def test_handlers_have_their_routes_though_requests_overlap(seed: int) -> None:
    one = simulated(MIX, rate=80, seconds=30, seed=seed)
    found = routes_of_handlers(one.moments, one.traces)
    names = {name: route for (name, _), route in found.items()}
    assert names == {"find": "GET /a", "create": "GET /b", "remove": "GET /c"}


def test_one_route_alone_is_that_of_the_handler() -> None:
    assert routes_of_handlers(moments(DURING), traces("/a", TIMES)) == {A: "GET /a"}


def test_route_with_an_open_request_all_the_time_may_be_open_by_chance() -> None:
    assert routes_of_handlers(moments(DURING), traces("/a", [0.0], seconds=100)) == {}


def test_route_that_misses_samples_is_not_that_of_the_handler() -> None:
    assert routes_of_handlers(moments(DURING), traces("/a", TIMES[: len(TIMES) * 9 // 10])) == {}


def test_second_route_that_fits_as_well_leaves_the_handler_without_one() -> None:
    both = [*traces("/a", TIMES), *traces("/b", TIMES)]
    assert routes_of_handlers(moments(DURING), both) == {}


def test_second_route_that_is_open_in_most_samples_leaves_the_handler_without_one() -> None:
    both = [*traces("/a", TIMES), *traces("/b", TIMES[1:])]
    assert routes_of_handlers(moments(DURING), both) == {}
    few = [*traces("/a", TIMES), *traces("/b", TIMES[::2])]
    assert routes_of_handlers(moments(DURING), few) == {A: "GET /a"}


def test_unknown_start_that_makes_another_route_fit_leaves_the_handler_without_one() -> None:
    # 0.8 s later all samples are in the requests of /b.
    both = [*traces("/a", TIMES), *traces("/b", [at + 1 for at in TIMES])]
    assert routes_of_handlers(moments(DURING), both) == {A: "GET /a"}
    assert routes_of_handlers(moments(DURING, latest=0.9), both) == {}


def test_unknown_start_is_found_by_the_requests() -> None:
    shifted = moments([at - 0.31 for at in DURING], latest=0.9)
    assert routes_of_handlers(shifted, traces("/a", TIMES, seconds=0.3)) == {A: "GET /a"}


def test_start_with_wide_bounds_is_not_looked_for() -> None:
    assert routes_of_handlers(moments(DURING, latest=1.1), traces("/a", TIMES)) == {}


def test_few_samples_leave_the_handler_without_a_route() -> None:
    assert routes_of_handlers(moments(DURING[:1]), traces("/a", TIMES)) == {}


def test_processes_are_taken_together() -> None:
    one, two = moments(DURING[::2]), moments(DURING[1::2])
    both = replace(one, processes=(*one.processes, *two.processes))
    assert routes_of_handlers(both, traces("/a", TIMES)) == {A: "GET /a"}


def test_nothing_recorded_has_no_routes() -> None:
    assert routes_of_handlers(moments([]), traces("/a", TIMES)) == {}
    assert routes_of_handlers(moments(DURING), []) == {}
