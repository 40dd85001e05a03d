"""Cache look-ups, those that missed, and values stored over others, by the metric's labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from harness.budgets.model import Budget, Ratio, selectors
from harness.budgets.selector import Selector
from harness.diagnose.answers import Analysis, cache_commands
from harness.diagnose.model import Cause
from harness.diagnose.signs import Proportions
from harness.diagnose.traces import Trace
from harness.judge.measure.deltas import deltas_or_zero
from harness.judge.measure.series import NoDataError
from harness.names import INSTANCE
from harness.runs.model import Evidence

_Labels = tuple[tuple[str, str], ...]
_MANY: Final = 5  # look-ups in a request on average, as when each item of a page is looked up
_FEWEST: Final = 5  # values stored over others, below which nothing is said
_TOGETHER: Final = 0.1  # share of the misses whose value was loaded twice
_HARDLY: Final = 0.1  # share of hits below which a cache is of no use


def lookups(
    budget: Budget,
    evidence: Evidence,
    per_request: float | None,
    traces: Sequence[Trace],
    usual: Proportions,
) -> Analysis:
    """The look-ups of each cache over the window; their commands where only spans have a sign.

    Counters see each look-up, and name the cache. Spans are there for caches in another process
    only, and see how often a request looks up where most requests never do.

    Args:
        budget: On look-ups for each request.
        evidence: Of the window.
        per_request: Its value; None if it has none.
        traces: All of them.
        usual: Of the whole recording.
    """
    counted = _counted(budget, evidence, per_request)
    commands = cache_commands(traces, usual)
    if any(one.sign for one in counted.causes):
        return counted
    if counted.missing or any(one.sign for one in commands.causes):
        return commands
    return counted


def _counted(budget: Budget, evidence: Evidence, per_request: float | None) -> Analysis:
    selector = selectors(budget.indicator)[0]
    try:
        gets = _by_cache(evidence, selector)
    except NoDataError as error:
        return Analysis(missing=str(error))
    number = sum(gets.values())
    if number <= 0:
        return Analysis(missing="no look-up was counted")
    causes = []
    for cache, count in gets.items():
        share = count / number
        each = share * (per_request or 0.0)
        causes.append(
            Cause(
                *("cache", _name(cache, selector), share, share, share),
                f"{count:.0f} of {number:.0f} look-ups",
                advice="look up all items of a page at once, or use what is loaded already",
                sign=f"{each:.3g} look-ups in a request on average" if each >= _MANY else "",
            )
        )
    return Analysis("the look-ups of the caches", tuple(causes))


def misses(budget: Budget, evidence: Evidence) -> Analysis:
    """The misses of each cache over the window: its look-ups that were no hits."""
    indicator = budget.indicator
    if not isinstance(indicator, Ratio):
        return Analysis(missing="the budget does not count hits")
    try:
        hits, gets = _by_cache(evidence, indicator.of), _by_cache(evidence, indicator.to)
    except NoDataError as error:
        return Analysis(missing=str(error))
    # More hits than look-ups are between two readings, or of a cache that counts otherwise.
    missed = {cache: max(0.0, count - hits.get(cache, 0.0)) for cache, count in gets.items()}
    number = sum(missed.values())
    if number <= 0:
        return Analysis(missing="no look-up missed")
    sign = _sign(sum(hits.values()), sum(gets.values()))
    causes = tuple(
        Cause(
            *("cache", _name(cache, indicator.to), count / number, count / number, count / number),
            f"{count:.0f} of {number:.0f} misses; {hits.get(cache, 0.0):.0f} hits",
            advice="look at the size, the time to live and the invalidation of this cache",
            sign=sign,
        )
        for cache, count in missed.items()
    )
    return Analysis("the misses of the caches", causes)


def overwrites(budget: Budget, evidence: Evidence) -> Analysis:
    """The values that each cache stored over ones that were still good, over the window."""
    indicator = budget.indicator
    if not isinstance(indicator, Ratio):
        return Analysis(missing="the budget does not count overwrites for each look-up")
    try:
        stored = _by_cache(evidence, indicator.of)
    except NoDataError as error:
        return Analysis(missing=str(error))
    number = sum(stored.values())
    if number <= 0:
        return Analysis(missing="no value was stored over another one")
    missed = _missed(evidence, indicator.to)
    causes = tuple(
        Cause(
            *("cache", _name(cache, indicator.of), count / number, count / number, count / number),
            f"{count:.0f} of {number:.0f} values that were stored over a good one",
            advice="load a missing value once, for all requests that wait for it",
            sign=_sign_of_overwrites(count, missed.get(cache, 0.0)),
        )
        for cache, count in stored.items()
    )
    return Analysis("the values stored over good ones", causes)


def _missed(evidence: Evidence, gets: Selector) -> dict[_Labels, float]:
    """The misses of each cache; empty where the metric of the look-ups does not tell them."""
    try:
        return _by_cache(evidence, replace(gets, where={**gets.where, "result": "miss"}))
    except NoDataError:
        return {}


def _sign_of_overwrites(count: float, missed: float) -> str:
    """Loads at the same time are after misses; updates store over good values without any.

    With several processes a few values are loaded twice in a sound service, too.
    """
    if count < max(_FEWEST, _TOGETHER * missed) or count > missed:
        return ""
    return f"{count / missed:.0%} of the {missed:.0f} misses load what another request loads"


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


def _sign(hits: float, gets: float) -> str:
    """Without hits nothing is stored, or not for long enough; a low ratio has many reasons.

    All caches of the budget together: the second level of a sound cache hits rarely, too.
    """
    return f"{hits / gets:.0%} of the look-ups hit" if hits < _HARDLY * gets else ""


def _name(cache: _Labels, selector: Selector) -> str:
    """Such as "cache users, level redis": the labels that the budget filters by, and the others."""
    filtered = {name: str(written) for name, written in selector.where.items() if name != "result"}
    labels = filtered | dict(cache)
    return ", ".join(f"{name} {value}" for name, value in labels.items()) or "the cache"
