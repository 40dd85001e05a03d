"""Why a budget's comparison came out as it did, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from harness.budgets.model import Budget, Quantile
from harness.judge.compare.log_ratio import FEWEST_EVENTS, is_share, too_few_events
from harness.judge.compare.model import BudgetChange, ShareChange
from harness.judge.describe import describe
from harness.judge.model import Measurement
from harness.units import Unit, format_quantity


def reason(
    change: BudgetChange,
    budget: Budget,
    used: Sequence[tuple[Measurement, Measurement]],
    omitted: Sequence[str],
    lost: str = "",
) -> str:
    """One sentence, without a full stop.

    Args:
        change: All but its reason.
        budget: Whose change it is.
        used: Baseline and candidate of each pair that counts.
        omitted: Why each pair that was left out was.
        lost: Which version served less of its load; empty when both served as much.
    """
    match change.decision:
        case "pass":
            text = f"{_found(change, budget)}, certainly less than the {_tolerance(change)}"
            return f"{text}{_left_out(change, omitted)}"
        case "fail":
            text = f"{_found(change, budget)}, {_certainty(change)}{_left_out(change, omitted)}"
            return _waived(budget, change, text)
        case "continue":
            return f"no decision yet after {_pairs(len(change.ratios))}; compare again"
        case "inconclusive":
            return _undecided(change, budget, used, omitted, lost)
        case _:
            assert_never(change.decision)


def worse_text(change: float) -> str:
    """Such as "+1.2%" for worse and "-3.0%" for better, with the significant digits."""
    percent = 100 * change
    text = f"{percent:+.0f}%" if abs(percent) >= 99.95 else f"{percent:+.1f}%"
    return "0.0%" if text in {"+0.0%", "-0.0%"} else text


def interval_text(lower: float | None, upper: float | None) -> str:
    """Such as "-4.0% .. +6.1%"; empty when neither end is known."""
    if lower is None and upper is None:
        return ""
    if upper is None:
        return f">= {worse_text(lower or 0.0)}"
    if lower is None:
        return f"<= {worse_text(upper)}"
    return f"{worse_text(lower)} .. {worse_text(upper)}"


def change_text(estimate: float, lower: float | None, upper: float | None) -> str:
    """Such as "1.2% worse (-4.0% .. +6.1%)"."""
    text = worse_text(estimate).lstrip("+-")
    how = "unchanged" if text == "0.0%" else f"{text} {'worse' if estimate > 0 else 'better'}"
    interval = interval_text(lower, upper)
    return f"{how} ({interval})" if interval else how


def _found(change: BudgetChange, budget: Budget) -> str:
    what = describe(budget.indicator)
    if change.share_over is not None and isinstance(budget.indicator, Quantile):
        what = _shares(change, change.share_over, budget.indicator)
    elif is_share(budget):
        bad = "bad events" if budget.direction == "max" else "misses"
        what = f"the share of {bad} in the {what}"
    return f"{what} is {change_text(change.estimate or 0.0, change.lower, change.upper)}"


def _shares(change: BudgetChange, shares: ShareChange, indicator: Quantile) -> str:
    """Such as "5% of h_seconds took more than 250 ms, 3.1% in the baseline (difference ...)"."""
    after, before = (
        format_quantity(value or 0.0, Unit.RATIO) for value in (change.candidate, change.baseline)
    )
    over = "took more than" if shares.unit is Unit.SECONDS else "were over"
    points = _points(shares.lower, shares.upper)
    text = (
        f"{after} of {indicator.histogram} {over} {format_quantity(shares.bound, shares.unit)},"
        f" {before} in the baseline"
    )
    compared = "the share"
    if change.direction == "min":
        compared += f" up to {format_quantity(shares.bound, shares.unit)}"
    return f"{text}{f' (difference {points})' if points else ''}; {compared}"


def _points(lower: float | None, upper: float | None) -> str:
    """Such as "+0.6 .. +3.4 percentage points"; empty unless both ends are known."""
    if lower is None or upper is None:
        return ""
    low, high = (f"{100 * end + 0.0:+.3g}" for end in (lower, upper))
    return f"{low} .. {high} percentage points"


def _certainty(change: BudgetChange) -> str:
    if change.lower is not None and change.lower > change.tolerance:
        return f"certainly more than the {_tolerance(change)}"
    return f"certainly worse, and not certainly by less than the {_tolerance(change)}"


def _undecided(
    change: BudgetChange,
    budget: Budget,
    used: Sequence[tuple[Measurement, Measurement]],
    omitted: Sequence[str],
    lost: str,
) -> str:
    until = change.ratios[: change.decided_after]
    if 3 * (left_out := until.count(None)) > len(until):
        why = f"{left_out} of {_pairs(len(until))} were left out: {_most_frequent(omitted)}"
        return _without_data(change, budget, why)
    few = too_few_events(budget, used)
    if few is not None:
        events = "bad events"
        if isinstance(budget.indicator, Quantile):
            side = "over" if budget.direction == "max" else "up to"
            events = f"observations {side} {format_quantity(budget.bound, budget.unit)}"
        return (
            f"too few {events} to compare: {few:.2g} in the baseline's part of a pair, and"
            f" {FEWEST_EVENTS} are needed; rely on {budget.direction}, or use a higher rate or"
            f" more --slices{_left_out(change, omitted)}"
        )
    if lost:
        return f"{_found(change, budget)}, but {lost}{_left_out(change, omitted)}"
    detectable = change.detectable or 0.0
    if detectable > change.tolerance:
        smallest = format_quantity(detectable, Unit.RATIO)
        return (
            f"the noise is too large for {_pairs(change.pairs)}: the minimum detectable regression"
            f" is {smallest}; run `harness calibrate`, use more --slices, or raise"
            f" max_regression ({_tolerance(change)}){_open(used)}{_left_out(change, omitted)}"
        )
    return (
        f"{_found(change, budget)}: {_pairs(change.pairs)} exclude neither zero nor the"
        f" {_tolerance(change)}; use more --slices{_open(used)}{_left_out(change, omitted)}"
    )


def _without_data(change: BudgetChange, budget: Budget, why: str) -> str:
    if change.outcome == "warn" and budget.on_no_data == "ignore":
        return f"{why}; ignored by on_no_data"
    if change.outcome != "inconclusive":
        return _waived(budget, change, f"{why}; no data fails by on_no_data")
    return why


def _open(used: Sequence[tuple[Measurement, Measurement]]) -> str:
    """In how many pairs the values are known only within bounds; empty when they are exact."""
    count = sum(any(side.between is not None for side in pair) for pair in used)
    if not count:
        return ""
    return (
        f"; in {_pairs(count)} a value is known only within bounds, because requests had no answer"
        " or a counter appeared within the window"
    )


def _waived(budget: Budget, change: BudgetChange, text: str) -> str:
    if change.outcome == "warn" and budget.waiver:
        return f"{text}; waived until {budget.waiver.until}: {budget.waiver.reason}"
    return text


def _tolerance(change: BudgetChange) -> str:
    return f"{format_quantity(change.tolerance, Unit.RATIO)} tolerated"


def _left_out(change: BudgetChange, omitted: Sequence[str]) -> str:
    if not omitted:
        return ""
    were = "was" if change.left_out == 1 else "were"
    count = f"{change.left_out} of {_pairs(len(change.ratios))}"
    return f"; {count} {were} left out: {_most_frequent(omitted)}"


def _most_frequent(omitted: Sequence[str]) -> str:
    """The reason that most pairs share, and how many other reasons there were."""
    kinds = sorted(set(omitted), key=lambda why: (-omitted.count(why), omitted.index(why)))
    others = len(kinds) - 1
    return f"{kinds[0]} (and {others} other reason{'s' * (others > 1)})" if others else kinds[0]


def _pairs(count: int) -> str:
    return "1 pair" if count == 1 else f"{count} pairs"
