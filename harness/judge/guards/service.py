"""Guards on the service's metrics: they were read often enough, and by one process throughout."""

from __future__ import annotations

from collections.abc import Iterator

from harness.budgets.model import ClientIndicator
from harness.judge.measure.measure import MeasuredBudgets
from harness.judge.measure.series import (
    EDGE_TOLERANCE,
    NoDataError,
    Origin,
    edges,
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
from harness.names import START_TIME
from harness.runs.model import Evidence
from harness.units import Unit, format_quantity

# Deltas only need the edges; gauges are means over what was read,
# and a tenth of missing readings moves them by a tenth of their range at most.
COVERAGE = 0.9


def edge_scrapes(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """Each instance was read at both edges of the window, where the increases are taken."""
    if not _applies(evidence, measured):
        return
    missing = []
    for place in _places(evidence):
        try:
            edges(evidence, place)
        except NoDataError as error:
            missing.append(str(error))
    reason = missing[0] if missing else "the metrics were read at both edges of the window"
    yield guard(
        "edge-scrapes", reason, tripped=bool(missing), value=len(missing), limit=0, scope="server"
    )


def scrape_coverage(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """Nearly every planned scrape of the window succeeded, on the worst instance."""
    if not _applies(evidence, measured):
        return
    interval = scrape_interval(evidence)
    shares = {
        place.instance: share_of_scrapes(evidence, scrapes(evidence, place))
        for place in _places(evidence)
    }
    worst = min(shares, key=lambda name: shares[name])
    share = shares[worst]
    reason = f"{format_quantity(share, Unit.RATIO)} of the planned scrapes succeeded"
    if share < COVERAGE:
        reason += (
            f" on {worst or 'the service'}: its metrics endpoint is down, or too slow under load"
            f" for an interval of {format_quantity(interval, Unit.SECONDS)}; make it cheaper,"
            " raise `target.scrape_interval`, or correct `target.metrics`"
        )
    yield guard(
        "scrape-coverage",
        reason,
        tripped=share < COVERAGE,
        value=share,
        limit=COVERAGE,
        unit=Unit.RATIO,
        scope="server",
    )


def counter_reset(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """No counter that a budget rests on fell or vanished within the window."""
    if not _applies(evidence, measured):
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
    value = sum(fell.values())
    yield guard("counter-reset", reason, tripped=bool(fell), value=value, limit=0, scope="server")


def series_complete(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """No series that a budget rests on is missing in a scrape of its instance, or at a replica."""
    if not _applies(evidence, measured):
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
            " start of the service and at every replica, or judge what is always there"
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
    started = [s for s in evidence.series if s.name == START_TIME]
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


def _applies(evidence: Evidence, measured: MeasuredBudgets) -> bool:
    """Whether there is anything to trust: server-side budgets, endpoints and a window."""
    try:
        window(evidence)
    except NoDataError:
        return False
    on_server = any(not isinstance(one.budget.indicator, ClientIndicator) for one in measured)
    return on_server and bool(metrics_urls(evidence))


def _places(evidence: Evidence) -> list[Origin]:
    return [Origin(name, "") for name in instances(evidence)] or [Origin("", "")]
