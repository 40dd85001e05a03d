"""Guards on each process of the load generator, never on readings of two of them paired up."""

from collections.abc import Sequence

import pytest

from harness import names
from harness.budgets.model import Budget, ErrorRatio, Latency, Throughput
from harness.runs.model import Evidence, Requests
from harness.units import Unit
from tests.unit.judge.evidence import budget, evidence, requests
from tests.unit.judge.guards.guarding import CLOSED, P95, account, by_value, found, readings

ERRORS = budget(ErrorRatio(), 0.01, unit=Unit.RATIO, name="errors")
RATE = budget(Throughput(), 50.0, "min", Unit.PER_SECOND, name="rate")


@pytest.mark.parametrize(
    ("busy", "worst"),
    [
        pytest.param((0.1, 0.86, 0.99, 0.1), 0.86, id="two seconds on end"),
        pytest.param((0.1, 0.99, 0.1, 0.99, 0.1), 0.1, id="single busy seconds"),
        pytest.param((0.85, 0.85), 0.85, id="busy up to the limit"),
    ],
)
def test_generator_cpu_trips_when_short_of_it_for_two_seconds(
    busy: Sequence[float], worst: float
) -> None:
    guard = found(evidence(readings(names.GENERATOR_CPU, busy)))["generator-cpu"]
    assert (guard.outcome, guard.value) == ("tripped" if worst > 0.85 else "ok", worst)
    assert guard.scope == "client"


def test_generator_cpu_of_two_processes_is_not_paired_up() -> None:
    one = readings(names.GENERATOR_CPU, [0.1, 0.99, 0.1, 0.99], "worker-1")
    other = readings(names.GENERATOR_CPU, [0.99, 0.1, 0.99, 0.1], "worker-2")
    assert found(evidence(one, other))["generator-cpu"].outcome == "ok"
    third = readings(names.GENERATOR_CPU, [0.9, 0.9], "worker-3")
    guard = found(evidence(one, other, third))["generator-cpu"]
    assert guard.outcome == "tripped"
    assert "the generator worker-3 used up to 90% of a core" in guard.reason


def paused(name: str, values: Sequence[float], latency: float, counts: Requests) -> Evidence:
    """Requests of one latency, but for one in each batch that no queue kept waiting."""
    run = requests(ok=[0.01] * 5 + [latency] * 95)
    return evidence(readings(name, values), latency=run, requests=counts)


PAUSES = [
    (names.GENERATOR_STEAL, "host-steal", 0.1),
    (names.GENERATOR_THROTTLED, "cgroup-throttled", 0.05),
]


@pytest.mark.parametrize(("reading", "name", "limit"), PAUSES, ids=["steal", "throttled"])
@pytest.mark.parametrize(
    ("times", "latency", "counts", "turned"),
    [
        pytest.param((0, 1.1, 1.1, 0), 0.21, account(), True, id="over the limit, a breach"),
        pytest.param((0, 0.9, 0.9, 0), 0.21, account(), False, id="under the limit"),
        pytest.param((0, 9.0, 0, 9.0), 0.21, account(), False, id="single seconds"),
        pytest.param((0, 1.1, 1.1, 0), 0.1, account(), False, id="it holds in spite of that"),
        pytest.param((0, 1.1, 1.1, 0), 0.1, CLOSED, True, id="users that were paused ask less"),
    ],
)
def test_pauses_take_away_latency_that_they_could_have_turned(
    reading: str,
    name: str,
    limit: float,
    times: Sequence[float],
    latency: float,
    counts: Requests,
    turned: bool,
) -> None:
    run = paused(reading, [limit * share for share in times], latency, counts)
    guard = found(run, P95, ERRORS)[name]
    assert (guard.outcome, guard.budgets) == (
        ("tripped", ("the-budget",)) if turned else ("ok", None)
    )
    assert guard.limit == limit
    verdicts = by_value((P95, ERRORS), run)
    expected = "inconclusive" if turned else "pass" if latency < 0.2 else "fail"
    assert [v.outcome for v in verdicts] == [expected, "pass"]


@pytest.mark.parametrize(("bound", "turned"), [(50.0, False), (12.0, True), (5.0, False)])
def test_pauses_take_away_a_throughput_that_was_not_reached(bound: float, turned: bool) -> None:
    run = paused(names.GENERATOR_STEAL, [0.2, 0.2], 0.01, CLOSED)
    rate = budget(Throughput(), bound, "min", Unit.PER_SECOND)
    assert (found(run, rate)["host-steal"].outcome == "tripped") == turned


@pytest.mark.parametrize(("during", "after", "turned"), [(2, 8, False), (8, 0, True)])
def test_pauses_after_the_window_take_away_no_throughput(
    during: int, after: int, turned: bool
) -> None:
    """10/s of 50/s: eight seconds of ten are to be lost before that may be due to pauses."""
    taken = [0.2] * during + [0.0] * (10 - during) + [0.2] * after
    run = paused(names.GENERATOR_STEAL, taken, 0.01, CLOSED)
    assert (found(run, RATE)["host-steal"].outcome == "tripped") == turned


@pytest.mark.parametrize(
    ("seconds", "slow", "turned"),
    [
        pytest.param([0, 1, 1, 0], 0.21, True, id="each batch may wait for the first one"),
        pytest.param(
            [0] * 8 + [1, 1], 0.21, False, id="the requests before the pause are slow too"
        ),
        pytest.param([1] * 10, 12.0, False, id="longer than all pauses together"),
        pytest.param([1] * 10, 9.0, True, id="not longer than all pauses together"),
    ],
)
def test_pauses_explain_at_most_the_time_that_they_took(
    seconds: Sequence[float], slow: float, turned: bool
) -> None:
    run = paused(names.GENERATOR_STEAL, [0.2 * one for one in seconds], slow, account())
    assert (found(run, P95)["host-steal"].outcome == "tripped") == turned


def test_pauses_that_end_leave_a_queue_no_longer_than_half_of_the_requests_waited() -> None:
    """A breach of one request in ten, on a service of which the others take 10 ms."""
    run = evidence(
        readings(names.GENERATOR_STEAL, [0.2, 0.2]),
        latency=requests(ok=[0.002] * 5 + [0.01] * 900 + [0.3] * 100),
        requests=account(),
    )
    assert found(run, P95)["host-steal"].outcome == "ok"
    near = budget(Latency(0.95), 0.295)
    reason = found(run, near)["host-steal"].reason
    assert "the verdict on the-budget (5 ms over its bound, and perhaps " in reason


def test_pauses_that_cannot_be_read_are_no_guards() -> None:
    assert not {"host-steal", "cgroup-throttled", "generator-cpu"} & set(found(evidence()))


def test_throttling_is_a_share_of_the_time_between_two_reports() -> None:
    late_report = readings(names.GENERATOR_THROTTLED, [0.0, 0.04], first=1.0)
    other = readings(names.GENERATOR_THROTTLED, [0.16, 0.16], first=4.0)
    run = evidence(late_report, other, latency=requests(ok=[0.21]))
    assert found(run, P95)["cgroup-throttled"].value == pytest.approx(0.16 / 2)


# --- users in step ------------------------------------------------------------------------------


def in_step(
    share: float, rate: float = 300.0, *, closed: bool = True, source: str = ""
) -> Evidence:
    totals = [rate * second for second in range(11)]
    return evidence(
        readings(names.GENERATOR_STARTED, totals, source, first=0.0),
        readings(names.GENERATOR_FULLEST, [share * total for total in totals], source, first=0.0),
        readings(
            names.GENERATOR_ASKED, [0.0 if closed else total for total in totals], source, first=0.0
        ),
        requests=CLOSED if closed else account(),
    )


@pytest.mark.parametrize(
    ("share", "rate", "outcome"),
    [
        pytest.param(1.0, 300.0, "tripped", id="all within 50 ms"),
        pytest.param(0.41, 300.0, "tripped", id="just over the limit"),
        pytest.param(0.39, 300.0, "ok", id="just under the limit"),
        pytest.param(0.08, 300.0, "ok", id="random arrivals"),
        pytest.param(1.0, 20.0, "tripped", id="as slow as can be told"),
    ],
)
@pytest.mark.parametrize("source", ["", "worker-2"])
def test_users_in_step_trip(share: float, rate: float, outcome: str, source: str) -> None:
    guard = found(in_step(share, rate, source=source))["phase-locked"]
    assert (guard.outcome, guard.scope) == (outcome, "all")
    assert guard.value == pytest.approx(share)


def test_users_in_step_are_not_looked_for_where_they_cannot_be() -> None:
    assert "phase-locked" not in found(in_step(1.0, 15.0))
    assert "phase-locked" not in found(in_step(1.0, closed=False))


def test_users_in_step_are_found_beside_a_load_that_has_a_schedule() -> None:
    closed, opened = in_step(0.9, source="visitors"), in_step(1.0, closed=False, source="buyers")
    both = evidence(*closed.series, *opened.series, requests=account())
    guard = found(both)["phase-locked"]
    assert guard.outcome == "tripped"
    assert guard.value == pytest.approx(0.9)
    assert "the generator visitors sent 90%" in guard.reason


@pytest.mark.parametrize("rate", [20, 50, 300, 2000])
def test_random_arrivals_are_far_from_the_limit(rate: int) -> None:
    """The expected share of the fullest twentieth, by simulation."""
    import numpy as np

    random = np.random.default_rng(rate)
    slots = random.poisson(rate / 20, size=(4000, 20))
    share = slots.max(axis=1).sum() / slots.sum()
    assert share < 0.2
    assert found(in_step(float(share), rate))["phase-locked"].outcome == "ok"


def test_budgets_that_nothing_paused_keep_their_verdict() -> None:
    every: tuple[Budget, ...] = (P95, ERRORS, budget(Latency(None), 0.2, name="mean"))
    assert {v.outcome for v in by_value(every, evidence())} == {"pass"}
