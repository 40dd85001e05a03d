"""The text for an indicator in a sentence, and where to look when its budget is breached."""

from __future__ import annotations

from typing import assert_never

from harness import names
from harness.budgets.dialects.model import MetricRole, RoleGroup
from harness.budgets.dialects.recognise import Meaning, meaning_of
from harness.budgets.model import (
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    PerRequest,
    Promql,
    Quantile,
    Rate,
    Ratio,
    Selector,
    ServiceIndicator,
    Throughput,
    Utilization,
    selectors,
)

_NOTHING_KNOWN = "look at what else changed at the same time"


def describe(indicator: Indicator) -> str:
    """An indicator as the subject of a sentence: "p95 latency of GET /contacts"."""
    match indicator:
        case Latency():
            return _describe_latency(indicator)
        case ErrorRatio(request=request):
            return f"error ratio of {request or 'all requests'}"
        case Throughput(request=request):
            return f"throughput of {request or 'all requests'}"
        case Promql(query=query):
            return query
        case PerRequest(counter=counter):
            return f"{counter} per request"
        case Quantile() | Mean() | Ratio() | Rate() | Gauge() | Utilization():
            return _describe_service(indicator)
        case _:
            assert_never(indicator)


def advice(indicator: Indicator) -> str:
    """Where to look first when the budget is breached."""
    if isinstance(indicator, ServiceIndicator):
        read = selectors(indicator)
        if any(selector.metric == names.GENERATOR_REQUEST_BYTES for selector in read):
            return "compare what the locustfile sends: bodies, headers, cookies, redirects"
        if any(selector.metric == names.GENERATOR_RESPONSE_BYTES for selector in read):
            return "compare the responses of each endpoint, and whether they are longer"
        return _advice_on(read)
    match indicator:
        case Latency():
            return "compare with the service's own times to see which part is slow"
        case ErrorRatio():
            return "see the service's log in the run folder"
        case Throughput():
            return "see whether the service or the requested load is the limit"
        case _:
            assert_never(indicator)


def _advice_on(found: tuple[Selector, ...]) -> str:
    meanings = (meaning_of(selector.metric) for selector in found)
    return next((text for one in meanings if one and (text := _look_at(one))), _NOTHING_KNOWN)


def _look_at(metric: Meaning) -> str:  # noqa: PLR0911 - a line for each group
    """Where to look first; empty if the metric does not say it."""
    match metric.group:
        case RoleGroup.HTTP:
            return f"compare the routes by {metric.labels.get('route', 'route')}"
        case RoleGroup.DATABASE:
            by = metric.labels.get("operation") or "operation"
            return f"compare the queries by {by}, and look for a missing index or a query per row"
        case RoleGroup.POOL:
            return (
                "look for connections that are held while something else is awaited,"
                " or for too small a pool"
            )
        case RoleGroup.CACHE if metric.role is MetricRole.CACHE_TIME:
            return "look at the size of what is cached, and at the cache's own load"
        case RoleGroup.CACHE:
            return "look at the keys, their time to live and what invalidates them"
        case RoleGroup.TASKS:
            return f"compare the tasks by {metric.labels.get('name', 'task')}"
        case RoleGroup.LOOP:
            return "look for code that blocks the event loop"
        case RoleGroup.GC:
            return "look for what allocates the most, and at the memory limit"
        case RoleGroup.PROCESS:
            return _OF_PROCESS.get(metric.role, "") if metric.role else ""
        case _:
            assert_never(metric.group)


_OF_PROCESS = {
    MetricRole.CPU: "profile the service under this load",
    MetricRole.TREE_CPU: "profile the service under this load",
    MetricRole.SWITCHES: "look for work that is handed from thread to thread, and for more waits",
    MetricRole.FAULTS: "look for memory that is allocated and given back for each request",
    MetricRole.MEMORY: "look for what grows: caches without a limit, results read as a whole",
}


def _describe_latency(indicator: Latency) -> str:
    match indicator.outcome:
        case "ok":
            outcome = ""
        case "error":
            outcome = " that failed"
        case "all":
            outcome = ", failures included"
        case _:
            assert_never(indicator.outcome)
    time = "service time" if indicator.of == names.SERVICE_TIME else "latency"
    requests = indicator.request or "all requests"
    return f"{_statistic(indicator.quantile)} {time} of {requests}{outcome}"


def _describe_service(indicator: Quantile | Mean | Ratio | Rate | Gauge | Utilization) -> str:
    match indicator:
        case Quantile(histogram=selector, quantile=quantile):
            return f"{_statistic(quantile)} of {selector}"
        case Mean(histogram=selector):
            return f"mean of {selector}"
        case Ratio(of=of, to=to):
            return f"{of} per {to}"
        case Rate(counter=selector, to=to):
            per = f" per {to}" if to else ""
            return f"rate of {selector}{per}"
        case Gauge(gauge=selector, over=over):
            return f"{over} of {selector}"
        case Utilization(of=of, to=to, over=over):
            return f"{over} of {of} over {to}"
        case _:
            assert_never(indicator)


def _statistic(quantile: float | None) -> str:
    return "mean" if quantile is None else f"p{quantile * 100:.6g}"
