"""A version that loses requests works less: that makes no comparison pass, and none fail."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

import pytest

from harness import names
from harness.budgets.model import (
    Budget,
    ErrorRatio,
    Gauge,
    Latency,
    PerRequest,
    Rate,
    Selector,
    Throughput,
)
from harness.judge.compare.compare import compare
from harness.judge.compare.describe import worse_text
from harness.judge.compare.model import BudgetChange, Pair, Rules, SideMeasurements
from harness.judge.compare.served import served_share
from harness.judge.guards.all import guards
from harness.judge.measure.measure import measure_budgets
from harness.judge.model import guard
from harness.runs.model import Evidence, LatencyKey, Requests
from harness.units import Unit
from tests.unit.judge.evidence import budget, counter, distribution, evidence, requests, series

RULES = Rules(most=12)
NOISE = (1.0, 1.004, 0.997, 1.002, 0.999, 1.001, 1.003, 0.996, 1.0, 1.002, 0.998, 1.001)
P50 = budget(Latency(0.5), 0.2, name="p50", max_regression=0.1)
QUERIES = budget(
    PerRequest(Selector("queries")), 9, unit=Unit.COUNT, name="queries", max_regression=0.1
)
CPU = budget(Rate(Selector("cpu")), 9, unit=Unit.RATIO, name="cpu", max_regression=0.1)
MEMORY = budget(Gauge(Selector("memory")), 1e9, unit=Unit.BYTES, name="mem", max_regression=0.1)
ERRORS = budget(ErrorRatio(), 0.01, unit=Unit.RATIO, name="errors", max_regression=0.1)
DONE = budget(Throughput(), 1, "min", Unit.PER_SECOND, "done", max_regression=0.1)


def version(factor: float, failed: int = 0, slow: float = 1.0) -> Evidence:
    """A version that fails some of its 100 requests; each other one costs it the same.

    Args:
        factor: Of all that it measures.
        failed: Requests that fail at once.
        slow: Times as slow and expensive as usual.
    """
    each, ok = factor * slow, 100 - failed
    return evidence(
        counter("queries", 3 * each * ok),
        counter("cpu", 0.05 * each * ok),
        series("memory", lambda _: 1e8 * each * (0.5 + ok / 200)),
        latency=requests(
            ok=[0.06 * each + 0.0008 * each * n for n in range(ok)], failed=[0.001] * failed
        ),
    )


def silent() -> Evidence:
    """A version that answers none of 100 requests, and does nothing."""
    waits = {
        LatencyKey(what, "", "GET", "/contacts"): distribution([40.0] * 100)
        for what in (names.UNANSWERED_LATENCY, names.UNANSWERED_SERVICE_TIME)
    }
    account = Requests(asked=100, sent=100, started=100, in_flight=100)
    run = evidence(series("memory", lambda _: 1e8), latency=waits, requests=account, waited=30.0)
    return replace(run, unanswered=100)


def side(one: Budget, run: Evidence) -> SideMeasurements:
    found = measure_budgets((one,), run)
    measurements = {each.name: each.measurement for each in found}
    return SideMeasurements(measurements, guards(run, found), served_share(run))


def change(
    one: Budget,
    baseline: Callable[[float], Evidence],
    candidate: Callable[[float], Evidence],
    noise: Sequence[float] = NOISE,
) -> BudgetChange:
    pairs = [Pair(side(one, baseline(1.0)), side(one, candidate(n)), 20.0) for n in noise]
    return compare([one], pairs, RULES).changes[0]


@pytest.mark.parametrize("one", [P50, replace(P50, bound=0.01), QUERIES, CPU, MEMORY])
def test_candidate_that_fails_requests_does_not_pass_because_it_works_less(one: Budget) -> None:
    assert change(one, version, version).outcome == "pass"
    found = change(one, version, lambda n: version(n, failed=40))
    assert found.outcome == "inconclusive"
    assert (
        "the candidate answered 60% of its load without a failure, and the baseline 100%"
        in found.reason
    )
    assert found.reason.endswith("repair that first")
    sides = [side(one, version(n, failed=40)).measurements[one.name].value for n in NOISE]
    assert found.candidate == median(value for value in sides if value is not None)
    assert found.upper is None
    assert f"better (>= {worse_text(found.lower or 0.0)}), but the candidate" in found.reason


@pytest.mark.parametrize("one", [QUERIES, CPU])
def test_baseline_that_fails_requests_does_not_make_the_candidate_fail(one: Budget) -> None:
    found = change(one, lambda n: version(n, failed=40), version)
    assert found.outcome == "inconclusive"
    assert "the baseline answered 60% of its load" in found.reason


@pytest.mark.parametrize("one", [QUERIES, CPU])
def test_regression_is_one_although_requests_fail(one: Budget) -> None:
    assert change(one, version, lambda n: version(n, failed=40, slow=3.0)).outcome == "fail"
    few = change(one, lambda n: version(n, failed=5), lambda n: version(n, slow=2.0))
    assert few.outcome == "fail"


@pytest.mark.parametrize("one", [P50, QUERIES, CPU, MEMORY])
def test_failures_that_both_versions_have_change_nothing(one: Budget) -> None:
    both = lambda n: version(n, failed=40)  # noqa: E731
    assert change(one, both, both).outcome == "pass"


def test_expensive_requests_that_fail_are_no_improvement() -> None:
    """A third of the requests need 10 queries, the others 1; the candidate fails the former."""
    baseline = evidence(counter("queries", 400))
    cheap = requests(ok=[0.01] * 67, failed=[0.001] * 33)
    found = change(
        QUERIES, lambda _: baseline, lambda n: evidence(counter("queries", 67 * n), latency=cheap)
    )
    assert found.outcome == "inconclusive"


def test_few_lost_requests_leave_room_for_a_pass() -> None:
    assert change(QUERIES, version, lambda n: version(n, failed=3)).outcome == "pass"


@pytest.mark.parametrize("one", [ERRORS, DONE])
def test_budgets_that_count_the_failures_fail(one: Budget) -> None:
    assert change(one, version, lambda n: version(n, failed=40)).outcome == "fail"


def test_versions_that_answer_nothing_are_not_compared_by_what_they_use() -> None:
    found = change(MEMORY, version, lambda _: silent())
    assert found.outcome == "inconclusive"
    assert "the candidate answered 0% of its load" in found.reason
    found = change(MEMORY, lambda _: silent(), lambda _: silent())
    assert found.outcome == "inconclusive"
    assert "neither version answered a request without a failure" in found.reason


def test_served_share_is_that_of_the_scheduled_load() -> None:
    assert served_share(version(1.0)) == 1.0
    assert served_share(version(1.0, failed=25)) == 0.75
    assert served_share(silent()) == 0.0
    half = Requests(asked=200, sent=100, started=100, recorded=100)
    assert (
        served_share(evidence(latency=requests(ok=[0.01] * 80, failed=[0.01] * 20), requests=half))
        == 0.4
    )


def test_what_cannot_pass_is_undecided_as_soon_as_it_seems_to_pass() -> None:
    assert change(QUERIES, version, version).decided_after == 4
    assert change(QUERIES, version, lambda n: version(n, failed=40)).decided_after == 4


ENDED = guard("target-alive", "the service was killed by signal 11", tripped=True, scope="all")


@pytest.mark.parametrize(
    ("worse", "outcome"), [(1.0, "inconclusive"), (2.0, "fail")], ids=["alike", "slower"]
)
@pytest.mark.parametrize("number", [0, 4])
def test_candidate_that_ends_under_the_load_of_a_pair_does_not_pass_by_the_others(
    worse: float, outcome: str, number: int
) -> None:
    pairs = [
        Pair(side(QUERIES, version(1.0)), side(QUERIES, version(n * worse)), 20.0)
        for n in NOISE[:5]
    ]
    assert compare([QUERIES], pairs, RULES).changes[0].outcome == (
        "pass" if worse == 1.0 else "fail"
    )
    crashed = replace(pairs[number].candidate, guards=(ENDED,))
    pairs[number] = replace(pairs[number], candidate=crashed)
    found = compare([QUERIES], pairs, RULES)
    assert found.outcome == outcome
    assert found.done
    if outcome == "inconclusive":
        assert "the candidate ended under the load in 1 of 5 pairs; see its target.log" in (
            found.changes[0].reason
        )


def test_baseline_that_ends_under_the_load_only_leaves_its_pairs_out() -> None:
    pairs = [Pair(side(P50, version(1.0)), side(P50, version(n)), 20.0) for n in NOISE[:5]]
    pairs[0] = replace(pairs[0], baseline=replace(pairs[0].baseline, guards=(ENDED,)))
    assert compare([P50], pairs, RULES).outcome == "pass"
