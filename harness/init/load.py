"""The rate and the duration that give each budget the samples that its verdict needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from harness.init.model import LoadTask, Selection
from harness.judge.intervals.levels import PLANNED_END
from harness.judge.intervals.needed import needed

ERRORS: Final = (0.01, 0.02, 0.05)  # shares of failed requests that a budget may allow
QUANTILE: Final = 0.95
_MOST_OWN: Final = 4  # requests with a budget of their own
_MARGIN: Final = 1.3  # arrivals are random, and so is the choice of the task
_DURATION: Final = 30  # s
_LONGEST: Final = 120  # s
_BUSY: Final = 0.5  # the largest share of the time of one worker that the load should take
_FASTEST: Final = 100.0  # requests per second
_FASTEST_SHORT: Final = 25.0
_USUAL: Final = 10.0
_SLOWEST: Final = 2.0


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """The load of the scenario.

    Attributes:
        rate: Arrivals per second.
        duration: Seconds that are judged.
        own: The tasks that have a latency budget of their own.
        errors: The largest share of failed requests; with fewer samples it is larger.
    """

    rate: int
    duration: int
    own: tuple[LoadTask, ...]
    errors: float = ERRORS[0]


def trial_rate(seconds: float) -> int:
    """Arrivals per second of the short run by which bounds are proposed.

    Args:
        seconds: Mean time of an answer, as it was when nothing else was asked.
    """
    return int(min(_FASTEST_SHORT, _allowed(seconds)))


def plan_load(selection: Selection, seconds: float, fastest: float = _FASTEST) -> LoadPlan:
    """The load that gives each budget its samples without pressing the service.

    Args:
        selection: What is called.
        seconds: Mean time of an answer at a low rate.
        fastest: The highest rate.
    """
    allowed = min(_allowed(seconds), fastest)
    most = allowed * _LONGEST
    own = own_tasks(selection.tasks)
    quantile = needed(1 - QUANTILE, PLANNED_END.passes) * _MARGIN
    while own and quantile / min(map(selection.share, own)) > most:
        own = own[:-1]
    for_errors = {share: needed(share, PLANNED_END.passes) * _MARGIN for share in ERRORS}
    errors = next((share for share, count in for_errors.items() if count <= most), ERRORS[-1])
    samples = max(for_errors[errors], *(quantile / selection.share(task) for task in own), 0)
    rate = min(allowed, max(_USUAL, samples / _DURATION))
    fives = math.ceil(rate / 5) * 5
    below = int(rate / 5) * 5 if rate >= 10 else int(rate)
    whole = fives if fives <= allowed else below
    duration = min(_LONGEST, max(_DURATION, math.ceil(samples / whole / 10) * 10))
    return LoadPlan(whole, duration, own, errors)


def _allowed(seconds: float) -> float:
    """The highest rate that a service of one worker serves easily."""
    return max(_SLOWEST, min(_FASTEST, _BUSY / max(seconds, 1e-3)))


def own_tasks(tasks: Sequence[LoadTask]) -> tuple[LoadTask, ...]:
    """The tasks that may have a budget of their own: the most frequent reads.

    Rare ones would need a higher rate for all. There is none where the service has one task,
    which the budget of all requests describes.
    """
    reads = [task for task in tasks if task.role in {"list", "detail", "read"}]
    if len(tasks) < 2:
        return ()
    most = max((task.weight for task in reads), default=0)
    frequent = [task for task in reads if 2 * task.weight >= most]
    return tuple(sorted(frequent, key=lambda task: -task.weight)[:_MOST_OWN])
