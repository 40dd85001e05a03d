"""Which rate to try next in the search for the capacity of a service, and when the search ends.

The results of steps are noisy, and binary search by single results ends beside the capacity when
one of them is wrong (Karp and Kleinberg 2007, Noisy binary search and its applications). So a rate
counts by two equal results of at most three, as MLRsearch counts trials for a bound
(draft-ietf-bmwg-mlrsearch): a rate that broke a budget is tried again before it bounds the
capacity from above, and the highest rate that held is tried again before the search ends. When
the time is over before that, the second-highest step that held bounds it from below.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal, assert_never

# What one step says of its rate: every budget holds, a budget is breached, the values are too near
# to their bounds, a guard other than those of the generator took verdicts away, or the load
# generator could not make the load.
StepResult = Literal["holds", "breaks", "undecided", "disturbed", "generator"]
# Why a search ends by itself: the bounds are close enough; the highest rate to try holds; the
# generator is the limit; results near the capacity are undecided; even the lowest rate breaks.
SearchEnd = Literal["found", "reached", "generator", "noise", "nothing-holds"]

MOST_STEPS_AT_A_RATE = 3
_ENOUGH = 2  # equal results
_DIGITS = 3  # significant digits of a rate that is tried


@dataclass(frozen=True, slots=True)
class SearchRange:
    """Where a search looks for the capacity.

    Attributes:
        start: The first rate, per second.
        most: The highest rate to try.
        least: The lowest rate to try, when the first one breaks a budget.
        within: Width of the interval that is wanted, as a share of its lower end.
        bound: A rate that is tried when the capacity may lie on either side of it, or None.
        factor: Between one rate and the next while the capacity is not bounded from both sides.
    """

    start: float
    most: float
    least: float
    within: float = 0.05
    bound: float | None = None
    factor: float = 2.0


@dataclass(frozen=True, slots=True)
class Bracket:
    """What the steps so far say of the capacity.

    Attributes:
        lower: The highest rate such that two steps at it or above held; None without one.
        upper: The lowest rate that breaks a budget; None without one.
        stop: The lowest rate that breaks a budget or that the generator cannot make.
        generator: Whether the generator is the limit at `stop`.
        held: The highest rate that holds below `stop`, by one step or several; None without one.
        undecided: Rates between `held` and `stop` whose results are undecided, ascending.
    """

    lower: float | None
    upper: float | None
    stop: float | None
    generator: bool
    held: float | None
    undecided: tuple[float, ...] = ()


_Tried = Sequence[tuple[float, StepResult]]


def next_rate(limits: SearchRange, tried: _Tried) -> float | SearchEnd:
    """The rate of the next step, or why the search ends.

    Args:
        limits: Where to search.
        tried: The rates of the steps so far and their results, in order.
    """
    if not tried:
        return limits.start
    results = _by_rate(tried)
    last = tried[-1][0]
    if _status(results[last]) is None:
        return last
    found = bracket(tried)
    top, bottom = max(results), min(results)
    if found.stop is None and top < limits.most and not _lost(found, sorted(results)):
        return _rounded(min(top * limits.factor, limits.most), limits)
    if found.held is None:
        if bottom > limits.least:
            return _rounded(max(bottom / limits.factor, limits.least), limits)
        limit: SearchEnd = "generator" if found.generator else "nothing-holds"
        return "noise" if bottom in found.undecided else limit
    return _within(limits, found)


def bracket(tried: _Tried) -> Bracket:
    """What the steps so far say of the capacity."""
    results = _by_rate(tried)
    status = {rate: _status(found) for rate, found in results.items()}
    breaks = min((rate for rate, one in status.items() if one == "breaks"), default=None)
    limit = min((rate for rate, one in status.items() if one == "generator"), default=None)
    stop = min((rate for rate in (breaks, limit) if rate is not None), default=None)
    holds = sorted(
        rate
        for rate, result in tried
        if result == status[rate] == "holds" and (stop is None or rate < stop)
    )
    held = max(holds, default=None)
    return Bracket(
        lower=holds[-_ENOUGH] if len(holds) >= _ENOUGH else None,
        upper=breaks,
        stop=stop,
        generator=limit is not None and stop == limit,
        held=held,
        undecided=tuple(
            sorted(
                rate
                for rate, one in status.items()
                if one == "undecided"
                and (held is None or rate > held)
                and (stop is None or rate < stop)
            )
        ),
    )


def _lost(found: Bracket, rates: Sequence[float]) -> bool:
    """Whether the two highest rates are undecided, so that a higher one tells nothing either."""
    return len(rates) > 1 and set(rates[-2:]) <= set(found.undecided)


def _within(limits: SearchRange, found: Bracket) -> float | SearchEnd:
    """The next rate, or the end, once the capacity is bounded from below and from above."""
    assert found.held is not None
    bound, stop = limits.bound, found.stop or 0.0
    if bound is not None and found.held < bound < stop and bound not in found.undecided:
        return bound
    for low, high in _gaps(limits, found):
        middle = float(f"{sqrt(low * high):.{_DIGITS}g}")
        if low < middle < high:
            return middle
    if found.lower != found.held:
        return found.held
    if found.generator:
        return "generator"
    if found.stop is None:
        return "noise" if found.undecided else "reached"
    return "found" if _close(found.held, found.stop, limits.within) else "noise"


def _gaps(limits: SearchRange, found: Bracket) -> Iterator[tuple[float, float]]:
    """The gaps between decided and undecided rates that are too wide, the widest first."""
    assert found.held is not None
    low, stop, between = found.held, found.stop, found.undecided
    if stop is not None and _close(low, stop, limits.within):
        return
    gaps = []
    if between:
        gaps.append((low, between[0]))
        if stop is not None:
            gaps.append((between[-1], stop))
    elif stop is not None:
        gaps.append((low, stop))
    # Beside an undecided rate there is a gap on either side, and both belong to the interval.
    wanted = limits.within
    wide = [gap for gap in gaps if not _close(*gap, wanted)]
    yield from sorted(wide, key=lambda gap: gap[0] / gap[1])


def _close(low: float, high: float, within: float) -> bool:
    return high <= low * (1 + within) * (1 + 1e-9)


def _rounded(rate: float, limits: SearchRange) -> float:
    if rate in {limits.most, limits.least}:
        return rate
    return min(max(float(f"{rate:.{_DIGITS}g}"), limits.least), limits.most)


def _by_rate(tried: _Tried) -> Mapping[float, list[StepResult]]:
    found: dict[float, list[StepResult]] = {}
    for rate, result in tried:
        found.setdefault(rate, []).append(result)
    return found


def _status(results: Sequence[StepResult]) -> StepResult | None:
    """What the steps at one rate say of it together; None while another step is needed.

    One step that holds is enough until its rate is the result. One that is undecided has gone on
    for as long as it may, and another one would hardly say more. One that was disturbed says
    nothing.
    """
    known = [one for one in results if one != "disturbed"]
    if not known:
        return "undecided" if len(results) >= _ENOUGH else None
    ((result, count),) = Counter(known).most_common(1)
    if count >= _ENOUGH:
        return result
    if len(results) >= MOST_STEPS_AT_A_RATE:
        return "undecided"
    if len(known) > 1:
        return None
    match result:
        case "holds" | "undecided":
            return result
        case "breaks" | "generator" | "disturbed":
            return None
        case _:
            assert_never(result)
