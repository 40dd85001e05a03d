"""What the service's own metrics showed in the window, and the calls that its traces have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from harness.budgets.dialects.model import MetricRole, Recognition, RoleMetric
from harness.budgets.selector import Selector
from harness.diagnose.model import ServiceReading, SlowExemplar
from harness.diagnose.retries import is_call
from harness.diagnose.stalls import Stalls, increase
from harness.diagnose.traces import Trace, operation_of
from harness.judge.measure.deltas import deltas_or_zero
from harness.judge.measure.gauges import levels
from harness.judge.measure.series import NoDataError
from harness.runs.model import Evidence
from harness.runs.recording.spans import Span
from harness.runs.records.exemplars import Exemplar
from harness.units import Unit, counted, format_quantity

_MOST: Final = 5  # exemplars, caches, called services, and statuses of each
_NAME: Final = 80
_STATUS: Final = ("http.response.status_code", "http.status_code", "rpc.grpc.status_code")


def service_account(
    evidence: Evidence, traces: Sequence[Trace], roles: Recognition, stalls: Stalls | None
) -> tuple[ServiceReading, ...]:
    """The readings that are known, in a fixed order.

    Args:
        evidence: Of the window.
        traces: Of the whole run.
        roles: What the service's metrics mean.
        stalls: Of the window; None without one.
    """
    if stalls is None:
        return ()
    return tuple(
        ServiceReading(what, value)
        for what, value in (
            *_cpu(stalls),
            *_loop(evidence, roles),
            *_pool(evidence, roles),
            *_caches(evidence, roles),
            *_task_retries(evidence, roles),
            *_calls(traces),
        )
    )


def slow_exemplars(
    exemplars: Sequence[Exemplar], traces: Sequence[Trace], roles: Recognition
) -> tuple[SlowExemplar, ...]:
    """The slowest requests that the histogram of the service's latencies names, each once.

    Args:
        exemplars: Of all histograms.
        traces: Of the whole run.
        roles: What the service's metrics mean.
    """
    latency = roles[MetricRole.SERVER_LATENCY]
    if latency is None:
        return ()
    received = {one.root.trace_id for one in traces}
    about = [latency.labels[name] for name in ("method", "route") if name in latency.labels]
    slowest = {
        one.trace_id: one
        for one in sorted(exemplars, key=lambda one: one.value)
        if one.metric == latency.metric
    }
    return tuple(
        SlowExemplar(
            " ".join(filter(None, (one.labels.get(name, "") for name in about)))[:_NAME],
            one.value * latency.selector.scale,
            one.trace_id,
            one.trace_id in received,
        )
        for one in list(reversed(slowest.values()))[:_MOST]
    )


def _cpu(stalls: Stalls) -> Iterator[tuple[str, str]]:
    if stalls.cpu is not None:
        used = format_quantity(stalls.cpu / stalls.seconds, Unit.COUNT)
        yield "CPU", f"{used} CPUs on average"
    if stalls.cpu_wait is not None:
        each = format_quantity(stalls.cpu_wait / stalls.seconds, Unit.SECONDS)
        share = _of_requests(stalls.waiting)
        yield "waiting for a CPU", f"{each} in each second, all threads together{share}"
    if stalls.use is not None:
        use = stalls.use
        text = (
            f"{use.others:.2f} CPUs on average, beside {use.generators:.2f} of the load generator"
        )
        yield "other processes", text
    if stalls.gc is not None:
        mean = f" of {_seconds(stalls.gc / stalls.pauses)}" if stalls.pauses else ""
        share = _of_requests(stalls.collecting)
        yield "garbage collection", f"{counted(round(stalls.pauses), 'pause')}{mean}{share}"


def _of_requests(share: float | None) -> str:
    return "" if share is None else f"; {share:.1%} of the time of the requests"


def _loop(evidence: Evidence, roles: Recognition) -> Iterator[tuple[str, str]]:
    lag = roles[MetricRole.LOOP_LAG]
    if lag is None:
        return
    if lag.shape == "gauge":
        if (highest := _highest(evidence, lag.selector)) is not None:
            yield "event loop lag", f"at most {_seconds(highest)}"
    elif (mean := _mean(evidence, lag)) is not None:
        yield "event loop lag", f"{_seconds(mean)} on average"


def _pool(evidence: Evidence, roles: Recognition) -> Iterator[tuple[str, str]]:
    parts = []
    used, limit = roles[MetricRole.POOL_USED], roles[MetricRole.POOL_LIMIT]
    most = _highest(evidence, used.selector) if used and used.shape == "gauge" else None
    if most is not None:
        of = _highest(evidence, limit.selector) if limit else None
        parts.append(f"at most {most:g}{f' of {of:g}' if of else ''} connections in use at once")
    wait = roles[MetricRole.POOL_WAIT]
    if wait and (mean := _mean(evidence, wait)) is not None:
        parts.append(f"{_seconds(mean)} of waiting for a connection on average")
    timeouts = roles[MetricRole.POOL_TIMEOUTS]
    if timeouts and (number := increase(evidence, timeouts.selector)):
        parts.append(counted(round(number), "timeout"))
    if parts:
        yield "connection pool", ", ".join(parts)


def _caches(evidence: Evidence, roles: Recognition) -> Iterator[tuple[str, str]]:
    hits, gets = roles[MetricRole.CACHE_HITS], roles[MetricRole.CACHE_GETS]
    if hits is None or gets is None:
        return
    hit, all_gets = _by_name(evidence, hits), _by_name(evidence, gets)
    busiest = sorted(all_gets, key=lambda name: (-all_gets[name], name))
    for name in busiest[:_MOST]:
        number = all_gets[name]
        if number > 0:
            missed = max(0.0, number - hit.get(name, 0.0))
            yield (
                f"cache {name}".strip()[:_NAME],
                f"{missed:.0f} of {number:.0f} look-ups missed ({missed / number:.0%})",
            )


def _by_name(evidence: Evidence, metric: RoleMetric) -> dict[str, float]:
    """Look-ups by the name of the cache; all together under "" where caches have no names."""
    label = metric.labels.get("name", "")
    found: dict[str, float] = {}
    try:
        parts = deltas_or_zero(evidence, metric.selector)
    except NoDataError:
        return found
    for part in parts:
        name = part.labels.get(label, "")
        found[name] = found.get(name, 0.0) + part.value
    return found


def _task_retries(evidence: Evidence, roles: Recognition) -> Iterator[tuple[str, str]]:
    retries = roles[MetricRole.TASK_RETRIES]
    if retries and (number := increase(evidence, retries.selector)):
        yield "background tasks", f"{counted(round(number), 'retry', 'retries')}"


def _calls(traces: Sequence[Trace]) -> Iterator[tuple[str, str]]:
    """Outgoing calls by name and address, with their statuses and how many were repeated."""
    statuses: dict[str, Counter[str]] = {}
    repeated: Counter[str] = Counter()
    for trace in traces:
        for span in trace.spans:
            operation = operation_of(span)
            if operation.kind == "call" and is_call(span):
                statuses.setdefault(operation.name, Counter())[_status(span)] += 1
        for operation, count in trace.counts.items():
            if operation.kind == "retry":
                repeated[operation.name] += count
    busiest = sorted(statuses, key=lambda name: (-statuses[name].total(), name))
    for name in busiest[:_MOST]:
        found = statuses[name]
        often = sorted(found, key=lambda status: (-found[status], status))
        text = ", ".join(f"{found[status]} x {status}" for status in often[:_MOST])
        again = repeated[name]
        more = f"; {again} of {found.total()} repeat a failed call" if again else ""
        yield f"calls: {name[:_NAME]}", text + more


def _status(span: Span) -> str:
    known = next((span.attributes[name] for name in _STATUS if name in span.attributes), None)
    return str(known) if known is not None else "failed" if span.error else "ok"


def _mean(evidence: Evidence, metric: RoleMetric) -> float | None:
    """Seconds of one event of a histogram, a summary or a counter of time."""
    selector = metric.selector
    of = selector.part("sum") if metric.shape in {"histogram", "summary"} else selector
    seconds, events = increase(evidence, of), increase(evidence, metric.events)
    return seconds / events if seconds is not None and events else None


def _highest(evidence: Evidence, selector: Selector) -> float | None:
    try:
        return max(levels(evidence, selector))
    except NoDataError:
        return None


def _seconds(value: float) -> str:
    return format_quantity(value, Unit.SECONDS)
