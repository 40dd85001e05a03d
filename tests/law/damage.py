"""Ways to damage the evidence of a run: each takes something away from it, or contradicts it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Final

from harness.names import (
    ASKED_BATCHES,
    ASKED_FIRST,
    ASKED_LAST,
    ASKED_VALUE,
    CONTRADICTING,
    CONTRADICTING_SERIES,
    DECLARED,
    DECLARED_METRIC,
    INSTANCE,
    LATENCY,
    PROVIDER,
    PSUTIL,
    SCHEDULER_LAG,
    START_LAG,
    START_TIME,
    UNANSWERED_LATENCY,
    UNANSWERED_SERVICE_TIME,
    UNSTARTED_LATENCY,
    UP,
)
from harness.runs.model import Distribution, Evidence, LatencyKey, Series
from harness.runs.openmetrics import series_text
from tests.unit.judge.evidence import END, SECONDS, START

Damage = Callable[[Random, Evidence], Evidence]
Answered = Mapping[str, Sequence[tuple[Mapping[str, str], float]]]
_COUNTERS: Final = ("_total", "_bucket", "_sum", "_count")


def series_ends(chance: Random, run: Evidence) -> Evidence:
    """A series ends at a moment of the window, and the scrapes go on.

    A label set that no scrape has shown is no series: nothing tells such a run from a healthy one.
    """
    end = _moment(chance)
    return _one_series(chance, run, lambda s: _kept(s, lambda t: t <= max(end, s.times[0])))


def sum_missing(chance: Random, run: Evidence) -> Evidence:
    """A label set of a histogram lacks its sum or its count."""
    parts = [s for s in run.series if s.name.endswith(("_sum", "_count"))]
    if not parts:
        return run
    gone = chance.choice(parts)
    return replace(run, series=tuple(s for s in run.series if s is not gone))


def series_begins_late(chance: Random, run: Evidence) -> Evidence:
    """A series is there only from a moment of the window on."""
    at = _moment(chance)
    return _one_series(chance, run, lambda s: _kept(s, lambda t: t >= at))


def metric_of_replica_missing(chance: Random, run: Evidence) -> Evidence:
    """One replica lacks a metric."""
    one = _chosen(chance, run)
    return replace(
        run,
        series=tuple(
            s
            for s in run.series
            if (s.name, s.labels.get(INSTANCE)) != (one.name, one.labels.get(INSTANCE))
        ),
    )


def metric_missing(chance: Random, run: Evidence) -> Evidence:
    """No replica has a metric."""
    one = _chosen(chance, run)
    return replace(run, series=tuple(s for s in run.series if s.name != one.name))


def scrapes_fail(chance: Random, run: Evidence) -> Evidence:
    """Scrapes of one replica fail for a time, and `up` says so."""
    replica, (begin, end) = _replica(chance, run), _span(chance)
    return replace(run, series=tuple(_failed(s, replica, begin, end) for s in run.series))


def scrapes_missing(chance: Random, run: Evidence) -> Evidence:
    """Nothing is known of one replica for a time."""
    replica, (begin, end) = _replica(chance, run), _span(chance)
    return replace(
        run,
        series=tuple(
            _kept(s, lambda t: not begin <= t <= end) if s.labels.get(INSTANCE) == replica else s
            for s in run.series
        ),
    )


def sample_missing(chance: Random, run: Evidence) -> Evidence:
    """One sample of a series is missing."""
    one = _chosen(chance, run)
    at = chance.choice(one.times) if one.times else START
    return _replaced(run, one, _kept(one, lambda t: t != at))


def counter_reset(chance: Random, run: Evidence) -> Evidence:
    """A process starts again: its counters begin at 0."""
    replica, at = _replica(chance, run), _moment(chance)
    return replace(
        run,
        series=tuple(
            _restarted(s, at) if s.labels.get(INSTANCE) == replica and s.name != UP else s
            for s in run.series
        ),
    )


def duplicate_with_another_value(chance: Random, run: Evidence) -> Evidence:
    """A series stands twice, and the copy has other values."""
    one = _chosen(chance, run)
    factor = chance.choice([0.0, 0.5, 2.0])
    copy = replace(one, values=tuple(v * factor for v in one.values))
    both = (copy, *run.series) if chance.random() < 0.5 else (*run.series, copy)
    return replace(run, series=both)


def clock_steps(chance: Random, run: Evidence) -> Evidence:
    """The wall clock steps by some seconds, and the scrapes are stamped with it."""
    at, by = _moment(chance), chance.choice([-6.0, -2.0, 2.0, 6.0])

    def stepped(s: Series) -> Series:
        points = sorted(
            (t + by if t >= at else t, v) for t, v in zip(s.times, s.values, strict=True)
        )
        unique = dict(points)
        return replace(s, times=tuple(unique), values=tuple(unique.values()))

    return replace(run, series=tuple(map(stepped, run.series)))


def requests_missing(chance: Random, run: Evidence) -> Evidence:
    """Lines of the latency log are missing: those of a key in some batches."""
    key = chance.choice(list(run.batches))
    numbers = list(run.batches[key])
    gone = set(chance.sample(numbers, chance.randint(1, len(numbers))))
    kept = {n: d for n, d in run.batches[key].items() if n not in gone}
    return _with_batches(run, {**run.batches, key: kept})


def latency_log_ends(chance: Random, run: Evidence) -> Evidence:
    """The latency log ends early."""
    last = chance.randint(0, 4)
    return _with_batches(
        run, {k: {n: d for n, d in b.items() if n < last} for k, b in run.batches.items()}
    )


def warm_up_scaled(chance: Random, run: Evidence) -> Evidence:
    """The warm-up was longer, and all of its load was delivered."""
    more = chance.choice([100, 10_000, 1_000_000])
    account = run.manifest.requests
    counts = {name: getattr(account, name) + more for name in ("asked", "sent", "started")}
    changed = account.model_copy(update={**counts, "recorded": account.recorded + more})
    scheduled, started = run.iterations or (0, 0)
    return replace(
        run,
        manifest=run.manifest.model_copy(update={"requests": changed}),
        recorded=None if run.recorded is None else run.recorded + more,
        iterations=None if run.iterations is None else (scheduled + more, started + more),
    )


def contradicted_in_a_scrape(chance: Random, run: Evidence) -> Evidence:
    """A scrape had a series twice, and the first value is the lower one."""
    one = _chosen(chance, run)
    low = replace(one, values=tuple(v * chance.choice([0.0, 0.5]) for v in one.values))
    labels = {CONTRADICTING_SERIES: series_text(one.name, one.labels)}
    noted = Series(CONTRADICTING, labels, one.times[-1:], (1.0,))
    return replace(_replaced(run, one, low), series=(*_replaced(run, one, low).series, noted))


def label_collides(chance: Random, run: Evidence) -> Evidence:
    """A series of the service has a label that the harness adds to its own readings."""
    value = chance.choice([PSUTIL, "stripe"])
    return _one_series(
        chance, run, lambda s: replace(s, labels={**s.labels, PROVIDER: value, "source": "a"})
    )


def answer_cut(chance: Random, run: Evidence) -> Evidence:
    """A part of what a server answered is missing."""
    return _with_answers(run, lambda found: _without(found, chance.choice(list(found))))


def answer_covers_less(chance: Random, run: Evidence) -> Evidence:
    """A server scraped only a part of the window, and saw less there."""
    first, last = START + chance.uniform(0, 5), END - chance.uniform(0, 5)
    factor = chance.choice([0.0, 0.5])
    less = {f"{ASKED_FIRST} 0": max(first, START + 1.1), f"{ASKED_LAST} 0": last}

    def changed(found: Answered) -> Answered:
        parts = [(labels, value * factor) for labels, value in found.get(ASKED_VALUE, ())]
        batches = f"{ASKED_BATCHES} 0"
        counted = [(labels, value * factor) for labels, value in found.get(batches, ())]
        own: Answered = {what: [({}, at)] for what, at in less.items()}
        return {**found, ASKED_VALUE: parts, batches: counted, **own}

    return _with_answers(run, changed)


def machine_clock_set(chance: Random, run: Evidence) -> Evidence:
    """The machine's clock was set, so a server's window is another one, where less happened."""
    step = chance.choice([-6.0, -1.0, 1.0, 6.0])
    clock = run.manifest.clock.model_copy(update={"step": step})
    manifest = run.manifest.model_copy(update={"clock": clock})
    parts: Answered = {ASKED_VALUE: [({}, 0.0)]}
    return _with_answers(replace(run, manifest=manifest), lambda found: {**found, **parts})


def _with_answers(run: Evidence, change: Callable[[Answered], Answered]) -> Evidence:
    answers = {
        name: replace(answer, found=change(answer.found)) for name, answer in run.answers.items()
    }
    return replace(run, answers=answers)


def _without(found: Answered, gone: str) -> Answered:
    return {what: rows for what, rows in found.items() if what != gone}


def waits_missing(chance: Random, run: Evidence) -> Evidence:
    """The waits of requests without an answer are missing: of one kind, or of all kinds."""
    kinds = [UNANSWERED_LATENCY, UNANSWERED_SERVICE_TIME, UNSTARTED_LATENCY]
    gone = set(chance.choice([kinds, *([kind] for kind in kinds)]))
    return _with_batches(run, {k: b for k, b in run.batches.items() if k.what not in gone})


def cut_not_counted(_: Random, run: Evidence) -> Evidence:
    """run.json does not count the iterations that exceptions cut short."""
    account = run.manifest.requests.model_copy(update={"cut": 0})
    return replace(run, manifest=run.manifest.model_copy(update={"requests": account}))


def consequences_missing(_: Random, run: Evidence) -> Evidence:
    """run.json does not say which exceptions followed a failed request."""
    return replace(run, manifest=run.manifest.model_copy(update={"consequences": ()}))


def _with_batches(
    run: Evidence, batches: Mapping[LatencyKey, Mapping[int, Distribution]]
) -> Evidence:
    some = {key: found for key, found in batches.items() if found}
    whole = {key: Distribution.merge(found.values()) for key, found in some.items()}
    scheduled, started = (
        before - _counted(run.latency, what) + _counted(whole, what)
        for before, what in zip(run.iterations or (0, 0), (SCHEDULER_LAG, START_LAG), strict=True)
    )
    return replace(
        run,
        batches=some,
        latency=whole,
        recorded=_counted(whole, LATENCY),
        unanswered=_counted(whole, UNANSWERED_LATENCY),
        iterations=None if run.iterations is None else (scheduled, started),
    )


def _counted(latency: Mapping[LatencyKey, Distribution], what: str) -> int:
    return sum(times.count for key, times in latency.items() if key.what == what)


def _chosen(chance: Random, run: Evidence) -> Series:
    # Without its note a contradiction is a replaced value, which nothing in the evidence shows.
    own = {UP, CONTRADICTING}
    return chance.choice([s for s in run.series if s.name not in own] or list(run.series))


def _one_series(chance: Random, run: Evidence, change: Callable[[Series], Series]) -> Evidence:
    one = _chosen(chance, run)
    return _replaced(run, one, change(one))


def _replaced(run: Evidence, one: Series, by: Series) -> Evidence:
    changed = (by if s is one else s for s in run.series)
    return replace(run, series=tuple(s for s in changed if s.times))  # no file has an empty one


def _kept(series: Series, keep: Callable[[float], bool]) -> Series:
    points = [(t, v) for t, v in zip(series.times, series.values, strict=True) if keep(t)]
    return replace(series, times=tuple(t for t, _ in points), values=tuple(v for _, v in points))


def _failed(series: Series, replica: str, begin: float, end: float) -> Series:
    if series.labels.get(INSTANCE) != replica:
        return series
    if series.name == UP:
        points = zip(series.times, series.values, strict=True)
        return replace(series, values=tuple(0.0 if begin <= t <= end else v for t, v in points))
    return _kept(series, lambda t: not begin <= t <= end)


def _restarted(series: Series, at: float) -> Series:
    if series.name == START_TIME:
        points = zip(series.times, series.values, strict=True)
        return replace(series, values=tuple(at if t >= at else v for t, v in points))
    return _from_zero(series, at) if series.name.endswith(_COUNTERS) else series


def _from_zero(series: Series, at: float) -> Series:
    points = list(zip(series.times, series.values, strict=True))
    before = [v for t, v in points if t < at]
    base = before[-1] if before else 0.0
    return replace(series, values=tuple(v - base if t >= at else v for t, v in points))


def _replica(chance: Random, run: Evidence) -> str:
    return chance.choice(sorted({s.labels.get(INSTANCE, "") for s in run.series} - {""}))


def _moment(chance: Random) -> float:
    return START + chance.randint(0, int(SECONDS))


def _span(chance: Random) -> tuple[float, float]:
    begin = _moment(chance)
    return begin, min(END + 1, begin + chance.randint(0, int(SECONDS)))


def declaration_dropped(chance: Random, run: Evidence) -> Evidence:
    """The declaration of a counter is missing for a time, or everywhere."""
    begin, end = chance.choice([_span(chance), (0.0, END + 1)])
    changed = (
        _kept(s, lambda t: not begin <= t <= end) if s.name == DECLARED else s for s in run.series
    )
    return replace(run, series=tuple(s for s in changed if s.times))


def family_vanishes(chance: Random, run: Evidence) -> Evidence:
    """All series of a metric, and its declaration, end at a moment of the window."""
    name, end = _chosen(chance, run).name, _moment(chance)
    changed = (
        _kept(s, lambda t: t <= end) if name in {s.name, s.labels.get(DECLARED_METRIC)} else s
        for s in run.series
    )
    return replace(run, series=tuple(s for s in changed if s.times))


EVERY: Final[tuple[Damage, ...]] = (
    declaration_dropped,
    family_vanishes,
    series_ends,
    sum_missing,
    series_begins_late,
    metric_of_replica_missing,
    metric_missing,
    scrapes_fail,
    scrapes_missing,
    sample_missing,
    counter_reset,
    duplicate_with_another_value,
    clock_steps,
    requests_missing,
    latency_log_ends,
    warm_up_scaled,
    contradicted_in_a_scrape,
    label_collides,
    answer_cut,
    answer_covers_less,
    machine_clock_set,
    waits_missing,
    cut_not_counted,
    consequences_missing,
)
