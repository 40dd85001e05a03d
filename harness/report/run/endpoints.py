"""Latency by endpoint, out of a run's distributions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.names import ERROR, LATENCY, OK, SERVICE_TIME
from harness.runs.model import Distribution, LatencyKey


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One request of the locustfile over the window.

    Attributes:
        request: As budgets.yaml names it: "GET /contacts".
        count: Requests, failed ones included.
        errors: Requests that failed.
        p50: Latency of the requests that succeeded, from the intended start, seconds; like the
            other figures None when none succeeded.
        service_time_p95: The same from the moment the request was really sent.
    """

    request: str
    count: int
    errors: int
    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None
    service_time_p95: float | None


def endpoints(latency: Mapping[LatencyKey, Distribution]) -> list[Endpoint]:
    """The rows of the table: the endpoint with the most requests first."""
    groups: dict[str, dict[LatencyKey, Distribution]] = {}
    for key, distribution in latency.items():
        if key.what in {LATENCY, SERVICE_TIME}:
            groups.setdefault(key.request, {})[key] = distribution
    rows = [_row(request, group) for request, group in groups.items()]
    return sorted(rows, key=lambda row: (-row.count, row.request))


def every_endpoint(latency: Mapping[LatencyKey, Distribution]) -> Endpoint:
    """All requests together: what a budget without `request` judges."""
    return _row("every request", latency)


def _row(label: str, latency: Mapping[LatencyKey, Distribution]) -> Endpoint:
    def of(what: str, outcome: str) -> Distribution:
        return Distribution.merge(
            distribution
            for key, distribution in latency.items()
            if key.what == what and key.outcome == outcome
        )

    succeeded, failed = of(LATENCY, OK), of(LATENCY, ERROR)
    return Endpoint(
        request=label,
        count=succeeded.count + failed.count,
        errors=failed.count,
        p50=succeeded.quantile(0.5),
        p95=succeeded.quantile(0.95),
        p99=succeeded.quantile(0.99),
        max=succeeded.quantile(1.0),
        service_time_p95=of(SERVICE_TIME, OK).quantile(0.95),
    )
