"""Cache look-ups that missed, by the labels of the metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from harness.budgets.model import Budget, Ratio
from harness.budgets.selector import Selector
from harness.diagnose.answers import Analysis
from harness.diagnose.model import Cause
from harness.judge.measure.deltas import deltas_or_zero
from harness.judge.measure.series import NoDataError
from harness.names import INSTANCE
from harness.runs.model import Evidence

_Labels = tuple[tuple[str, str], ...]
_NONE: Final[_Labels] = ()


def misses(budget: Budget, evidence: Evidence) -> Analysis:
    """The misses of each cache over the window: its look-ups that were no hits."""
    indicator = budget.indicator
    if not isinstance(indicator, Ratio):
        return Analysis(missing="the budget does not count hits")
    try:
        hits, gets = _by_cache(evidence, indicator.of), _by_cache(evidence, indicator.to)
    except NoDataError as error:
        return Analysis(missing=str(error))
    missed = {cache: count - hits.get(cache, 0.0) for cache, count in gets.items()}
    number = sum(missed.values())
    if number <= 0:
        return Analysis(missing="no look-up missed")
    causes = tuple(
        Cause(
            *("cache", _name(cache), count / number, count / number, count / number),
            f"{count:.0f} of {number:.0f} misses; {hits.get(cache, 0.0):.0f} hits",
            advice="look at the size, the time to live and the invalidation of this cache",
        )
        for cache, count in missed.items()
    )
    return Analysis("the misses of the caches", causes)


def _by_cache(evidence: Evidence, selector: Selector) -> dict[_Labels, float]:
    """Look-ups by the labels that tell caches apart: not the filtered ones, not "result"."""
    found: dict[_Labels, float] = {}
    for delta in deltas_or_zero(evidence, selector):
        labels = _about_cache(delta.labels, selector)
        found[labels] = found.get(labels, 0.0) + delta.value
    return found


def _about_cache(labels: Mapping[str, str], selector: Selector) -> _Labels:
    other = {INSTANCE, "result", *selector.where}
    return tuple(sorted((name, value) for name, value in labels.items() if name not in other))


def _name(cache: _Labels) -> str:
    if cache == _NONE:
        return "the cache"
    return ", ".join(f"{name} {value}" for name, value in cache)
