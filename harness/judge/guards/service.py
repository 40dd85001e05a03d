"""Guards on the service's metrics: they were read often enough, and by one process throughout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.budgets.model import (
    ClientIndicator,
)
from harness.budgets.series import FEWEST_READINGS, reads_between_edges
from harness.judge.measure.measure import Measured, MeasuredBudgets
from harness.judge.measure.observation import NothingObserved, ObservedAnswer
from harness.judge.measure.series import (
    EDGE_TOLERANCE,
    NoDataError,
    Origin,
    edges,
    exporters,
    inside,
    instances,
    listed,
    metrics_urls,
    origin,
    scrape_interval,
    scrapes,
    share_of_scrapes,
    window,
)
from harness.judge.model import Guard, guard
from harness.names import PSUTIL, START_TIME
from harness.runs.model import Evidence
from harness.units import Unit, counted, format_quantity

# Deltas only need the edges; gauges are means over what was read,
# and a tenth of missing readings moves them by a tenth of their range at most.
COVERAGE = 0.9


def edge_scrapes(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """Each instance was read at both edges of the window, where the increases are taken."""
    missing: dict[Origin, str] = {}
    places = _places(evidence, measured)
    for place in places:
        try:
            edges(evidence, place)
        except NoDataError as error:
            missing[place] = str(error)
    if not places:
        return
    reason = next(iter(missing.values()), "the metrics were read at both edges of the window")
    yield guard(
        "edge-scrapes",
        reason,
        tripped=bool(missing),
        value=len(missing),
        limit=0,
        scope="server",
        budgets=_resting(measured, missing),
    )


def scrape_coverage(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """Nearly every planned scrape of the window succeeded, on the worst instance.

    An instance of which none succeeded in the whole run is the subject of `edge_scrapes`. A budget
    that is decided by its value, and breached by an increase between the edges, stands.
    """
    places = [place for place in _places(evidence, measured) if scrapes(evidence, place)]
    if not places:
        return
    interval = scrape_interval(evidence)
    shares = {place: share_of_scrapes(evidence, scrapes(evidence, place)) for place in places}
    worst = min(shares, key=lambda place: shares[place])
    share = shares[worst]
    reason = f"{format_quantity(share, Unit.RATIO)} of the planned scrapes succeeded"
    if share < COVERAGE and worst.provider:
        reason = (
            f"the process of the service was read in {format_quantity(share, Unit.RATIO)} of the"
            " planned moments; did it end, or was this machine too busy?"
        )
    elif share < COVERAGE:
        reason += (
            f" on {worst.instance or 'the service'}: its metrics endpoint is down, or too slow"
            f" under load for an interval of {format_quantity(interval, Unit.SECONDS)}; make it"
            " cheaper, raise `target.scrape_interval`, or correct `target.metrics`"
        )
    doubted = [one for one in measured if not _breached_by_increase(one)]
    yield guard(
        "scrape-coverage",
        reason,
        tripped=share < COVERAGE,
        value=share,
        limit=COVERAGE,
        unit=Unit.RATIO,
        scope="server",
        budgets=_resting(measured, (p for p in places if shares[p] < COVERAGE), doubted),
    )


def enough_readings(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """What lies between the edges was read often enough to know its peak or its mean."""
    counts = {
        one.name: one.observation.coverage.readings
        for one in measured
        if reads_between_edges(one.budget.indicator)
        and not isinstance(one.observation, NothingObserved | ObservedAnswer)
    }
    known = {name: count for name, count in counts.items() if count is not None}
    if not known:
        return
    few = tuple(name for name, count in known.items() if count < FEWEST_READINGS)
    least = min(known.values())
    reason = f"gauges were read at least {least} times within the window"
    if few:
        reason = (
            f"{listed(few)} had {counted(least, 'reading')} within the window, one every"
            f" {format_quantity(scrape_interval(evidence), Unit.SECONDS)}, and {FEWEST_READINGS}"
            " are needed: what happens between two readings is not seen; lower"
            " `target.scrape_interval`, or raise the duration"
        )
    yield guard(
        "enough-readings",
        reason,
        tripped=bool(few),
        value=least,
        limit=FEWEST_READINGS,
        scope="server",
        budgets=few or None,
    )


def counter_reset(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """No counter that a budget rests on fell or vanished within the window."""
    places = _places(evidence, measured)
    if not places:
        return
    fell = {
        selector: resets
        for one in measured
        for selector, resets in one.observation.coverage.resets.items()
    }
    reason = "no counter fell"
    if fell:
        reason = (
            f"a counter fell or vanished: {listed(fell)}; did the service restart, or do several"
            " worker processes answer on one metrics endpoint?"
        )
    # A process that restarted lost all of its counters, whichever of them shows it.
    scraped = any(one.observation.coverage.is_scraped for one in measured if _has_reset(one))
    own = any(not one.observation.coverage.is_scraped for one in measured if _has_reset(one))
    fallen = [place for place in places if (own if place.provider else scraped)]
    yield guard(
        "counter-reset",
        reason,
        tripped=bool(fell),
        value=sum(fell.values()),
        limit=0,
        scope="server",
        budgets=_resting(measured, fallen),
    )


def series_complete(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """No series that a budget rests on is missing in a scrape of its instance, or at a replica."""
    if not _places(evidence, measured):
        return
    incomplete = {
        one.name: one.observation.coverage.gaps
        for one in measured
        if one.observation.coverage.gaps and not isinstance(one.budget.indicator, ClientIndicator)
    }
    found = [gap for parts in incomplete.values() for gap in parts]
    reason = "no series that a budget needs was missing in a scrape"
    if found:
        reason = (
            f"{listed(found)}; the sum or the peak may be too low. Expose each series from the"
            " start of the service, at every replica and without a cache, or judge what is always"
            " there"
        )
    yield guard(
        "series-complete",
        reason,
        tripped=bool(found),
        value=len(set(found)),
        limit=0,
        scope="server",
        budgets=tuple(incomplete),
    )


def process_restart(evidence: Evidence, _: MeasuredBudgets) -> Iterator[Guard]:
    """The service that was measured at the end is the process that was measured at the start.

    A restart affects the times of the client as well.
    """
    try:
        planned = window(evidence)
    except NoDataError:
        return
    others = exporters(evidence)
    started = [
        s for s in evidence.series if s.name == START_TIME and origin(s).instance not in others
    ]
    if not started:
        return
    changed = [
        s for s in started if len({value for _, value in inside(s, planned, EDGE_TOLERANCE)}) > 1
    ]
    reason = "the service's process did not change"
    if changed:
        names = listed(origin(s).instance for s in changed)
        reason = (
            f"process_start_time_seconds of {names} changed within the window: the service"
            " restarted (see its log), or several worker processes answer in turn (measure each)"
        )
    yield guard(
        "process-restart", reason, tripped=bool(changed), value=len(changed), limit=0, scope="all"
    )


def _has_reset(one: Measured) -> bool:
    return bool(one.observation.coverage.resets)


def _places(evidence: Evidence, measured: MeasuredBudgets) -> list[Origin]:
    """Where the series of the server-side budgets are read; nowhere without a window.

    A budget on what the harness itself read of the process rests on no metrics endpoint, and an
    exporter counts only for budgets that read it, or whose series nobody has.
    """
    try:
        window(evidence)
    except NoDataError:
        return []
    found: list[Origin] = []
    on_server = _on_server(measured)
    if metrics_urls(evidence) and any(one.observation.coverage.is_scraped for one in on_server):
        read = [one.observation.coverage.instances for one in on_server]
        others = exporters(evidence)
        unread = {name for name in others if all(each and name not in each for each in read)}
        scraped = [Origin(name, "") for name in instances(evidence) if name not in unread]
        found += scraped or [Origin("", "")]
    if any(PSUTIL in one.observation.coverage.providers for one in on_server):
        found += sorted({place for s in evidence.series if (place := origin(s)).provider})
    return found


def _breached_by_increase(one: Measured) -> bool:
    """Whether the value alone breaks the bound, and only the edges of the window decide the value.

    A service that is too busy to be scraped in between would otherwise hide its own breach.
    """
    by_edges = not reads_between_edges(one.budget.indicator)
    return one.holds is False and one.budget.decide == "value" and by_edges


def _resting(
    measured: MeasuredBudgets, bad: Iterable[Origin], doubted: MeasuredBudgets | None = None
) -> tuple[str, ...] | None:
    """The server-side budgets that rest on bad places; None when these are all of them.

    Args:
        measured: All budgets.
        bad: The places.
        doubted: The budgets that are named if they rest on them; None is all.
    """
    providers = {place.provider for place in bad}
    on_server = _on_server(measured)
    resting = tuple(
        one.name
        for one in _on_server(measured if doubted is None else doubted)
        if ("" in providers and one.observation.coverage.is_scraped)
        or providers.intersection(one.observation.coverage.providers)
    )
    return resting if providers and len(resting) < len(on_server) else None


def _on_server(measured: MeasuredBudgets) -> list[Measured]:
    return [one for one in measured if not isinstance(one.budget.indicator, ClientIndicator)]
