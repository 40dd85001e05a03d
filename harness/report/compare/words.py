"""The words that all reports of a comparison share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from harness.judge.compare.describe import change_text, interval_text, worse_text
from harness.judge.compare.model import BudgetChange, Comparison, Control, Setting
from harness.judge.compare.sequential import FIRST_LOOK
from harness.report.parts.safe import LONGEST, lines
from harness.report.parts.words import NO_DATA, ByOutcome, clean, moment, tally, value_text
from harness.units import Unit, format_quantity

_PHRASES: ByOutcome = {
    "fail": "regressed",
    "inconclusive": "inconclusive",
    "warn": "with a warning",
    "pass": "passed",
}


def title(setting: Setting) -> str:
    """The title, such as "sample-app, scenario smoke: working tree against main (4f2a9c01)"."""
    scenario = f"{setting.service}, scenario {setting.scenario}"
    return clean(f"{scenario}: {setting.candidate} against {setting.baseline}", 300)


RULE = (
    "Fails: worse with 99% confidence, perhaps by the tolerated regression or more. "
    "Passes: worse by less than that with 95% confidence."
)


def estimate_text(change: BudgetChange) -> str:
    """The estimated regression, such as "+1.2%"; negative is better."""
    return NO_DATA if change.estimate is None else worse_text(change.estimate)


def range_text(change: BudgetChange) -> str:
    """The interval, such as "-4.0% .. +6.1%"."""
    return interval_text(change.lower, change.upper) or NO_DATA


def share_text(value: float | None) -> str:
    """A ratio, such as "10%"."""
    return NO_DATA if value is None else format_quantity(value, Unit.RATIO)


def side_text(change: BudgetChange, value: float | None) -> str:
    """The value of a side, such as "183 ms", "62% of 2 cores" or "3.1% over 250 ms"."""
    text, share = value_text(value, change.unit, change.whole), change.share_over
    if value is None or share is None:
        return text
    return f"{text} over {format_quantity(share.bound, share.unit)}"


def pairs_text(change: BudgetChange) -> str:
    """The number of pairs, such as "5", or "7 of 9" if two were left out."""
    count = len(change.ratios)
    return f"{change.pairs} of {count}" if change.left_out else str(count)


def seconds_text(seconds: float) -> str:
    """A duration, such as "38 s" or "3.5 min"."""
    return format_quantity(seconds, Unit.SECONDS)


def counted_pairs(change: BudgetChange) -> str:
    """The number of pairs with its noun, such as "5 pairs", "1 pair" or "7 of 9 pairs"."""
    return f"{pairs_text(change)} pair{'' if len(change.ratios) == 1 else 's'}"


def regression_text(change: BudgetChange) -> str:
    """The estimate and its interval, such as "regression +1.2% (-4.0% .. +6.1%)"."""
    if change.estimate is None:
        return "no data"
    interval = interval_text(change.lower, change.upper)
    return f"regression {estimate_text(change)}" + (f" ({interval})" if interval else "")


def cost(comparison: Comparison) -> str:
    """Pairs and load of the comparison, such as "9 pairs, 3 min of load"."""
    pairs = "1 pair" if comparison.pairs == 1 else f"{comparison.pairs} pairs"
    return f"{pairs}, {seconds_text(comparison.seconds)} of load"


def headline(comparison: Comparison) -> str:
    """One sentence on the outcome, such as "1 of 12 budgets regressed, 11 held"."""
    outcomes = [change.outcome for change in comparison.changes]
    if comparison.never_began:
        return f"nothing was compared; budgets not judged: {len(outcomes)}"
    counts = tally(outcomes, _PHRASES) or "no budget has a max_regression"
    return counts if comparison.done else f"the comparison ended without a decision; {counts}"


def failure(comparison: Comparison, limit: int = LONGEST) -> list[str]:
    """Why no further pair could be measured, in lines: the error, the last output, what to do."""
    return lines(comparison.error, limit)


def facts(comparison: Comparison, setting: Setting) -> list[tuple[str, str]]:
    """Facts of the comparison and its error rates: label and text."""
    rules = comparison.rules
    alpha, beta = (format_quantity(level, Unit.RATIO) for level in (rules.alpha, rules.beta))
    return [
        ("Baseline", setting.baseline),
        ("Candidate", setting.candidate),
        ("Started", moment(setting.started)),
        ("False alarms", f"in at most {alpha} of the comparisons of equal versions"),
        ("Missed regressions", f"at most {beta} of the regressions as large as tolerated"),
        ("Maximum pairs", str(rules.most)),
        ("Control", control_text(comparison)),
        ("Harness", setting.harness_version),
        *setting.facts.items(),
    ]


def control_text(comparison: Comparison) -> str:
    """Whether a control moved, and how often one does by chance."""
    controls = comparison.controls
    if not controls:
        return "none: set `control` of `compare` to an endpoint that cannot change, or calibrate"
    chance = f"by chance in at most {format_quantity(comparison.rules.alpha, Unit.RATIO)}"
    moved = [clean(one.name, 60) for one in controls if one.outcome == "moved"]
    if controls[0].source == "calibration":
        known = [one for one in controls if one.outcome != "unknown"]
        if moved:
            return f"identical pairs of the calibration moved for {_names(moved)} ({chance})"
        return f"identical pairs of the calibration: {len(known)} budgets, none moved ({chance})"
    (one,) = controls
    name = clean(one.name, 120)
    match one.outcome:
        case "unknown":
            return f"{name}: {too_little_text(one)}"
        case "steady" | "moved":
            how = "moved" if moved else "did not move"
            change = change_text(one.estimate or 0.0, one.lower, one.upper)
            return f"{name} {how}: {change} ({chance})"
        case _:
            assert_never(one.outcome)


def too_little_text(control: Control) -> str:
    """Why a control says nothing."""
    count = "1 pair counts" if control.pairs == 1 else f"{control.pairs} pairs count"
    return f"too little data, {count} and {FIRST_LOOK} are needed; no verdict depends on it"


def left_out(comparison: Comparison) -> list[str]:
    """Why pairs were left out: such as "2 of 9 pairs (3, 7), for all budgets: host-steal ..."."""
    everything = tuple(change.name for change in comparison.changes)
    pairs: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for omission in comparison.omissions:
        pairs.setdefault((omission.reason, omission.budgets), []).append(omission.pair)
    return [
        f"{len(numbers)} of {comparison.pairs} pairs ({_listed(numbers)}), for"
        f" {'all budgets' if set(budgets) == set(everything) else _names(budgets)}: {reason}"
        for (reason, budgets), numbers in pairs.items()
    ]


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:10]))
    return f"{shown}, ..." if len(numbers) > 10 else shown


def _names(budgets: Sequence[str]) -> str:
    shown = ", ".join(clean(name, 60) for name in budgets[:3])
    return f"{shown} and {len(budgets) - 3} more" if len(budgets) > 3 else shown
