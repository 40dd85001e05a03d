"""Change points: the runs from which on a budget's values have another level.

A series is cut where the ranks of its values have other means, by PELT (Killick et al., 2012) in
the library `ruptures`. Ranks make the false-alarm rate the same for each distribution of the noise,
and a single outlier no change. Each part is ranked and searched again, since a large change hides
small ones in the ranks of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from harness.report.history.history import History, Trend, relative_regression

if TYPE_CHECKING:
    from ruptures import KernelCPD

FALSE_ALARMS = 0.01  # of series without a change, if the runs do not depend on each other
FEWEST_RUNS = 10  # of a series; with fewer, no change is certain enough
MOST_RUNS = 400  # the latest are searched
_SHORTEST = 3  # runs of a level: what one or two runs show is an outlier
# For a series of so many values: the 99% quantile of the largest mean gain of up to five cuts in a
# random order of its ranks, scaled to variance 1. Simulated; docs/history.md has the check.
_COUNTS = (10, 12, 15, 20, 30, 50, 100, 200, 400)
_PENALTIES = (7.3, 8.06, 8.6, 9.3, 10.1, 11.0, 12.0, 12.8, 13.4)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a budget's level.

    Attributes:
        run: The first run with the new level, by its number in the history.
        previous: The run with a value before it.
        before: The median of the values up to the change, since the change before.
        after: The median of the values from the change to the next one.
        regression: The relative regression; None if the signs differ.
    """

    run: int
    previous: int
    before: float
    after: float
    regression: float | None


def with_changes(history: History) -> History:
    """The history with the changes of each trend.

    Raises:
        ImportError: The library is not installed, and a trend is long enough.
    """
    trends = tuple(replace(trend, changes=changes(trend)) for trend in history.trends)
    return replace(history, trends=trends)


def changes(trend: Trend) -> tuple[Change, ...]:
    """The changes of a trend, the earliest first.

    Raises:
        ImportError: The library is not installed, and the trend is long enough.
    """
    known = [(run, value) for run, value in enumerate(trend.values) if value is not None]
    known = known[-MOST_RUNS:]
    values = [value for _, value in known]
    starts = change_points(values)
    found = []
    for first, start, end in zip([0, *starts], starts, [*starts[1:], len(values)], strict=False):
        before, after = median(values[first:start]), median(values[start:end])
        regression = relative_regression(before, after, trend.direction)
        found.append(Change(known[start][0], known[start - 1][0], before, after, regression))
    return tuple(found)


def change_points(values: Sequence[float]) -> list[int]:
    """The positions in a series at which a new level begins.

    Raises:
        ImportError: The library is not installed, and the series is long enough.
    """
    found: list[int] = []
    parts = [(0, len(values))]
    while parts:
        start, end = parts.pop()
        if cuts := [start + cut for cut in _cuts(values[start:end])]:
            found += cuts
            parts += pairwise([start, *cuts, end])
    edges = [0, *sorted(found), len(values)]
    for n in range(1, len(edges) - 1):  # the ranks of the whole place a change only roughly
        start, end = edges[n - 1], edges[n + 1]
        edges[n] = start + _best_cut(values[start:end])
    return edges[1:-1]


def _cuts(values: Sequence[float]) -> list[int]:
    """Where the mean rank changes; empty if the order of the values may be chance."""
    if len(values) < FEWEST_RUNS or min(values) == max(values):
        return []
    import numpy as np

    penalty = np.interp(np.log(len(values)), np.log(_COUNTS), _PENALTIES)
    cuts = _search(values).predict(pen=penalty)
    return [int(cut) for cut in cuts[:-1]]


def _best_cut(values: Sequence[float]) -> int:
    """Where the mean rank changes most."""
    return int(_search(values).predict(n_bkps=1)[0])


def _search(values: Sequence[float]) -> KernelCPD:
    """A search in the ranks of a series, whose variance is 1 without ties."""
    import numpy as np
    from ruptures import KernelCPD
    from scipy.stats import rankdata

    ranks = rankdata(values) / np.sqrt((len(values) ** 2 - 1) / 12)
    return KernelCPD(kernel="linear", min_size=_SHORTEST).fit(ranks)
