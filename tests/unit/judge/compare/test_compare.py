"""Two versions compared by pairs: decisions, what is left out, and what holds for any data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from math import expm1, log
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.budgets.model import Budget, ErrorRatio, Latency, Ratio, Selector, Waiver
from harness.judge.compare.compare import compare, compared, exclusion_reason, most_pairs
from harness.judge.compare.model import BudgetChange, Comparison, Pair, Rules, SideMeasurements
from harness.judge.compare.sequential import design, hodges_lehmann, look
from harness.judge.model import Guard, Measurement, Scope, guard
from harness.units import Unit
from tests.unit.judge.evidence import budget

P95 = budget(Latency(), 0.2, name="p95", max_regression=0.1)
QUERIES = budget(
    Ratio(Selector("queries"), Selector("requests")),
    3,
    unit=Unit.COUNT,
    name="queries",
    max_regression=0.1,
)
RULES = Rules()
STEAL = guard("host-steal", "the host took 9% of the time.", tripped=True)
CALM = guard("host-steal", "", tripped=False)

QUIET = (0.0, 0.01, -0.01, 0.005, -0.005, 0.002, -0.002)
WORSE = (0.2, 0.21, 0.19, 0.2, 0.205)
NOISE = tuple(np.random.default_rng(5).normal(0.05, 0.3, 40))


def measured(value: float | None, samples: int = 500) -> Measurement:
    if value is None:
        return Measurement(None, 0, "load generator", reason="nothing was measured")
    return Measurement(value, samples, "load generator")


def pair(
    values: Mapping[str, tuple[float | None, float | None]],
    before: tuple[Guard, ...] = (),
    after: tuple[Guard, ...] = (),
) -> Pair:
    return Pair(
        SideMeasurements({name: measured(b) for name, (b, _) in values.items()}, before),
        SideMeasurements({name: measured(c) for name, (_, c) in values.items()}, after),
        seconds=20.0,
    )


def pairs(**ratios: Sequence[float]) -> list[Pair]:
    """Pairs with such log ratios, by the name of the budget; the baseline's value is 0.1."""
    return [
        pair({name: (0.1, 0.1 * np.exp(value)) for name, value in zip(ratios, row, strict=True)})
        for row in zip(*ratios.values(), strict=True)
    ]


def after_each(budgets: Sequence[Budget], found: Sequence[Pair], rules: Rules) -> Comparison:
    """What the command does: one more pair until it is done."""
    for count in range(1, len(found) + 1):
        comparison = compare(budgets, found[:count], rules)
        if comparison.done:
            return comparison
    return comparison


OUTCOMES = {
    "no change passes after four quiet pairs": (QUIET, "pass", True, 4, 0),
    "twenty percent fail after four pairs": (WORSE, "fail", True, 4, 3),
    "noise is inconclusive after the most pairs": (NOISE, "inconclusive", True, 32, 4),
    "three pairs are not enough for anything": (QUIET[:3], "inconclusive", False, 3, 4),
}


@pytest.mark.parametrize(
    ("ratios", "outcome", "done", "count", "code"), OUTCOMES.values(), ids=OUTCOMES
)
def test_compare_one_budget(
    ratios: Sequence[float], outcome: str, done: bool, count: int, code: int
) -> None:
    found = after_each([P95], pairs(p95=ratios), RULES)
    assert (found.outcome, found.done, found.pairs) == (outcome, done, count)
    assert found.exit_code == code
    assert found.seconds == 20.0 * count


def test_change_has_the_figures_of_the_sequential_test() -> None:
    (change,) = compare([P95], pairs(p95=QUIET[:4]), RULES).changes
    state = look(QUIET[:4], design(0.1, 32, alpha=0.01))
    assert change.estimate == pytest.approx(expm1(state.estimate or 0), abs=1e-12)
    assert (change.lower, change.upper) == pytest.approx((expm1(state.lower), expm1(state.upper)))
    assert change.detectable == pytest.approx(state.detectable)
    assert change.ratios == pytest.approx(QUIET[:4])
    assert (change.pairs, change.left_out, change.decided_after) == (4, 0, 4)
    assert change.tolerance == 0.1
    assert change.baseline == pytest.approx(0.1)
    assert change.candidate == pytest.approx(0.1 * np.median(np.exp(QUIET[:4])))


def test_change_of_a_work_budget_is_exact() -> None:
    found = [pair({"queries": (2.0, 2.5)})] * 4
    comparison = compare([QUERIES], found, RULES)
    (change,) = comparison.changes
    assert (comparison.outcome, change.decided_after) == ("fail", 4)
    assert (change.estimate, change.lower, change.upper) == pytest.approx((0.25, 0.25, 0.25))
    assert compare([QUERIES], [pair({"queries": (2.0, 2.0)})] * 4, RULES).outcome == "pass"


def test_levels_are_shared_by_all_budgets_of_the_comparison() -> None:
    ratios = [0.02, 0.1, 0.05, 0.11]
    budgets = [replace(P95, name=f"b{i}") for i in range(10)]
    alone = compare(budgets[:1], pairs(b0=ratios), RULES).changes[0]
    among = compare(budgets, pairs(**{b.name: ratios for b in budgets}), RULES).changes[0]
    expected = [look(ratios, design(0.1, 32, alpha=0.01 / m)).lower for m in (1, 10)]
    assert [alone.lower, among.lower] == pytest.approx([expm1(end) for end in expected])
    assert (among.lower or 0) < (alone.lower or 0)
    assert among.upper == alone.upper


def test_too_many_budgets_are_refused() -> None:
    budgets = [replace(P95, name=f"b{i}") for i in range(51)]
    with pytest.raises(ValueError, match="too many budgets"):
        compare(budgets, pairs(**{b.name: QUIET for b in budgets}), RULES)


def test_compared_are_budgets_with_a_tolerance() -> None:
    plain = replace(P95, max_regression=None)
    assert compared([plain, QUERIES]) == (QUERIES,)
    nothing = compare([plain], pairs(p95=QUIET), RULES)
    assert (nothing.outcome, nothing.done, nothing.changes) == ("inconclusive", True, ())


def test_most_pairs_are_those_of_the_noisiest_budget() -> None:
    budgets = [P95, QUERIES, replace(P95, name="plain", max_regression=None)]
    assert most_pairs([P95], {"p95": 0.055}) == 16
    assert most_pairs(budgets, {"p95": 0.055, "queries": 0.0, "plain": 9.0}) == 24
    assert most_pairs(budgets, {"plain": 0.05}) is None


def test_decision_stands_although_later_pairs_would_not_give_it() -> None:
    late = [*QUIET[:4], *[0.4, -0.4] * 8]
    slow = list(np.random.default_rng(5).normal(0.05, 0.3, 20))
    found = compare([P95, QUERIES], pairs(p95=late, queries=slow), RULES)
    p95, queries = found.changes
    assert (p95.decision, p95.decided_after, p95.seconds) == ("pass", 4, 80.0)
    assert (queries.decision, queries.decided_after, queries.seconds) == ("continue", None, 400.0)
    assert not found.done
    assert p95.estimate == pytest.approx(expm1(hodges_lehmann(late)), abs=1e-9)
    # The interval of a later look is wider; the tightest ends of all looks hold.
    early = look(QUIET[:4], design(0.1, 32, alpha=0.005))
    assert (p95.lower, p95.upper) == pytest.approx((expm1(early.lower), expm1(early.upper)))


def test_first_failure_ends_the_comparison_when_fail_fast() -> None:
    found = pairs(p95=WORSE[:4], queries=NOISE[:4])
    comparison = compare([P95, QUERIES], found, RULES)
    assert (comparison.done, comparison.outcome) == (True, "fail")
    assert comparison.changes[1].decision == "continue"
    assert comparison.changes[1].outcome == "inconclusive"
    assert comparison.changes[1].reason == (
        "the comparison ended after 4 pairs, because p95 had failed"
    )
    patient = compare([P95, QUERIES], found, replace(RULES, fail_fast=False))
    assert (patient.done, patient.outcome) == (False, "fail")


WAIVED = replace(P95, waiver=Waiver(date(2027, 1, 1), "a known cost"))
LENIENT = {
    "severity warn only warns": (replace(P95, severity="warn"), WORSE[:4], "warn", 0),
    "a waiver makes a failure a warning": (WAIVED, WORSE[:4], "warn", 0),
    "a waived budget that holds passes": (WAIVED, QUIET[:4], "pass", 0),
    "nothing but an undecided warning is inconclusive": (
        replace(P95, severity="warn"),
        NOISE[:32],
        "inconclusive",
        4,
    ),
}


@pytest.mark.parametrize(("of", "ratios", "outcome", "code"), LENIENT.values(), ids=LENIENT)
def test_compare_lenient_budget(
    of: Budget, ratios: Sequence[float], outcome: str, code: int
) -> None:
    comparison = compare([of], pairs(p95=ratios), RULES)
    assert (comparison.done, comparison.outcome, comparison.exit_code) == (True, outcome, code)


def test_warning_does_not_end_the_comparison() -> None:
    lenient = replace(P95, severity="warn")
    comparison = compare([lenient, QUERIES], pairs(p95=WORSE[:4], queries=NOISE[:4]), RULES)
    assert not comparison.done


# --- what is left out ---------------------------------------------------------------------------


def with_guards(found: Sequence[Pair], spoilt: Sequence[int], by: Guard = STEAL) -> list[Pair]:
    """The pairs, of which those with the given numbers had a guard trip for the candidate."""
    return [
        replace(p, candidate=replace(p.candidate, guards=(by,))) if n in spoilt else p
        for n, p in enumerate(found, 1)
    ]


def test_pair_in_which_a_guard_tripped_is_left_out() -> None:
    ratios = [0.0, 5.0, 0.01, -0.01, 0.005]
    comparison = compare([P95], with_guards(pairs(p95=ratios), [2]), RULES)
    (change,) = comparison.changes
    assert (comparison.outcome, change.decided_after) == ("pass", 5)
    assert (change.pairs, change.left_out) == (4, 1)
    assert change.ratios[1] is None
    assert change.reason.endswith(
        "; 1 of 5 pairs was left out: host-steal tripped for the candidate: the host took 9% of the"
        " time"
    )
    assert [(o.pair, o.budgets, o.guard) for o in comparison.omissions] == [
        (2, ("p95",), "host-steal")
    ]


def test_omission_names_a_guard_of_either_side_and_none_without_data() -> None:
    found = pairs(p95=[0.0] * 4)
    spoilt = replace(found[0], baseline=replace(found[0].baseline, guards=(STEAL,)))
    without = replace(found[1].candidate, measurements={"p95": measured(None, 0)})
    comparison = compare([P95], [spoilt, replace(found[1], candidate=without), *found[2:]], RULES)
    assert [(o.pair, o.guard) for o in comparison.omissions] == [(1, "host-steal"), (2, "")]


LEFT_OUT = {
    "two of six are allowed": (6, [1, 2], "pass"),
    "three of six are more than a third": (6, [1, 2, 3], "inconclusive"),
    "one of five is allowed": (5, [5], "pass"),
    "all of six": (6, [1, 2, 3, 4, 5, 6], "inconclusive"),
}


@pytest.mark.parametrize(("count", "spoilt", "outcome"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_compare_with_pairs_left_out(count: int, spoilt: list[int], outcome: str) -> None:
    comparison = compare([P95], with_guards(pairs(p95=QUIET[:count]), spoilt), RULES)
    assert (comparison.done, comparison.outcome) == (True, outcome)
    if outcome == "inconclusive":
        assert comparison.changes[0].reason.startswith(
            f"{len(spoilt)} of {count} pairs were left out: host-steal tripped for the candidate"
        )


def test_first_pairs_left_out_do_not_end_the_comparison() -> None:
    assert not compare([P95], with_guards(pairs(p95=QUIET[:5]), [1, 2, 3]), RULES).done


TOUCHED = {
    "a guard on everything": ("all", "", None, ("p95", "queries")),
    "a guard on the client": ("client", "", None, ("p95",)),
    "a guard on latency": ("latency", "", None, ("p95",)),
    "a guard on the service's metrics": ("server", "", None, ("queries",)),
    "a guard that names the verdicts on a run that it turns": ("all", "", ("p95",), ()),
    "a guard that names the budgets whose series have gaps": (
        "server",
        "",
        ("queries",),
        ("queries",),
    ),
    "a guard that names other budgets": ("server", "", ("others",), ()),
    "a guard on one request": ("client", "GET /contacts", None, ()),
}


@pytest.mark.parametrize(("scope", "request_", "only", "left"), TOUCHED.values(), ids=TOUCHED)
def test_tripped_guard_leaves_the_pair_out_for_what_it_touches(
    scope: Scope, request_: str, only: tuple[str, ...] | None, left: tuple[str, ...]
) -> None:
    tripped = replace(STEAL, scope=scope, request=request_, budgets=only)
    found = pair({"p95": (0.1, 0.1), "queries": (2.0, 2.0)}, before=(CALM, tripped))
    assert tuple(b.name for b in (P95, QUERIES) if exclusion_reason(b, found)) == left


def test_pair_without_data_of_one_budget_counts_for_the_others() -> None:
    found = [pair({"p95": (0.1, 0.1), "queries": (2.0, None if n == 1 else 2.0)}) for n in range(5)]
    p95, queries = compare([P95, QUERIES], found, RULES).changes
    assert (p95.pairs, p95.left_out, queries.pairs, queries.left_out) == (5, 0, 4, 1)
    assert queries.outcome == "pass"


NO_DATA = {
    "inconclusive by default": ({}, (1.0, None), "inconclusive"),
    "a lack that fails": ({"on_no_data": "fail"}, (1.0, None), "fail"),
    "a lack in the baseline alone never fails": (
        {"on_no_data": "fail"},
        (None, 1.0),
        "inconclusive",
    ),
    "a lack that is ignored": ({"on_no_data": "ignore"}, (None, 1.0), "warn"),
    "a lack that fails, of severity warn": (
        {"on_no_data": "fail", "severity": "warn"},
        (None, None),
        "warn",
    ),
}


@pytest.mark.parametrize(("fields", "values", "outcome"), NO_DATA.values(), ids=NO_DATA)
def test_budget_without_data_in_any_pair_does_as_on_no_data_says(
    fields: dict[str, Any], values: tuple[float | None, float | None], outcome: str
) -> None:
    of = replace(QUERIES, **fields)
    found = [pair({"p95": (0.1, 0.1), "queries": values})] * 6
    comparison = compare([P95, of], found, RULES)
    assert comparison.done
    assert comparison.changes[1].outcome == outcome
    assert comparison.outcome == outcome


# --- reasons --------------------------------------------------------------------------------------


def reason(of: Budget, found: Sequence[Pair], rules: Rules = RULES) -> str:
    return compare([of], found, rules).changes[0].reason


def test_reason_of_a_pass_says_how_certain_it_is() -> None:
    assert reason(QUERIES, [pair({"queries": (2.0, 2.04)})] * 4) == (
        "queries per requests is 2.0% worse (+2.0% .. +2.0%), certainly less than the 10% tolerated"
    )
    assert reason(QUERIES, [pair({"queries": (2.0, 2.0)})] * 4) == (
        "queries per requests is unchanged (0.0% .. 0.0%), certainly less than the 10% tolerated"
    )


def test_reason_of_a_failure_says_whether_it_is_over_the_tolerance() -> None:
    assert reason(QUERIES, [pair({"queries": (2.0, 3.0)})] * 4) == (
        "queries per requests is 50.0% worse (+50.0% .. +50.0%), certainly more than the 10%"
        " tolerated"
    )
    perhaps = reason(P95, pairs(p95=[0.08, 0.09, 0.1, 0.09]))
    assert "is 9.4% worse (+" in perhaps
    assert "), certainly worse, and not certainly by less than the 10% tolerated" in perhaps


def test_reason_of_a_share_names_the_bad_events() -> None:
    hits = replace(QUERIES, name="hits", unit=Unit.RATIO, direction="min", bound=0.8)
    assert "the share of misses in the queries per requests is " in reason(
        hits, [pair({"hits": (0.9, 0.7)})] * 4
    )
    assert reason(ERRORS, failures(*[(0, 0)] * 4)).startswith(
        "the share of bad events in the error ratio of all requests is unchanged"
    )


ERRORS = budget(ErrorRatio(), 0.01, unit=Unit.RATIO, name="errors", max_regression=0.5)


def failures(*counts: tuple[int, int]) -> list[Pair]:
    """Pairs of 500 requests a side with so many failures."""
    return [pair({"errors": (before / 500, after / 500)}) for before, after in counts]


SCARCE = {
    "none on either side passes": ([(0, 0)] * 4, "pass"),
    "none in the candidate passes": ([(1, 0), (2, 0)] * 2, "pass"),
    "enough in the baseline passes": ([(20, 20), (20, 21)] * 2, "pass"),
    "few on both sides prove nothing": ([(1, 1), (2, 2)] * 8, "inconclusive"),
    "more in the candidate than in the baseline prove nothing": (
        [(0, 9), (0, 0), (0, 0), (0, 0)] * 4,
        "inconclusive",
    ),
    "few in the baseline and many in the candidate fail": ([(0, 30), (1, 32)] * 2, "fail"),
}


@pytest.mark.parametrize(("counts", "outcome"), SCARCE.values(), ids=SCARCE)
def test_share_of_few_bad_events(counts: list[tuple[int, int]], outcome: str) -> None:
    found = compare([ERRORS], failures(*counts), replace(RULES, most=16))
    assert (found.done, found.outcome) == (True, outcome)
    if outcome == "inconclusive":
        assert found.changes[0].reason.startswith("too few bad events to compare: ")
        assert found.changes[0].reason.endswith(
            " in the baseline's part of a pair, and 5 are needed; rely on max, or use a higher rate"
            " or more --slices"
        )


def test_reason_of_noise_says_what_would_be_seen_and_what_to_do() -> None:
    found = pairs(p95=NOISE[:32])
    detectable = compare([P95], found, RULES).changes[0].detectable or 0
    assert reason(P95, found) == (
        "the noise is too large for 32 pairs: the minimum detectable regression is"
        f" {100 * detectable:.3g}%; run `harness calibrate`, use more --slices, or raise"
        " max_regression (10% tolerated)"
    )


def test_reason_of_what_lies_between_no_change_and_the_tolerance_says_so() -> None:
    # The quantiles of a normal distribution in the middle of the two, the outermost first.
    normal = NormalDist(log(1.1) / 2, 0.12)
    halves = [
        (normal.inv_cdf((n + 0.5) / 32), normal.inv_cdf(1 - (n + 0.5) / 32)) for n in range(16)
    ]
    found = after_each([P95], pairs(p95=[end for ends in halves for end in ends]), RULES)
    assert found.pairs == 32
    assert found.changes[0].reason == (
        "p95 latency of all requests is 4.9% worse (-2.4% .. +10.9%): 32 pairs exclude"
        " neither zero nor the 10% tolerated; use more --slices"
    )


def test_reason_before_a_decision_says_how_far_it_is() -> None:
    assert reason(P95, pairs(p95=QUIET[:1])) == ("no decision yet after 1 pair; compare again")


def test_reason_of_a_waived_failure_says_until_when() -> None:
    assert reason(WAIVED, pairs(p95=WORSE[:4])).endswith("; waived until 2027-01-01: a known cost")


# --- what holds for any data ----------------------------------------------------------------------

RATIOS = st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=14)
THREE = st.lists(st.tuples(*[st.floats(-0.3, 0.3)] * 3), min_size=1, max_size=12)
ORDER = {"pass": 0, "inconclusive": 1, "fail": 2}


def figures(change: BudgetChange) -> tuple[object, ...]:
    return (change.outcome, change.estimate, change.lower, change.upper, change.decided_after)


@given(THREE, st.permutations(range(3)))
@settings(max_examples=50)
def test_order_of_the_budgets_does_not_matter(
    rows: list[tuple[float, ...]], order: list[int]
) -> None:
    budgets = [replace(P95, name=f"b{i}") for i in range(3)]
    found = pairs(**{f"b{i}": [row[i] for row in rows] for i in range(3)})
    there = compare(budgets, found, RULES)
    back = compare([budgets[i] for i in order], found, RULES)
    assert (there.outcome, there.done) == (back.outcome, back.done)
    assert [figures(there.changes[i]) for i in order] == [figures(c) for c in back.changes]


@given(RATIOS, st.randoms())
@settings(max_examples=50)
def test_order_of_the_pairs_does_not_matter_to_the_estimate(
    ratios: list[float], random: Any
) -> None:
    found = pairs(p95=ratios)
    shuffled = list(found)
    random.shuffle(shuffled)
    here, there = (compare([P95], some, RULES).changes[0] for some in (found, shuffled))
    assert here.estimate == pytest.approx(there.estimate, abs=1e-12)
    assert here.detectable == pytest.approx(there.detectable)


@given(RATIOS, st.sampled_from([1e-3, 60.0, 1024.0]))
@settings(max_examples=50)
def test_unit_does_not_matter(ratios: list[float], unit: float) -> None:
    found = pairs(p95=[round(r, 3) + 1e-5 for r in ratios])
    scaled = [
        pair({"p95": (0.1 * unit, (p.candidate.measurements["p95"].value or 0) * unit)})
        for p in found
    ]
    here, there = (compare([P95], some, RULES).changes[0] for some in (found, scaled))
    assert here.outcome == there.outcome
    assert here.estimate == pytest.approx(there.estimate, abs=1e-9)


@given(RATIOS, st.floats(0.001, 0.5))
@settings(max_examples=100)
def test_outcome_never_improves_when_the_candidate_gets_worse(
    ratios: list[float], shift: float
) -> None:
    before = compare([P95], pairs(p95=ratios), RULES)
    after = compare([P95], pairs(p95=[r + shift for r in ratios]), RULES)
    assert ORDER[after.outcome] >= ORDER[before.outcome]


@given(RATIOS)
@settings(max_examples=50)
def test_interval_contains_the_estimate_and_agrees_with_the_first_decision(
    ratios: list[float],
) -> None:
    (change,) = compare([P95], pairs(p95=ratios), RULES).changes
    assert change.estimate is not None
    assert change.lower is None or change.lower <= change.estimate
    assert change.upper is None or change.estimate <= change.upper
    if change.decided_after is not None:
        state = look(ratios[: change.decided_after], design(0.1, 32, alpha=0.01))
        assert change.decision == state.decision


def bounded(value: float, low: float, high: float) -> Measurement:
    return replace(measured(value), between=(low, high))


@pytest.mark.parametrize(
    ("baseline", "candidate", "outcome"),
    [
        pytest.param(measured(0.1), measured(0.1), "pass", id="exact values pass"),
        pytest.param(bounded(0.1, 0.07, 0.1), measured(0.1), "inconclusive", id="baseline"),
        pytest.param(measured(0.1), bounded(0.1, 0.1, np.inf), "inconclusive", id="candidate"),
        pytest.param(bounded(0.1, 0.0999, 0.1), measured(0.1), "pass", id="too little to matter"),
        pytest.param(measured(0.1), bounded(0.2, 0.2, np.inf), "fail", id="certainly worse"),
        pytest.param(measured(0.1), bounded(0.2, 0.09, 0.2), "inconclusive", id="perhaps worse"),
        pytest.param(
            measured(0.1),
            replace(bounded(0.2, 0.2, np.inf), undecided="the unanswered requests may take longer"),
            "fail",
            id="worse whatever the unanswered requests take",
        ),
    ],
)
def test_decision_holds_at_every_value_that_the_missing_evidence_allows(
    baseline: Measurement, candidate: Measurement, outcome: str
) -> None:
    one = Pair(SideMeasurements({"p95": baseline}), SideMeasurements({"p95": candidate}), 20.0)
    noise = (1.0, 1.002, 0.999, 1.001, 0.998, 1.0, 1.003, 0.997)
    found = [
        replace(
            one,
            candidate=SideMeasurements({"p95": replace(candidate, value=candidate.value * scale)}),
        )
        for scale in noise * 4
        if candidate.value is not None
    ]
    (change,) = compare([P95], found, RULES).changes
    assert change.outcome == outcome
    assert ("only within bounds" in change.reason) == (outcome == "inconclusive")
