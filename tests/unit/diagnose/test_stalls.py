"""Time of requests in which the service could not run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.budgets.dialects.model import MetricRole, Recognition
from harness.budgets.dialects.recognise import assumed, by_default
from harness.diagnose.model import Cause
from harness.diagnose.stalls import CpuHolder, CpuUse, Stalls, stalls_of, with_stalls
from harness.names import SERVICE_TIME
from harness.runs.model import Evidence, Series
from tests.unit.diagnose.spans import stack
from tests.unit.diagnose.test_functions import LOOP
from tests.unit.judge.evidence import counter, evidence, requests, series, up

WAIT = "harness_service_cpu_wait_seconds_total"
LOOPLESS = assumed(["go"])


def run(*found: Series, seconds: float = 0.1, count: int = 100) -> Evidence:
    times = requests(ok=[seconds] * count, what=SERVICE_TIME)
    return replace(evidence(up(), *found), latency=times)


def function(share: float) -> Cause:
    return Cause("function", "render()", share, share - 0.1, share + 0.05, "of the samples")


def statement(share: float) -> Cause:
    return Cause("statement", "SELECT 1", share, share, share, "once")


@pytest.mark.parametrize(
    ("loops", "waited", "requests_", "share"),
    [
        (0, 4.0, 40.0, 0.1),  # each thread serves a request: 4 of 40 seconds
        (1, 4.0, 40.0, 0.4),  # all requests wait with the loop: 4 of 10 seconds
        (2, 4.0, 40.0, 0.2),  # of two loops each waits for half of them
        (1, 1.0, 2.0, 0.5),  # requests were there for 2 of the 10 seconds
        (1, 99.0, 40.0, 1.0),
        (1, 4.0, 0.0, None),
    ],
)
def test_share_of_the_requests_time(
    loops: int, waited: float, requests_: float, share: float | None
) -> None:
    assert Stalls(waited, 0.0, waited, 9, requests_, 10.0, loops).waiting == share


def test_pause_stops_all_requests_of_a_process() -> None:
    assert Stalls(None, 1.0, 3.0, 9, 40.0, 10.0, loops=0).collecting == pytest.approx(0.3)
    assert Stalls(None, 1.0, None, 0, 40.0, 10.0, loops=0).collecting is None


def test_stalls_are_read_from_the_window() -> None:
    found = run(
        counter(WAIT, 3.0, {"provider": "psutil"}),
        counter("process_cpu_seconds_total", 2.0),
        counter("go_gc_duration_seconds_sum", 0.5),
        counter("go_gc_duration_seconds_count", 25),
    )
    stalls = stalls_of(found, LOOPLESS, ())
    assert stalls is not None
    assert (stalls.cpu_wait, stalls.cpu, stalls.gc) == pytest.approx((3.0, 2.0, 0.5))
    assert stalls.pauses == pytest.approx(25)
    assert (stalls.requests, stalls.seconds, stalls.loops) == pytest.approx((10.0, 10.0, 0))


def test_cpu_time_is_that_of_the_processes_whose_waiting_is_read() -> None:
    found = run(
        counter(WAIT, 2.0, {"provider": "psutil"}),
        counter("harness_service_cpu_seconds_total", 8.0, {"provider": "psutil"}),
        counter("process_cpu_seconds_total", 2.0),  # of one of four workers
    )
    stalls = stalls_of(found, LOOPLESS, ())
    assert stalls is not None
    assert (stalls.cpu, stalls.not_running) == pytest.approx((8.0, 0.2))


def test_loops_are_those_of_the_profile_or_one_by_the_metric() -> None:
    assert MetricRole.LOOP_LAG in by_default().played
    found = [stalls_of(run(), by_default(), wall) for wall in ((), (stack(9, *LOOP),))]
    assert [one.loops for one in found if one] == [1, 1]


def test_unread_metric_is_unknown_and_no_stall() -> None:
    stalls = stalls_of(run(), Recognition(), ())
    assert stalls == Stalls(None, None, None, 0.0, pytest.approx(10.0), 10.0, 0)  # type: ignore[arg-type]
    causes = (function(0.9),)
    assert with_stalls(causes, causes, stalls, 0.2) == causes
    assert with_stalls(causes, causes, None, 0.2) == causes


def test_waiting_for_a_cpu_is_taken_from_the_code_of_the_service() -> None:
    stalls = Stalls(4.0, 3.0, None, 0.0, 10.0, 10.0, loops=1)
    parts = (function(0.8), statement(0.2))
    code, query, waiting = with_stalls(parts, parts, stalls, 0.2)
    assert (waiting.kind, waiting.what, waiting.share) == ("wait", "waiting for a CPU", 0.4)
    assert waiting.evidence == (
        "its threads were ready and had no CPU for 400 ms in each second of the window"
    )
    assert (code.share, code.lower, code.upper) == pytest.approx((0.4, 0.35, 0.425))
    assert query == statement(0.2)
    assert sum(one.share for one in (code, query, waiting)) == pytest.approx(1.0)


HOLDERS: dict[str, tuple[float, float, CpuUse | None, CpuHolder]] = {
    # CPUs that the service used, its waiting in each second, the others
    "one busy loop, beside neighbours": (0.4, 0.5, CpuUse(1.4, 0.2, 2.0), "others"),
    "one busy loop, beside a busy generator": (0.4, 0.5, CpuUse(0.2, 0.9, 2.0), "generators"),
    "8 threads": (1.6, 6.4, CpuUse(0.1, 0.2, 2.0), "service"),
    "8 threads, most CPUs taken": (0.5, 7.5, CpuUse(1.2, 0.2, 2.0), "others"),
    "all that it may use": (1.8, 0.5, CpuUse(0.1, 0.1, 2.0), "limit"),
    "its quota on a large machine": (0.5, 0.5, CpuUse(20.0, 0.4, 1.0), "limit"),
    "an unknown limit": (0.4, 0.5, CpuUse(1.4, 0.2), "others"),
    "nobody used enough": (0.4, 0.5, CpuUse(0.1, 0.2, 2.0), "unknown"),
    "others are not read": (0.4, 0.5, None, "unknown"),
    "no CPU time": (0.0, 0.5, CpuUse(1.4, 0.2, 2.0), "unknown"),
}


@pytest.mark.parametrize(("used", "waited", "use", "holder"), HOLDERS.values(), ids=HOLDERS)
def test_holder_of_the_cpus(
    used: float, waited: float, use: CpuUse | None, holder: CpuHolder
) -> None:
    stalls = Stalls(10 * waited, 10 * used, None, 0.0, 10.0, 10.0, 1, use)
    assert stalls.holder == holder


def test_holder_is_read_from_the_window() -> None:
    neighbours = (
        counter(WAIT, 4.0, {"provider": "psutil"}),
        counter("process_cpu_seconds_total", 3.0),
        counter("harness_other_cpu_seconds_total", 14.0, {"provider": "psutil"}),
        series("system_cpu_logical_count", lambda _: 2.0, {"provider": "psutil"}),
        *(
            series("harness_generator_cpu_ratio", lambda _: 0.2, {"source": source}, instance="")
            for source in ("worker-1", "worker-2")
        ),
    )
    stalls = stalls_of(run(*neighbours), by_default(), ())
    assert stalls is not None
    assert stalls.use == CpuUse(pytest.approx(1.4), pytest.approx(0.4), 2.0)  # type: ignore[arg-type]
    assert stalls.holder == "others"


def test_wait_for_other_processes_is_no_fault_of_the_service() -> None:
    parts = (function(1.0),)
    stalls = Stalls(4.0, 3.0, None, 0.0, 10.0, 10.0, 1, CpuUse(1.4, 0.2, 2.0))
    (waiting,) = with_stalls((), parts, stalls, 0.2)
    assert (waiting.kind, waiting.share) == ("machine", 0.4)
    assert waiting.what == "waiting for a CPU that other processes used"
    assert waiting.evidence == (
        "its threads were ready and had no CPU for 400 ms in each second of the window;"
        " CPUs in use: other processes 1.40, load generator 0.20, service 0.30, of 2"
    )
    assert waiting.advice.startswith("not the service's fault")


def test_wait_for_its_own_threads_is_the_service_s() -> None:
    parts = (function(1.0),)
    stalls = Stalls(64.0, 16.0, None, 0.0, 80.0, 10.0, 0, CpuUse(0.1, 0.2, 2.0))
    (waiting,) = with_stalls((), parts, stalls, 0.2)
    assert (waiting.kind, waiting.share) == ("wait", 0.8)
    assert waiting.what == "waiting for a CPU that its own threads used"
    assert "fault" not in waiting.advice


def test_garbage_collection_is_a_cause_with_its_pauses() -> None:
    stalls = Stalls(None, 3.0, 3.0, 60.0, 10.0, 10.0, loops=1)
    (pause,) = with_stalls((), (function(1.0),), stalls, 0.2)
    assert pause.kind == "pause"
    assert pause.share == pytest.approx(0.3)
    assert pause.evidence == "60 pauses of 50 ms in the window"


@pytest.mark.parametrize(
    "causes",
    [
        (statement(1.0),),  # the database's time, not the service's
        (replace(function(1.0), service="other"),),  # another service's CPU
        (),
    ],
)
def test_stall_takes_nothing_from_what_others_do(causes: tuple[Cause, ...]) -> None:
    assert with_stalls(causes, causes, Stalls(9.0, 0.0, 9.0, 9.0, 10.0, 10.0, 1), 0.2) == causes


def test_stall_below_the_least_share_changes_nothing() -> None:
    causes = (function(0.9),)
    assert with_stalls(causes, causes, Stalls(1.9, 1.0, 0.1, 9.0, 10.0, 10.0, 1), 0.2) == causes


def test_stalls_are_no_more_than_the_code_that_they_are_a_part_of() -> None:
    stalls = Stalls(9.0, 0.0, 9.0, 9.0, 10.0, 10.0, 1)
    parts = (function(0.2), function(0.1), statement(0.7))
    code, waiting = with_stalls(parts[:1], parts, stalls, 0.2)
    assert [code.share, waiting.share] == pytest.approx([0.0, 0.3])


def test_without_the_cpu_time_nothing_is_said_of_waiting() -> None:
    parts = (function(1.0),)
    assert with_stalls(parts, parts, Stalls(9.0, None, None, 0, 10.0, 10.0, 1), 0.2) == parts


def test_code_that_ran_did_not_wait_meanwhile() -> None:
    # Threads beside the event loop waited, too: 20 s in a window of 10 s. All ran for 5 s.
    stalls = Stalls(20.0, 5.0, None, 0.0, 90.0, 10.0, loops=1)
    parts = (function(0.5), statement(0.5))
    code, _, waiting = with_stalls(parts, parts, stalls, 0.2)
    assert [code.share, waiting.share] == pytest.approx([0.1, 0.4])
