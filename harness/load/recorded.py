"""The reports of generators in the form of the run folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from harness import names
from harness.load.protocol.frames import Report
from harness.runs.cells import Cell
from harness.runs.model import Requests, SlowRequest


def with_source(report: Report) -> tuple[Cell, ...]:
    """The cells of a report; with several sources, a generator's own readings get its source."""
    if not report.source:
        return report.cells
    times = {names.LATENCY, names.SERVICE_TIME, names.RECEIVE_LAG}
    times |= {names.UNANSWERED_LATENCY, names.UNANSWERED_SERVICE_TIME}
    return tuple(c if c.what in times else replace(c, name=report.source) for c in report.cells)


def slow_requests(report: Report, epoch: Callable[[float], float]) -> Iterator[SlowRequest]:
    """The slow requests of a report.

    Args:
        report: Its times are of the monotonic clock.
        epoch: Converts such a time to seconds since the epoch.
    """
    for slow in report.slowest:
        yield SlowRequest(
            at=epoch(slow.at),
            request=f"{slow.method} {slow.name}".strip(),
            outcome=slow.outcome,
            latency=slow.latency,
            service_time=slow.service_time,
            trace_id=slow.trace_id,
            sampled=slow.sampled,
            source=report.source,
        )


def sum_requests(parts: Iterable[Report | Requests]) -> Requests:
    """The sums of the counts of several reports, or of several generators."""
    every = list(parts)
    return Requests(
        **{name: sum(getattr(one, name) for one in every) for name in Requests.model_fields}
    )
