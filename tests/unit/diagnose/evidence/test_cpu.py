"""CPU time by route against the truth of a simulated service."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.diagnose.evidence.cpu import CpuAccount, cpu_account
from tests.unit.diagnose.loop import FRAMEWORK, Endpoint, Simulated, simulated

BURNERS = {
    "/heavy": Endpoint("heavy", 0.008, 0.01, 2),
    "/light": Endpoint("light", 0.002, 0.01, 3),
}


def account(found: Simulated) -> CpuAccount:
    return cpu_account(found.moments, found.cpu, found.traces)


@pytest.mark.parametrize("seed", range(4))
def test_cpu_time_of_each_route_is_within_its_interval(seed: int) -> None:
    found = account(simulated(BURNERS, rate=60, seconds=30, seed=seed))
    assert found.note == ""
    for route, true in (("GET /heavy", 0.008), ("GET /light", 0.002)):
        cost = found.routes[route]
        assert cost.lower < cost.seconds < cost.upper
        assert cost.lower / 1.1 < true < cost.upper * 1.1
        assert cost.seconds == pytest.approx(true, rel=0.25)
    assert found.outside
    assert found.outside.seconds == pytest.approx(FRAMEWORK, rel=0.3)
    assert sorted(found.handlers.values()) == ["GET /heavy", "GET /light"]


def test_all_parts_add_up_to_the_cpu_time_of_the_processes() -> None:
    one = simulated(BURNERS, rate=60, seconds=20)
    found = account(one)
    assert found.outside
    parts = sum(cost.seconds * one.requests[route] for route, cost in found.routes.items())
    parts += found.outside.seconds * sum(one.requests.values())
    assert parts == pytest.approx(one.moments.cpu_seconds)


def test_handler_of_several_routes_belongs_to_what_is_outside() -> None:
    endpoints = {**BURNERS, "/other": Endpoint("light", 0.002, 0.01, 3)}
    one = simulated(endpoints, rate=40, seconds=30)
    found = account(one)
    assert list(found.routes) == ["GET /heavy"]
    assert found.outside
    assert found.outside.seconds == pytest.approx(FRAMEWORK + 0.002 * 6 / 8, rel=0.3)


def test_requests_that_overlap_all_the_time_tell_nothing() -> None:
    endpoints = {name: replace(one, wait=2.0) for name, one in BURNERS.items()}
    found = account(simulated(endpoints, rate=60, seconds=20))
    assert found.routes == {}
    assert found.outside is None
    assert "fewer requests overlap" in found.note


def test_missing_traces_are_said() -> None:
    one = simulated(BURNERS, rate=60, seconds=10)
    kept = one.spans[: int(0.9 * len(one.spans))]
    found = account(replace(one, spans=kept))
    assert found == CpuAccount(note=f"{len(kept)} of the {len(one.spans)} requests have a trace")


def test_traces_of_others_than_the_load_do_not_stand_for_missing_ones() -> None:
    one = simulated(BURNERS, rate=60, seconds=10)
    spans = [replace(span, parent_id="") for span in one.spans]
    assert account(replace(one, spans=spans)).note.startswith("0 of the ")


def test_unknown_cpu_time_is_said() -> None:
    one = simulated(BURNERS, rate=60, seconds=10)
    found = account(replace(one, moments=replace(one.moments, cpu_seconds=None)))
    assert found == CpuAccount(note="not all processes of the service were profiled")


@pytest.mark.parametrize(
    ("factor", "text"), [(0.3, "they waited for a CPU"), (3.0, "others took the rest")]
)
def test_samples_that_do_not_fit_to_the_cpu_time_are_said(factor: float, text: str) -> None:
    one = simulated(BURNERS, rate=60, seconds=10)
    seconds = (one.moments.cpu_seconds or 0.0) * factor
    found = account(replace(one, moments=replace(one.moments, cpu_seconds=seconds)))
    assert found.routes == {}
    assert f"{seconds:.3g} s of CPU time" in found.note
    assert found.note.endswith(text)


def test_few_samples_are_said() -> None:
    found = account(simulated(BURNERS, rate=5, seconds=5))
    assert "samples of running threads, of 30 needed" in found.note


def test_no_profile_has_no_cpu_time_and_no_note() -> None:
    assert cpu_account(None, [], []) == CpuAccount()
