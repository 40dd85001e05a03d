"""Where the series of an indicator have holes although their instance was read.

A series that is missing makes a sum smaller and a peak lower. So a missing reading is no reading of
zero, and a budget that rests on it cannot pass. What never existed cannot be missed: a label set
that no scrape of any instance has shown leaves no trace.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import lt
from typing import Final

from harness.budgets.selector import Selector
from harness.judge.measure.absent import family, family_holes
from harness.judge.measure.series import (
    EDGE_SLACK,
    NoDataError,
    Origin,
    exporters,
    instances,
    listed,
    matching,
    origin,
    scrapes,
    window,
)
from harness.names import CONTRADICTING, CONTRADICTING_SERIES, INSTANCE
from harness.runs.model import Evidence, Series
from harness.runs.openmetrics import series_text

# Two instances that share this part of their metrics are replicas of one service. An endpoint of
# another kind, such as the exporter of a database, shares nearly none.
REPLICA_SHARE: Final = 0.5


def gaps(
    evidence: Evidence, selectors: Iterable[Selector], counters: Iterable[Selector] = ()
) -> tuple[str, ...]:
    """The holes in the series of some selectors within the window, as parts of a sentence.

    Args:
        evidence: The run.
        selectors: The series that an indicator reads.
        counters: Of these, the counters: an increase needs their readings at both edges only, and
            a counter that is born within the window was 0 before.
    """
    try:
        planned = window(evidence)
    except NoDataError:
        return ()
    counted = set(map(str, counters))
    found: list[str] = []
    read = {str(selector): selector for selector in selectors}
    scraped: dict[Origin, tuple[float, ...]] = {}
    for name, selector in read.items():
        series = matching(evidence, selector)
        if name in counted:
            found += _lacking_replicas(evidence, selector, family(evidence, selector))
            found += family_holes(evidence, selector, planned)
        else:
            found += _lacking_replicas(evidence, selector, series)
        found += _contradictions(evidence, series)
        found += _edges_twice(series)
        if name not in counted:
            for one in series:
                # A sum is born with its count, perhaps within the window.
                born = (
                    one.times[0]
                    if one.times and selector.metric.endswith("_sum")
                    else planned.start
                )
                begin = max(planned.start, born)
                place = origin(one)
                if place not in scraped:
                    scraped[place] = scrapes(evidence, place)
                found += _holes(one, scraped[place], begin, planned.end + EDGE_SLACK)
    return tuple(dict.fromkeys(found + _unpaired(evidence, read.values())))


def _lacking_replicas(
    evidence: Evidence, selector: Selector, series: Sequence[Series]
) -> Iterator[str]:
    """The replicas of an instance with the metric that do not have it."""
    replicas, others = instances(evidence), exporters(evidence)
    if len(replicas) < 2:
        return
    having = {origin(one).instance for one in series if not origin(one).provider} - {""}
    metrics: dict[str, set[str]] = defaultdict(set)
    for one in evidence.series:
        if not origin(one).provider:
            metrics[origin(one).instance].add(one.name)
    lacking = [
        name
        for name in replicas
        if name not in having
        and any(
            (name in others) is (other in others) and _are_replicas(metrics[name], metrics[other])
            for other in having
        )
    ]
    if lacking:
        yield f"{selector} is missing at {listed(lacking)}; other replicas expose it"


def _are_replicas(one: set[str], other: set[str]) -> bool:
    return len(one & other) >= REPLICA_SHARE * min(len(one), len(other)) and len(one & other) > 1


def _unpaired(evidence: Evidence, selectors: Iterable[Selector]) -> list[str]:
    """The parts of histograms, `_sum` and `_count`, of which one lacks a label set of the other."""
    label_sets = {
        selector.metric: {tuple(sorted(s.labels.items())) for s in matching(evidence, selector)}
        for selector in selectors
    }
    found = []
    for metric, sums in label_sets.items():
        base, _, suffix = metric.rpartition("_")
        counts = label_sets.get(f"{base}_count")
        if suffix != "sum" or counts is None:
            continue
        if counts - sums:
            found.append(f"{base} has {len(counts - sums)} series without their _sum")
        if sums - counts:
            found.append(f"{base} has {len(sums - counts)} series without their _count")
    return found


def _contradictions(evidence: Evidence, series: Sequence[Series]) -> Iterator[str]:
    """Series that had different values at one time: in a scrape, or twice in the evidence."""
    noted = {s.labels.get(CONTRADICTING_SERIES) for s in evidence.series if s.name == CONTRADICTING}
    texts = [series_text(one.name, one.labels) for one in series]
    counts = Counter(texts)
    values: dict[tuple[str, float], float] = {}
    for one, text in zip(series, texts, strict=True):
        if text in noted:
            yield f"{text} has two values at one time"
        if counts[text] == 1 and all(map(lt, one.times, islice(one.times, 1, None))):
            continue
        for time, value in zip(one.times, one.values, strict=True):
            if values.setdefault((text, time), value) != value:
                yield f"{text} has two values at one time"
                return


def _edges_twice(series: Sequence[Series]) -> Iterator[str]:
    """Buckets of one histogram with one edge in two spellings, such as "1" and "1.0"."""
    spelt: dict[tuple[tuple[tuple[str, str], ...], float], str] = {}
    for one in series:
        if not one.name.endswith("_bucket"):
            continue
        try:
            edge = float(one.labels.get("le", "nan"))
        except ValueError:
            continue  # no value can be computed
        key = tuple(sorted((k, v) for k, v in one.labels.items() if k != "le")), edge
        if spelt.setdefault(key, one.labels["le"]) != one.labels["le"]:
            yield f"{one.name} has two series for the bucket edge {edge:g}"


def _holes(series: Series, scraped: Sequence[float], start: float, end: float) -> Iterator[str]:
    """The successful scrapes of the window in which a series of their instance is missing."""
    read = scraped[bisect_left(scraped, start) : bisect_right(scraped, end)]
    times = set(series.times)
    missing = [t for t in read if t not in times]
    if missing and not (series.times and series.times[0] > end):
        own = {name: value for name, value in series.labels.items() if name != INSTANCE}
        text = series_text(series.name, own)
        yield f"{text} is missing in {len(missing)} of {len(read)} scrapes"
