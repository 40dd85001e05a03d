"""The words that the reports of a history share."""

from __future__ import annotations

from harness.report.history.changes import FALSE_ALARMS, Change
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


def cpu_text(run: PastRun) -> str:
    """The CPU time of one request, such as "3.2 ms"; a dash if it was not measured."""
    return value_text(run.results.cost("cpu_time_per_request"), Unit.SECONDS)


def bound_text(trend: Trend) -> str:
    """The bound, such as "max 200 ms"; of shares "max 5% over 200 ms"."""
    over = "" if trend.over is None else f" over {format_quantity(*trend.over)}"
    return f"{trend.direction} {value_text(trend.bound, trend.unit)}{over}"


def regression_text(trend: Trend) -> str:
    """The latest value against the median of the earlier ones, such as "12% worse"."""
    return worse_text(trend.regression)


def worse_text(change: float | None) -> str:
    """A relative regression in words, such as "12% worse"."""
    if change is None:
        return NO_DATA
    if abs(change) < 0.0005:
        return "same"
    how = "worse" if change > 0 else "better"
    share = format_quantity(abs(change), Unit.RATIO) if abs(change) < 10 else "over 1000%"
    return f"{share} {how}"


def levels_text(change: Change, unit: Unit) -> str:
    """The levels before and after a change, such as "100 ms -> 140 ms"."""
    return f"{value_text(change.before, unit)} -> {value_text(change.after, unit)}"


def changes_note() -> str:
    """How often a change is shown where there is none."""
    share = format_quantity(FALSE_ALARMS, Unit.RATIO)
    return (
        f"By chance, about {share} of the budgets whose level did not change show a change, and "
        "more where runs depend on each other. A change is for information and fails nothing."
    )
