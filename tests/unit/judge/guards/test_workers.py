"""Guards on the workers of a distributed run."""

from typing import Any

import pytest

from harness import names
from harness.runs.model import Evidence, Requests, Status, Worker
from tests.unit.judge.evidence import TIMES, evidence, series
from tests.unit.judge.guards.guarding import CLOSED, account, found, tripped

ALIVE = (Worker(name="worker-1"), Worker(name="worker-2"))
LOST = (Worker(name="worker-1"), Worker(name="worker-2", lost="killed by SIGKILL", lost_at=1003.0))


def reports(source: str, left_out: tuple[float, float] = (99.0, 99.0)) -> Any:
    """A report each second of the run, but for those within an interval around START."""
    start, end = left_out
    times = [t for t in TIMES if not start < t - 1000.0 < end]
    return series(names.GENERATOR_STARTED, lambda t: t, {names.SOURCE: source}, "", times)


@pytest.mark.parametrize(
    ("workers", "status", "counts", "outcome", "reason"),
    [
        pytest.param(ALIVE, "complete", account(), "ok", "all 2 workers ran", id="all alive"),
        pytest.param(
            LOST, "complete", account(), "ok", "the run is degraded", id="degraded, open model"
        ),
        pytest.param(
            LOST,
            "complete",
            CLOSED,
            "tripped",
            "leaves 1 of 2 workers: the lost users were missing",
            id="degraded, closed",
        ),
        pytest.param(
            LOST, "failed", account(), "tripped", "worker-2 was lost (killed by SIGKILL)", id="lost"
        ),
        pytest.param(
            LOST,
            "aborted",
            account(),
            "tripped",
            "workers; see the worker's log, and run it again",
            id="lost and aborted",
        ),
    ],
)
def test_worker_that_was_lost_trips_unless_the_others_went_on(
    workers: tuple[Worker, ...], status: Status, counts: Requests, outcome: str, reason: str
) -> None:
    guard = found(evidence(workers=workers, status=status, requests=counts))["workers"]
    assert (guard.outcome, guard.scope, guard.limit) == (outcome, "all", 0)
    assert reason in guard.reason


def test_worker_whose_arrivals_nobody_took_over_is_missed() -> None:
    run = evidence(workers=LOST, requests=account(sent=800))
    assert tripped(run) == {"load-delivered"}


def test_worker_guards_do_not_apply_to_a_single_generator() -> None:
    alone = found(evidence(series(names.GENERATOR_STARTED, lambda t: t, instance="")))
    assert not {"workers", "late-worker", "clock-offset"} & set(alone)


@pytest.mark.parametrize(
    ("left_out", "longest", "outcome"),
    [
        pytest.param((-9.0, 3.5), 4.0, "tripped", id="joined 4 s into the window"),
        pytest.param((-9.0, 2.5), 3.0, "ok", id="joined 3 s into the window"),
        pytest.param((-9.0, -1.5), 1.0, "ok", id="joined in the warm-up"),
        pytest.param((2.5, 6.5), 5.0, "tripped", id="silent for 5 s"),
        pytest.param((6.5, 11.5), 4.0, "tripped", id="silent at the end"),
        pytest.param((99.0, 99.0), 1.0, "ok", id="a report each second"),
    ],
)
def test_worker_that_is_late_or_silent_trips(
    left_out: tuple[float, float], longest: float, outcome: str
) -> None:
    guard = found(evidence(reports("worker-1"), reports("worker-2", left_out)))["late-worker"]
    assert (guard.outcome, guard.value) == (outcome, longest)
    assert ("worker-2 was silent" in guard.reason) == (outcome == "tripped")
    assert ("raise the warm-up" in guard.reason) == (outcome == "tripped")


def test_worker_that_is_lost_is_not_late_as_well() -> None:
    run = evidence(
        reports("browse/worker-1"),
        reports("browse/worker-2", (3.5, 12.0)),
        reports("browse/worker-3"),
        workers=LOST,
    )
    assert found(run)["late-worker"].outcome == "ok"


def test_worker_of_a_load_that_begins_later_is_not_late() -> None:
    loads = [{"name": "browse", "start": 0.0}, {"name": "buy", "start": 12.0}]
    run = evidence(reports("browse"), reports("buy", (-9.0, 6.5)), loads=loads)
    assert found(run)["late-worker"].outcome == "ok"


@pytest.mark.parametrize(
    ("fields", "outcome", "reason"),
    [
        pytest.param(
            {"round_trip": 0.1, "drift": 0.05}, "ok", "known to 50 ms", id="at the limits"
        ),
        pytest.param({"round_trip": 0.11}, "tripped", "use a worker that is nearer", id="far"),
        pytest.param({"round_trip": 0.001, "drift": 0.06}, "tripped", "moved by 60 ms", id="ahead"),
        pytest.param(
            {"round_trip": 0.001, "drift": -0.06}, "tripped", "Use another one", id="behind"
        ),
    ],
)
def test_worker_whose_clock_is_not_known_trips(
    fields: dict[str, float], outcome: str, reason: str
) -> None:
    near = Worker(name="worker-1", offset=0.0, round_trip=0.0005)
    run: Evidence = evidence(workers=(near, Worker(name="worker-2", offset=9.0, **fields)))
    guard = found(run)["clock-offset"]
    assert (guard.outcome, guard.scope) == (outcome, "client")
    assert reason in guard.reason


def test_worker_whose_clock_was_never_measured_has_no_such_guard() -> None:
    assert "clock-offset" not in found(evidence(workers=ALIVE))
