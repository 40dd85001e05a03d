"""The words that the reports of a history share."""

from __future__ import annotations

from harness.report.history.history import Trend
from harness.report.parts.words import NO_DATA, clean, value_text
from harness.runs.results import PastRun
from harness.units import Unit, format_quantity


def commit_text(run: PastRun) -> str:
    """The commit, such as "02a9c01d+"; "+" means uncommitted changes."""
    dirty = "+" if run.results.run.git.get("dirty") else ""
    return f"{clean(run.results.commit)[:8]}{dirty}" or NO_DATA


def breached_text(run: PastRun) -> str:
    """The number of breached budgets, such as "1 of 22"."""
    outcomes = [budget.outcome for budget in run.results.budgets]
    return f"{outcomes.count('fail')} of {len(outcomes)}"


def bound_text(trend: Trend) -> str:
    """The bound, such as "max 200 ms"."""
    return f"{trend.direction} {value_text(trend.bound, trend.unit)}"


def regression_text(trend: Trend) -> str:
    """The latest value against the median of the earlier ones, such as "12% worse"."""
    change = trend.regression
    if change is None:
        return NO_DATA
    if abs(change) < 0.0005:
        return "same"
    how = "worse" if change > 0 else "better"
    share = format_quantity(abs(change), Unit.RATIO) if abs(change) < 10 else "over 1000%"
    return f"{share} {how}"
