"""Background tasks by their time: spans after the answers, else the counters of the window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from harness.budgets.model import Budget, Mean, Quantile, selectors
from harness.diagnose.answers import Analysis, background
from harness.diagnose.functions import busy, samples_of_a_thread
from harness.diagnose.model import Cause
from harness.diagnose.signs import Proportions
from harness.diagnose.traces import Trace
from harness.judge.measure.deltas import Delta, deltas_or_zero
from harness.judge.measure.series import NoDataError
from harness.names import INSTANCE
from harness.runs.model import Evidence
from harness.runs.recording.profile import Stack, total
from harness.units import Unit, format_quantity

_TIMES: Final = 100.0  # the typical operation, as for a span, which has many steps
_RUNS: Final = 0.2  # share of the time of tasks in which threads may run, below which they wait
_FEWEST: Final = 5  # tasks
_OTHER: Final = {INSTANCE, "outcome", "result", "status", "state"}


def task_times(
    budget: Budget,
    evidence: Evidence,
    traces: Sequence[Trace],
    wall: Sequence[Stack],
    usual: Proportions,
) -> Analysis:
    """What takes the time of background tasks.

    A span is sent when it ends. A task that is longer than the recording has none in it; the
    service's own histogram has counted it in the window.

    Args:
        budget: On the time of tasks.
        evidence: Of the window.
        traces: All of them.
        wall: Samples of all threads.
        usual: Of the whole recording.
    """
    spans = background(traces, usual)
    if not spans.missing and any(one.sign for one in spans.causes):
        return spans
    counted = _counted(budget, evidence, wall, usual)
    return spans if counted.missing else counted


def _counted(
    budget: Budget, evidence: Evidence, wall: Sequence[Stack], usual: Proportions
) -> Analysis:
    if not isinstance(budget.indicator, Mean | Quantile):
        return Analysis(missing="the budget is not on a histogram of tasks")
    selector = selectors(budget.indicator)[0]
    try:
        sums = deltas_or_zero(evidence, selector.part("sum"))
        counts = deltas_or_zero(evidence, selector.part("count"))
    except NoDataError as error:
        return Analysis(missing=str(error))
    seconds, number = _by_task(sums), _by_task(counts)
    whole, lasted = sum(seconds.values()), max((one.seconds for one in sums), default=0.0)
    if sum(number.values()) < _FEWEST or whole <= 0 or lasted <= 0:
        return Analysis(missing=f"fewer than {_FEWEST} background tasks ended")
    waits = _waits(wall, whole / lasted)
    causes = []
    for name, spent in seconds.items():
        if not number.get(name):
            continue
        mean = spent / number[name]
        is_long = bool(usual.typical) and mean >= _TIMES * usual.typical
        each = format_quantity(mean, Unit.SECONDS)
        causes.append(
            Cause(
                *("span", name, *(3 * (spent / whole,))),
                f"{number[name]:.0f} tasks of {each} on average",
                advice="look at what this task waits for",
                sign=waits if is_long else "",
            )
        )
    return Analysis("the time of background tasks that ended in the window", tuple(causes))


def _by_task(deltas: Sequence[Delta]) -> dict[str, float]:
    found: dict[str, float] = {}
    for one in deltas:
        name = _name(one.labels)
        found[name] = found.get(name, 0.0) + one.value
    return found


def _name(labels: Mapping[str, str]) -> str:
    """Such as "task welcome": the labels that tell tasks apart."""
    told = (f"{name} {value}" for name, value in sorted(labels.items()) if name not in _OTHER)
    return ", ".join(told) or "background tasks"


def _waits(wall: Sequence[Stack], at_once: float) -> str:
    """Why tasks wait: fewer threads run than tasks, by Little's law; empty where they may run."""
    samples = samples_of_a_thread(wall)
    running = total(busy(wall)) / samples if samples else 0.0
    if not samples or running >= _RUNS * at_once:
        return ""
    return f"it waits: {at_once:.2g} tasks at any time, while {running:.2g} threads run"
