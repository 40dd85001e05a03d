"""Counters without a series: zero where the scrapes show that nothing was counted yet.

A counter whose family is declared (`# TYPE`), or whose other label values are exposed, is born with
its first event. So it is zero at an instance that exposes its family, as long as the family is in
every scrape. A family that vanishes, or that nobody ever saw, is missing evidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from harness.budgets.mistaken import mistake
from harness.budgets.selector import Selector
from harness.judge.measure.series import (
    EDGE_SLACK,
    Interval,
    NoDataError,
    Origin,
    instances,
    matching,
    origin,
    scrapes,
    why_no_label,
    why_no_value,
    why_nothing,
)
from harness.names import DECLARED, DECLARED_METRIC, INSTANCE
from harness.runs.model import Evidence, Series


def family(evidence: Evidence, selector: Selector) -> tuple[Series, ...]:
    """The series that show that a counter exists: of any labels, or its declaration."""
    here = {name: one for name, one in selector.where.items() if name == INSTANCE}
    declared = matching(evidence, Selector(DECLARED, {**here, DECLARED_METRIC: selector.metric}))
    return (*matching(evidence, Selector(selector.metric, here)), *declared)


def places(evidence: Evidence, selector: Selector, *, counted: bool) -> set[Origin]:
    """Where the series of a selector are read.

    Args:
        evidence: The run.
        selector: Matches the series.
        counted: Whether it is a counter, which is also read where only its family is exposed.
    """
    shown = family(evidence, selector) if counted else matching(evidence, selector)
    found = {origin(one) for one in shown}
    if counted and not found and selector.absent_is_zero:
        return {Origin(name, "") for name in instances(evidence)}
    return found


def zero_at(evidence: Evidence, selector: Selector) -> set[Origin]:
    """Where a counter that no scrape has shown is zero; empty when some scrape has shown it.

    Raises:
        NoDataError: There is no sign that the counter exists, or the filter can never match.
    """
    if matching(evidence, selector):
        return set()
    shown = matching(evidence, Selector(selector.metric))
    if not selector.absent_is_zero:
        if not family(evidence, selector):
            raise NoDataError(why_nothing(evidence, selector))
        if wrong := _mistaken(shown, selector):
            raise NoDataError(wrong)
    found = places(evidence, selector, counted=True)
    if not found:
        raise NoDataError(why_nothing(evidence, selector))
    return found


def family_holes(evidence: Evidence, selector: Selector, planned: Interval) -> Iterator[str]:
    """The scrapes of the window without the family of a counter that is not born there yet.

    A series that begins after the window does not show that the counter was 0 within it.

    Args:
        evidence: The run.
        selector: Of a counter.
        planned: The window.
    """
    end = planned.end + EDGE_SLACK
    born = {
        origin(one) for one in matching(evidence, selector) if min(one.times, default=inf) <= end
    }
    times: dict[Origin, set[float]] = {}
    for one in family(evidence, selector):
        times.setdefault(origin(one), set()).update(one.times)
    for place in sorted(times.keys() - born):
        first = min(times[place], default=inf)
        if first > end and selector.absent_is_zero:
            continue
        begin = planned.start if first > end else max(planned.start, first)
        read = [t for t in scrapes(evidence, place) if begin <= t <= end]
        if missing := [t for t in read if t not in times[place]]:
            yield (
                f"{selector.metric} is missing in {len(missing)} of {len(read)} scrapes of"
                f" {place.instance}"
            )


def _mistaken(shown: tuple[Series, ...], selector: Selector) -> str:
    """Why a filter can match no series of a counter that has some; empty when it can."""
    for name, wanted in selector.matchers.items():
        if not shown or wanted.matches(""):
            continue
        seen = {s.labels[name] for s in shown if name in s.labels}
        if not seen:
            return why_no_label(shown, selector, name)
        if mistake(wanted, seen):
            return why_no_value(selector, name, seen)
    return ""
