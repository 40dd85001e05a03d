"""The values of the live line, from the reports of one source and of several."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.budgets.model import Load, Scenario
from harness.budgets.workload import ClosedWorkload, OpenWorkload, Stage, UserStage
from harness.load.progress import Meter
from harness.load.protocol.frames import Report
from harness.runs.cells import Cell, bucket_of
from harness.runs.model import Progress

OPEN = Load(Path("a.py"), OpenWorkload((Stage(50, 10), Stage(80, 10))), "browse")
LATER = Load(Path("b.py"), OpenWorkload((Stage(20, 15),)), "order", start=5.0)
CLOSED = Load(Path("c.py"), ClosedWorkload((UserStage(5, 20),)), "admin")


def scenario(*loads: Load, workers: int = 1) -> Scenario:
    return Scenario("test", loads, warm_up=4.0, duration=16.0, workers=workers)


def report(
    recorded: int, *, source: str = "", in_flight: int = 0, cells: tuple[Cell, ...] = ()
) -> Report:
    accounts = {"asked": 0, "sent": 0, "dropped": 0, "lost": 0, "oldest": 0.0, "users": 1}
    idle = {"idle_users": None, "backlog": 0, "cpu": 0.1, "memory": 1}
    return Report(
        at=0.0,
        cells=cells,
        started=recorded + in_flight,
        recorded=recorded,
        in_flight=in_flight,
        source=source,
        **accounts,  # type: ignore[arg-type]
        **idle,  # type: ignore[arg-type]
    )


def latencies(*seconds: float, outcome: str = "ok") -> Cell:
    return Cell("latency", outcome, "GET", "/", 0, {bucket_of(one): 1 for one in seconds})


def test_single_source_makes_a_line_of_each_report() -> None:
    meter = Meter(scenario(OPEN))
    lines = [
        meter.progress(report(0, in_flight=3), 1.0),
        meter.progress(report(60), 2.5),
        meter.progress(report(100), 21.0),
    ]
    assert [(line.rate, line.in_flight) for line in lines if line] == [
        (0.0, 3),
        (40.0, 0),
        (pytest.approx(40 / 18.5), 0),
    ]
    assert [line.phase for line in lines if line] == ["warm-up", "warm-up", "draining"]
    assert [line.elapsed for line in lines if line] == [1.0, 2.5, 20.0]


def test_rate_is_that_of_the_load_without_requests_of_on_start() -> None:
    meter = Meter(scenario(OPEN))
    buckets = {bucket_of(0.01): 70}
    starts = tuple(Cell("latency", "ok", "POST", "/login", second, buckets) for second in (-6, -5))
    load = Cell("latency", "ok", "GET", "/", -4, {bucket_of(0.01): 30})
    lines = [
        meter.progress(report(170, cells=(*starts, load)), 1.0),
        meter.progress(report(220), 2.0),
    ]
    assert [line.rate for line in lines if line] == [30.0, 50.0]


def test_several_sources_make_one_line_a_second_of_their_sums() -> None:
    meter = Meter(scenario(OPEN, workers=3))
    lines = []
    for second in range(1, 6):
        for number, source in enumerate(("a", "b", "c")):
            account = report(second * (10 + number), source=source, in_flight=number)
            lines.append(meter.progress(account, second + number / 10))
    shown = [line for line in lines if line]
    assert [line.in_flight for line in shown] == [3] * 5
    assert [line.rate for line in shown] == pytest.approx([33.0] * 5)


def test_line_does_not_wait_for_a_load_that_has_not_begun() -> None:
    meter = Meter(scenario(OPEN, LATER))
    lines = [meter.progress(report(50 * t, source="browse"), float(t)) for t in range(1, 6)]
    assert [line.rate for line in lines if line] == [50.0] * 5
    assert meter.progress(report(300, source="browse"), 6.0) is None
    both = meter.progress(report(20, source="order"), 6.0)
    assert both is not None
    assert both.rate == 70.0


def test_silent_source_does_not_delay_lines_and_is_not_counted() -> None:
    meter = Meter(scenario(OPEN, workers=2))
    for source in ("a", "b"):
        meter.progress(report(10, source=source, in_flight=1), 1.0)
    lines = [meter.progress(report(10 * t, source="a", in_flight=1), float(t)) for t in range(2, 9)]
    shown = [line for line in lines if line]
    assert len(shown) == 6
    assert (shown[0].rate, shown[0].in_flight) == (20.0, 2)
    assert (shown[-1].rate, shown[-1].in_flight) == (10.0, 1)


def test_p95_and_errors_are_those_of_all_sources() -> None:
    meter = Meter(scenario(OPEN, workers=2))
    fast = latencies(*(i / 1000 for i in range(1, 20)))
    slow = (latencies(5.0, 6.0, outcome="error"), Cell("service_time", "ok", "GET", "/", 0, {1: 9}))
    assert meter.progress(report(19, source="a", cells=(fast,)), 1.0) is None
    line = meter.progress(report(2, source="b", cells=slow), 1.0)
    assert line is not None
    assert line.errors == 2
    assert line.p95 == pytest.approx(5.0, rel=1e-3)  # of 21 times the 20th is the 95th percentile


def test_p95_covers_the_last_five_seconds() -> None:
    meter = Meter(scenario(OPEN))
    first = meter.progress(report(1, cells=(latencies(9.0),)), 1.0)
    later = [meter.progress(report(1 + i, cells=(latencies(0.5),)), 1.0 + i) for i in range(1, 6)]
    assert first is not None
    assert first.p95 == pytest.approx(9.0, rel=1e-3)
    assert [line.p95 for line in later if line] == pytest.approx([9.0] * 4 + [0.5], rel=1e-3)


def test_p95_without_requests_is_none() -> None:
    line = Meter(scenario(OPEN)).progress(report(0), 1.0)
    assert isinstance(line, Progress)
    assert line.p95 is None


@pytest.mark.parametrize(
    ("loads", "elapsed", "rate"),
    [
        pytest.param((OPEN,), 1.0, 50.0, id="one load"),
        pytest.param((OPEN, LATER), 1.0, 50.0, id="the other has not begun"),
        pytest.param((OPEN, LATER), 6.0, 70.0, id="both"),
        pytest.param((OPEN, LATER), 12.0, 100.0, id="both, the first in its second stage"),
        pytest.param((OPEN, LATER), 20.0, None, id="the schedules are over"),
        pytest.param((OPEN, CLOSED), 6.0, None, id="one has no schedule"),
    ],
)
def test_asked_rate_is_the_sum_of_the_loads(
    loads: tuple[Load, ...], elapsed: float, rate: float | None
) -> None:
    meter = Meter(scenario(*loads))
    lines = [meter.progress(report(0, source=load.name), elapsed) for load in loads]
    assert [line.asked_rate for line in lines if line][-1] == rate


def test_line_shows_the_planned_end_until_the_run_goes_on() -> None:
    meter = Meter(replace(scenario(OPEN), warm_up=5.0, duration=45.0, planned=15.0))
    lines = [meter.progress(report(10), at) for at in (10.0, 21.0, 23.0, 40.0, 51.0)]
    assert [(line.phase, line.elapsed, line.total) for line in lines if line] == [
        ("measuring", 10.0, 20.0),
        ("measuring", 20.0, 20.0),  # the last look has not ended yet
        ("measuring", 23.0, 50.0),
        ("measuring", 40.0, 50.0),
        ("draining", 50.0, 50.0),
    ]
