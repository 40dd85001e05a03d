"""Where the series of an indicator have holes although their instance was read.

A series that is missing makes a sum smaller and a peak lower. So a missing reading is no reading of
zero, and a budget that rests on it cannot pass. What never existed cannot be missed: a label set
that no scrape of any instance has shown leaves no trace.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from operator import lt
from typing import TYPE_CHECKING, Final

from harness.budgets.dialects.model import MetricRole
from harness.budgets.presets import roles_of_run
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
from harness.names import (
    CONTRADICTING,
    CONTRADICTING_SERIES,
    CPU_SECONDS,
    GENERATOR_ELSEWHERE,
    INSTANCE,
    LATENCY,
    SCRAPE_DURATION,
)
from harness.runs.model import Evidence, Series, batch_seconds
from harness.runs.openmetrics import series_text
from harness.units import Unit, format_quantity

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Flags = npt.NDArray[np.bool_]

# Two instances that share this part of their metrics are replicas of one service. An endpoint of
# another kind, such as the exporter of a database, shares nearly none.
REPLICA_SHARE: Final = 0.5
# Requests that a service answers without a change of its metrics, if a cache answers for those.
_UNSEEN: Final = 10
_LEAST: Final = 2  # such scrapes in a row, after the one that showed the same first
_SHARE: Final = (
    0.2  # of the window that they last at least: less moves an increase by less than that
)


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


def cached_answers(evidence: Evidence, read_at: Collection[Origin]) -> Iterator[str]:
    """The stretches of the window in which nothing changed although requests were answered.

    It is known of the only instance of a service that exposes its requests or its CPU time: a cache
    or a collector answered in its place, so the readings are older than their times.

    Args:
        evidence: A run with a window.
        read_at: Where the series of a budget are read; other instances are not looked at.
    """
    own = set(instances(evidence)) - exporters(evidence)
    elsewhere = any(s.name == GENERATOR_ELSEWHERE and any(s.values) for s in evidence.series)
    place = Origin(own.pop(), "") if len(own) == 1 else None
    if place not in read_at or place is None or elsewhere:
        return
    planned = window(evidence)
    times = [t for t in scrapes(evidence, place) if planned.start <= t <= planned.end + EDGE_SLACK]
    shown = [one for one in evidence.series if origin(one) == place and one.name != SCRAPE_DURATION]
    counted = _counts_requests(evidence, shown)
    if not counted or len(times) <= _LEAST:
        return
    import numpy as np

    changed = np.zeros(len(times) - 1, dtype=np.bool_)
    for changing in (True, False):  # most services need no look at the others
        for one in shown:
            if (one.name in counted) is changing and not changed.all():
                changed |= _changes(one, times)
        stretches = _unseen(evidence, times, changed)
        if not stretches:
            return
    for begin, end, answered in stretches:
        yield (
            f"{place.instance} showed the same metrics for"
            f" {format_quantity(end - begin, Unit.SECONDS)}, in which {answered} requests were"
            " answered, as those of a cache or of a slow collector do"
        )


def _counts_requests(evidence: Evidence, shown: Iterable[Series]) -> set[str]:
    """The metrics among some series that change with each request, or nearly so."""
    roles = roles_of_run(evidence.manifest.roles)
    found = (roles[role] for role in (MetricRole.REQUESTS, MetricRole.SERVER_LATENCY))
    names = {one.events.metric for one in found if one is not None}
    return {
        one.name
        for one in shown
        # Some libraries count the CPU time in whole seconds.
        if one.name in names
        or (one.name == CPU_SECONDS and any(not value.is_integer() for value in one.values))
    }


def _changes(series: Series, times: Sequence[float]) -> Flags:
    """Whether a series changed, appeared or vanished from each of some scrapes to the next."""
    import numpy as np

    first, after = bisect_left(series.times, times[0]), bisect_right(series.times, times[-1])
    own = np.array(series.times[first:after], dtype=np.float64)
    places = np.searchsorted(np.array(times, dtype=np.float64), own)
    values = np.full(len(times), np.nan)
    values[places] = series.values[first:after]
    before, now = values[:-1], values[1:]
    found: Flags = (before != now) & ~(np.isnan(before) & np.isnan(now))
    return found


def _unseen(
    evidence: Evidence, times: Sequence[float], changed: Flags
) -> list[tuple[float, float, int]]:
    """The stretches without a change in which requests were answered: start, end and how many."""
    found: list[tuple[float, float, int]] = []
    shortest, first = _SHARE * window(evidence).seconds, 0
    for last, moved in enumerate([*changed.tolist(), True]):
        if moved:
            begin, end = times[first], times[last]
            long = last - first >= _LEAST and end - begin >= shortest
            answered = _answered(evidence, begin, end) if long else 0
            if answered >= _UNSEEN:
                found.append((begin, end, answered))
            first = last + 1
    return found


def _answered(evidence: Evidence, begin: float, end: float) -> int:
    """Requests that were due and answered between two moments, by whole batches."""
    planned = window(evidence)
    width = batch_seconds(planned.seconds)
    first = math.ceil((begin - planned.start) / width)
    after = math.floor((end - planned.start) / width)
    found = 0.0
    for key, batches in evidence.batches.items():
        for number in range(first, after) if key.what == LATENCY else ():
            if number in batches:
                times, left = batches[number], end - planned.start - (number + 1) * width
                found += times.count * (1 - (times.share_over(left) or 0.0))
    return round(found)
