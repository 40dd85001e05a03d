"""Which part of the service's series was read within the window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.budgets.selector import Selector
from harness.judge.measure.absent import places
from harness.judge.measure.deltas import Delta
from harness.judge.measure.gaps import cached_answers, gaps
from harness.judge.measure.observation import Coverage
from harness.judge.measure.series import (
    EDGE_TOLERANCE,
    NoDataError,
    Origin,
    matching,
    read_between,
    scrapes,
    share_of_scrapes,
    window,
)
from harness.runs.model import Evidence
from harness.runs.openmetrics import series_text


def service_coverage(
    evidence: Evidence,
    selectors: Iterable[Selector],
    counters: Iterable[tuple[Selector, Sequence[Delta]]] = (),
) -> Coverage:
    """How much of the window the series of some selectors cover.

    Args:
        evidence: The run.
        selectors: What is read.
        counters: Of these, the counters, with the increase of each series.
    """
    selectors, counters = tuple(selectors), tuple(counters)
    counted = {str(selector) for selector, _ in counters}
    holes = gaps(evidence, selectors, (selector for selector, _ in counters))
    found = [series for selector in selectors for series in matching(evidence, selector)]
    texts = tuple(sorted({series_text(one.name, one.labels) for one in found}))
    read_at = set[Origin]().union(
        *(places(evidence, one, counted=str(one) in counted) for one in selectors)
    )
    instances = tuple(sorted({place.instance for place in read_at} - {""}))
    resets = _resets(counters)
    providers = tuple(sorted({place.provider for place in read_at}))
    try:
        planned = window(evidence)
    except NoDataError:
        return Coverage(texts, instances, resets=resets, gaps=holes, providers=providers)
    holes += tuple(cached_answers(evidence, read_at))
    times = [scrapes(evidence, place) for place in read_at]

    def has_scrape(edge: float) -> bool:
        return bool(times) and all(
            any(abs(t - edge) <= EDGE_TOLERANCE for t in moments) for moments in times
        )

    return Coverage(
        texts,
        instances,
        share=min((share_of_scrapes(evidence, moments) for moments in times), default=0.0),
        start=has_scrape(planned.start),
        end=has_scrape(planned.end),
        resets=resets,
        gaps=holes,
        providers=providers,
        unborn=tuple(str(one) for one, _ in counters if not matching(evidence, one)),
        readings=min((_count(evidence, place) for place in read_at), default=0),
    )


def _count(evidence: Evidence, place: Origin) -> int:
    """Successful readings of an origin, from the edge of the window to the other."""
    between = read_between(evidence, place)
    return sum(between.start <= t <= between.end for t in scrapes(evidence, place))


def _resets(counters: Iterable[tuple[Selector, Sequence[Delta]]]) -> Mapping[str, int]:
    found = {str(selector): sum(part.resets for part in parts) for selector, parts in counters}
    return {name: count for name, count in found.items() if count}
