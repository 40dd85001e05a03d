"""Requests, errors and latency of each endpoint of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.names import ERROR, LATENCY, OK, SERVICE_TIME
from harness.runs.model import Distribution, LatencyKey


@dataclass(frozen=True, slots=True)
class EndpointLatency:
    """An endpoint over the window.

    Attributes:
        request: Its name as in budgets.yaml, such as "GET /contacts".
        count: Requests, failed ones included.
        errors: Requests that failed.
        p50: Latency of the successful requests, from the intended start, in seconds; this and the
            following are None if no request succeeded.
        service_time_p95: From the moment a request was really sent.
    """

    request: str
    count: int
    errors: int
    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None
    service_time_p95: float | None


def endpoints(latency: Mapping[LatencyKey, Distribution]) -> list[EndpointLatency]:
    """The endpoints of a run, the one with the most requests first."""
    groups: dict[str, dict[LatencyKey, Distribution]] = {}
    for key, distribution in latency.items():
        if key.what in {LATENCY, SERVICE_TIME}:
            groups.setdefault(key.request, {})[key] = distribution
    rows = [_row(request, group) for request, group in groups.items()]
    return sorted(rows, key=lambda row: (-row.count, row.request))


def all_endpoints(latency: Mapping[LatencyKey, Distribution]) -> EndpointLatency:
    """All requests together, as judged by a budget without `request`."""
    return _row("all requests", latency)


def _row(label: str, latency: Mapping[LatencyKey, Distribution]) -> EndpointLatency:
    def of(what: str, outcome: str) -> Distribution:
        return Distribution.merge(
            distribution
            for key, distribution in latency.items()
            if key.what == what and key.outcome == outcome
        )

    succeeded, failed = of(LATENCY, OK), of(LATENCY, ERROR)
    return EndpointLatency(
        request=label,
        count=succeeded.count + failed.count,
        errors=failed.count,
        p50=succeeded.quantile(0.5),
        p95=succeeded.quantile(0.95),
        p99=succeeded.quantile(0.99),
        max=succeeded.quantile(1.0),
        service_time_p95=of(SERVICE_TIME, OK).quantile(0.95),
    )
