"""Compares two versions of a service by pairs of measurements, all budgets together.

Each budget with a `max_regression` has a sequential test of its own (`sequential`) on the log
ratios of its pairs (`log_ratio`). With m budgets each test may raise a false alarm with alpha / m,
so that all together do with alpha at most, however they depend on each other (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from math import expm1, inf, isfinite
from statistics import median
from types import MappingProxyType
from typing import assert_never

from harness.budgets.model import Budget, Quantile
from harness.judge.compare.control import (
    calibration_controls,
    control_budget,
    endpoint_control,
    without_verdict,
)
from harness.judge.compare.describe import reason
from harness.judge.compare.log_ratio import (
    PairRatio,
    compared_value,
    end_of,
    pair_difference,
    pair_ratio,
    too_few_events,
    why_no_ratio,
)
from harness.judge.compare.model import (
    BudgetChange,
    Comparison,
    Control,
    Omission,
    Pair,
    Rules,
    ShareChange,
    SideMeasurements,
)
from harness.judge.compare.sequential import (
    MOST_PAIRS,
    Design,
    SequentialDecision,
    State,
    design,
    look,
    min_detectable,
    pairs_needed,
)
from harness.judge.compare.served import never_passes, why_lost, with_lost
from harness.judge.describe import advice
from harness.judge.judge import in_scope
from harness.judge.model import Guard, Measurement, Outcome
from harness.units import Unit

# More than a third left out ends the comparison, but not because of the first few pairs.
FEWEST_PAIRS = 6
_NONE = (None, None)


def compared(budgets: Iterable[Budget]) -> tuple[Budget, ...]:
    """The budgets that a comparison is about."""
    return tuple(b for b in budgets if b.max_regression is not None)


def compare(
    budgets: Iterable[Budget],
    pairs: Sequence[Pair],
    rules: Rules,
    *,
    control: str | None = None,
    identical: Mapping[str, Sequence[float]] = MappingProxyType({}),
) -> Comparison:
    """The comparison by all pairs so far; to be called after each pair until it is done.

    Args:
        budgets: Of the scenario. Those without `max_regression` are left out.
        pairs: In the order in which they were measured.
        rules: The same each time.
        control: The endpoint that cannot change between the versions; the pairs have the
            measurements of its `control_budget`.
        identical: Log ratios of the calibration by the name of the budget, for a comparison
            without such an endpoint.

    Raises:
        ValueError: The sequential test has no levels for so many budgets with `max_regression`, or
            none for `rules.most`.
    """
    chosen = compared(budgets)
    changes = tuple(_change(budget, pairs, rules, len(chosen)) for budget in chosen)
    controls = _controls(chosen, pairs, rules, control, identical)
    changes = tuple(without_verdict(change, controls) for change in changes)
    failed = next((change.name for change in changes if change.outcome == "fail"), "")
    done = bool(rules.fail_fast and failed) or all(c.decision != "continue" for c in changes)
    if failed and done:
        because = f"the comparison ended after {len(pairs)} pairs, because {failed} had failed"
        changes = tuple(
            replace(change, reason=because) if change.decision == "continue" else change
            for change in changes
        )
    return Comparison(
        _outcome(changes),
        done,
        changes,
        tuple(_omissions(chosen, pairs)),
        len(pairs),
        sum(pair.seconds for pair in pairs),
        rules,
        controls,
    )


def _controls(
    budgets: Sequence[Budget],
    pairs: Sequence[Pair],
    rules: Rules,
    request: str | None,
    identical: Mapping[str, Sequence[float]],
) -> tuple[Control, ...]:
    if request is None:
        return calibration_controls(identical, [budget.name for budget in budgets], rules)
    watched = control_budget(request)
    omitted = [exclusion_reason(watched, pair) for pair in pairs]
    found = _of_pairs(pair_ratio, watched, pairs, omitted)
    ratios = [None if one is None else one.value for one in found]
    return (endpoint_control(request, ratios, rules),)


def most_pairs(
    budgets: Iterable[Budget], deviations: Mapping[str, float], *, alpha: float = 0.01
) -> int | None:
    """The most pairs that a comparison should allow, by what calibration found.

    Args:
        budgets: Of the scenario.
        deviations: Standard deviation of a log ratio without a change, by the budget's name.
        alpha: As in `Rules`.

    Returns:
        What the noisiest budget needs, for `Rules.most`, of those that any number of pairs can
        decide: the others would make each comparison long, and still be undecided. None when there
        is none of them.
    """
    chosen = compared(budgets)
    alpha /= max(1, len(chosen))
    needed = [
        pairs_needed(deviations[b.name], b.max_regression or 0.0, alpha=alpha)
        for b in chosen
        if b.name in deviations
        and min_detectable(deviations[b.name], MOST_PAIRS[-1], alpha=alpha)
        <= (b.max_regression or 0.0)
    ]
    return max(needed, default=None)


def exclusion_reason(budget: Budget, pair: Pair) -> str:
    """Why a pair says nothing about a budget; empty when it does.

    A guard that names the budgets whose verdict may be due to a delay does not count. It asks
    whether the bound is breached, so it would trip for the worse candidate alone, and leave out
    just the pairs that show a regression; a delay of the machine befalls both sides. A guard on the
    service's metrics names the budgets whose series have gaps, and counts for them.
    """
    for name, side in (("baseline", pair.baseline), ("candidate", pair.candidate)):
        if guard := tripped(budget, side):
            return f"{guard.name} tripped for the {name}: {guard.reason.rstrip('.')}"
    return why_no_ratio(budget, *_measured(budget, pair))


def tripped(budget: Budget, side: SideMeasurements) -> Guard | None:
    """The first guard that takes away a side's measurement of a budget; see `exclusion_reason`."""
    return next(
        (
            guard
            for guard in side.guards
            if guard.outcome == "tripped"
            and _counts_for(guard, budget)
            and not guard.request
            and in_scope(guard, budget)
        ),
        None,
    )


def _counts_for(guard: Guard, budget: Budget) -> bool:
    """Whether a guard that names budgets leaves out this one, see `exclusion_reason`."""
    if guard.budgets is None:
        return True
    return guard.scope == "server" and budget.name in guard.budgets


def _change(budget: Budget, pairs: Sequence[Pair], rules: Rules, family: int) -> BudgetChange:
    tolerance = budget.max_regression or 0.0
    plan = design(tolerance, rules.most, alpha=rules.alpha / family, beta=rules.beta)
    omitted = [exclusion_reason(budget, pair) for pair in pairs]
    counting = [pair for pair, why in zip(pairs, omitted, strict=True) if not why]
    measured = _of_pairs(pair_ratio, budget, pairs, omitted)
    ratios = [one and with_lost(one, budget, p) for one, p in zip(measured, pairs, strict=True)]
    used = [_measured(budget, pair) for pair in counting]
    before, after = (_median(budget, side) for side in zip(*used, strict=True)) if used else _NONE
    may_pass = [too_few_events(budget, used[:count]) is None for count in range(len(used) + 1)]
    state, decided_after = _closing_in(ratios, may_pass, plan)
    if state.decision != "fail" and never_passes(budget, pairs, counting):
        seeming, sooner = _closing_in(measured, may_pass, plan)
        if seeming.decision == "pass":  # more pairs would not change that it only seems so
            state, decided_after = replace(state, decision="inconclusive"), sooner
    change = BudgetChange(
        name=budget.name,
        description=budget.description,
        outcome=_outcome_of(budget, state.decision, pairs),
        decision=state.decision,
        severity=budget.severity,
        tolerance=tolerance,
        direction=budget.direction,
        unit=Unit.RATIO if isinstance(budget.indicator, Quantile) else budget.unit,
        baseline=before,
        candidate=after,
        estimate=None if state.estimate is None else expm1(state.estimate),
        lower=end_of(state.lower),
        upper=end_of(state.upper),
        detectable=state.detectable,
        ratios=tuple(None if one is None else one.value for one in ratios),
        decided_after=decided_after,
        seconds=sum(pair.seconds for pair in pairs[:decided_after]),
        reason="",
        advice=advice(budget.indicator) if state.decision == "fail" else "",
        runbook=budget.runbook,
        line=budget.line,
        whole=_whole(used),
        share_over=_share_change(budget, pairs, omitted, plan, before),
    )
    why_not = [why for why in omitted if why]
    return replace(change, reason=reason(change, budget, used, why_not, why_lost(pairs, counting)))


def _whole(used: Sequence[tuple[Measurement, Measurement]]) -> str:
    wholes = {found.whole for pair in used for found in pair}
    return wholes.pop() if len(wholes) == 1 else ""


def _median(budget: Budget, side: Iterable[Measurement]) -> float | None:
    return median(compared_value(budget, found) or 0.0 for found in side)


def _of_pairs(
    worsening: Callable[[Budget, Measurement, Measurement], PairRatio | None],
    budget: Budget,
    pairs: Sequence[Pair],
    omitted: Sequence[str],
) -> tuple[PairRatio | None, ...]:
    return tuple(
        None if why else worsening(budget, *_measured(budget, pair))
        for pair, why in zip(pairs, omitted, strict=True)
    )


def _share_change(
    budget: Budget,
    pairs: Sequence[Pair],
    omitted: Sequence[str],
    plan: Design,
    baseline: float | None,
) -> ShareChange | None:
    """The difference of the shares over the bound, by the looks of the test, for people."""
    if not isinstance(budget.indicator, Quantile):
        return None
    differences = _of_pairs(pair_difference, budget, pairs, omitted)
    state, _ = _closing_in(differences, [True] * (len(pairs) + 1), plan)
    lower, upper, estimate = state.lower, state.upper, state.estimate
    if budget.direction == "min":  # a bad share that rises is a share over the bound that falls
        lower, upper, estimate = -upper, -lower, None if estimate is None else -estimate
    if estimate is not None and baseline is not None:  # no share is below 0 or over 100%
        lower = max(lower, min(-baseline, estimate)) if isfinite(lower) else lower
        upper = min(upper, max(1 - baseline, estimate)) if isfinite(upper) else upper
    ends = [end if isfinite(end) else None for end in (lower, upper)]
    return ShareChange(budget.bound, budget.unit, estimate, ends[0], ends[1])


def _closing_in(
    ratios: Sequence[PairRatio | None], may_pass: Sequence[bool], plan: Design
) -> tuple[State, int | None]:
    """The first decision, and all that is known after the last pair.

    The intervals of all looks hold together, so the tightest ends of all are shown; they contain
    the estimate.

    Args:
        ratios: Of each pair; None is left out.
        may_pass: Whether so many pairs that count, from 0 on, can prove that all is well.
        plan: The test.

    Returns:
        The state, and after how many pairs the decision fell, if it did.
    """
    known: list[PairRatio] = []
    decision: SequentialDecision = "continue"
    decided_after, lower, upper = None, -inf, inf
    state = _look(known, plan)
    for count, ratio in enumerate(ratios, 1):
        if ratio is not None:
            known.append(ratio)
            state = _look(known, plan)
            if len(known) <= plan.most:
                lower = max(lower, min(state.lower, upper))
                upper = min(upper, max(state.upper, lower))
        if decision == "continue":
            decision = state.decision
            if decision == "pass" and not may_pass[len(known)]:
                decision = "continue" if len(known) < plan.most else "inconclusive"
            if count >= FEWEST_PAIRS and 3 * (count - len(known)) > count:
                decision = "inconclusive"
            decided_after = None if decision == "continue" else count
    if state.estimate is not None:
        lower, upper = min(lower, state.estimate), max(upper, state.estimate)
    return replace(state, decision=decision, lower=lower, upper=upper), decided_after


def _look(known: Sequence[PairRatio], plan: Design) -> State:
    """As `look`; a decision must be the same at the ends that the missing evidence allows."""
    state = look([one.value for one in known], plan)
    if all(one.best == one.worst for one in known):
        return state
    best, worst = (look(ends, plan) for ends in ([o.best for o in known], [o.worst for o in known]))
    decision = state.decision
    if (decision == "pass" and worst.decision != "pass") or (
        decision == "fail" and best.decision != "fail"
    ):
        decision = "continue" if len(known) < plan.most else "inconclusive"
    lower, upper = min(state.lower, best.lower), max(state.upper, worst.upper)
    return replace(state, decision=decision, lower=lower, upper=upper)


def _outcome_of(budget: Budget, decision: SequentialDecision, pairs: Sequence[Pair]) -> Outcome:
    match decision:
        case "pass":
            return "pass"
        case "continue":
            return "inconclusive"
        case "fail":
            outcome: Outcome = "fail"
        case "inconclusive":
            outcome = _without_data(budget, pairs)
        case _:
            assert_never(decision)
    only_warns = budget.severity == "warn" or budget.waiver
    return "warn" if outcome == "fail" and only_warns else outcome


def _without_data(budget: Budget, pairs: Sequence[Pair]) -> Outcome:
    """The outcome by `on_no_data` when no pair has data; missing baseline data never fails."""
    found = [_measured(budget, pair) for pair in pairs]
    match budget.on_no_data:
        case "fail":
            missing = not any(candidate.samples for _, candidate in found)
            return "fail" if missing else "inconclusive"
        case "ignore":
            missing = not any(b.samples and c.samples for b, c in found)
            return "warn" if missing else "inconclusive"
        case "inconclusive":
            return "inconclusive"
        case _:
            assert_never(budget.on_no_data)


def _outcome(changes: Sequence[BudgetChange]) -> Outcome:
    if any(change.outcome == "fail" for change in changes):
        return "fail"
    if any(c.outcome == "inconclusive" and c.severity == "error" for c in changes):
        return "inconclusive"
    if not any(change.decision in {"pass", "fail"} for change in changes):
        return "inconclusive"
    return "pass" if all(change.outcome == "pass" for change in changes) else "warn"


def _omissions(budgets: Sequence[Budget], pairs: Sequence[Pair]) -> Iterator[Omission]:
    for number, pair in enumerate(pairs, 1):
        found = [
            (why, _guard_name(budget, pair), budget.name)
            for budget in budgets
            if (why := exclusion_reason(budget, pair))
        ]
        for (why, guard), group in groupby(sorted(found), key=lambda row: row[:2]):
            yield Omission(number, why, tuple(name for *_, name in group), guard)


def _guard_name(budget: Budget, pair: Pair) -> str:
    """The guard that leaves a pair out for a budget, as `exclusion_reason` names it."""
    found = (tripped(budget, side) for side in (pair.baseline, pair.candidate))
    return next((guard.name for guard in found if guard), "")


def _measured(budget: Budget, pair: Pair) -> tuple[Measurement, Measurement]:
    return pair.baseline.measurements[budget.name], pair.candidate.measurements[budget.name]
