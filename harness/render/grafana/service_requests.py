"""The row of requests: rate, errors and duration of the service's answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness import names
from harness.budgets.dialects.model import MetricRole, Recognition, RoleMetric
from harness.budgets.model import Budget, ErrorRatio, Throughput
from harness.render.grafana.panels import RATE, GrafanaPanel, Query, chosen
from harness.render.grafana.service_terms import (
    events_of,
    matchers_of,
    mean_by,
    of_kind,
    of_quantiles,
    quantile_of,
    series_of,
    sum_by,
    time_lines,
)

_P95 = 0.95


def _errors(found: Recognition, by: str = "") -> str:
    """The share of answers that failed; 0 before the first one; empty without such a metric."""
    requests, errors = found[MetricRole.REQUESTS], found[MetricRole.ERRORS]
    if requests is None or errors is None:
        return ""
    summed = f"sum by ({by})" if by else "sum"
    every = f"{summed} ({events_of(requests, routed=True)})"
    failed = f"{summed} ({events_of(errors, routed=True)})"
    return f"({failed} or 0 * {every}) / {every}"


def overall_of(found: Recognition) -> RoleMetric | None:
    """The times of all answers together: those with the finer buckets."""
    return found[MetricRole.SERVER_LATENCY_OVERALL] or found[MetricRole.SERVER_LATENCY]


def requests(budgets: tuple[Budget, ...], found: Recognition) -> Iterable[GrafanaPanel]:
    """Requests: number, errors, duration."""
    counted, times = found[MetricRole.REQUESTS], overall_of(found)
    failures = chosen(budgets, of_kind(ErrorRatio))
    timed = chosen(budgets, of_quantiles(times, answers=True)) if times else ()
    at_95 = tuple(b for b in timed if getattr(b.indicator, "quantile", None) == _P95)
    active = found[MetricRole.IN_FLIGHT]
    if counted:
        rate = f"sum({events_of(counted, routed=True)})"
        yield _stat("Requests per second", "reqps", "Answers per second.", rate)
    if errors := _errors(found):
        about = "Share of the answers that are 5xx."
        yield _stat("Error ratio", "percentunit", about, errors, failures)
    if times and times.shape == "histogram":
        p95 = quantile_of(times, _P95, routed=True)
        yield _stat("p95", "s", "95% of the answers take less.", p95, at_95)
    if active:
        about = "Requests without an answer yet."
        yield _stat("Requests in flight", "short", about, f"sum({series_of(active)})")
    if counted:
        yield from _rates(counted, found, budgets, failures)
    if times:
        yield from _times(times, found, timed, at_95)


def _rates(
    counted: RoleMetric,
    found: Recognition,
    budgets: tuple[Budget, ...],
    failures: tuple[Budget, ...],
) -> Iterator[GrafanaPanel]:
    route, status = counted.labels.get("route"), counted.labels.get("status")
    each = events_of(counted, routed=True)
    if route:
        yield GrafanaPanel(
            "Requests per second by route",
            "reqps",
            "Answers per second of each route. Routes that never had a request are not shown.",
            (Query(f"{sum_by(route, each)} > 0", _legend(route)),),
            budgets=chosen(budgets, of_kind(Throughput)),
            stacked=True,
        )
    if status:
        yield GrafanaPanel(
            "Answers per second by status",
            "reqps",
            "Answers per second of each status code.",
            (Query(f"{sum_by(status, each)} > 0", _legend(status)),),
            stacked=True,
        )
    if route and (errors := _errors(found, route)):
        yield GrafanaPanel(
            "Error ratio by route",
            "percentunit",
            "Share of the answers of a route that are 5xx.",
            (Query(errors, _legend(route)),),
            budgets=failures,
        )


def _times(
    overall: RoleMetric, found: Recognition, timed: tuple[Budget, ...], at_95: tuple[Budget, ...]
) -> Iterator[GrafanaPanel]:
    times = found[MetricRole.SERVER_LATENCY] or overall
    route = times.labels.get("route")
    has_buckets = times.shape == "histogram"
    yield GrafanaPanel(
        "Duration of requests",
        "s",
        "From the request's arrival to the last byte of the answer. A dot is a request with a "
        "recorded trace. Time before the arrival is not included: see the load test's latency.",
        time_lines(overall, routed=True),
        width=12,
        budgets=timed,
    )
    if route and has_buckets:
        yield GrafanaPanel(
            "p95 by route",
            "s",
            "95% of the answers of a route take less. A line links to its slow traces.",
            (Query(quantile_of(times, _P95, route, routed=True), _legend(route)),),
            width=12,
            budgets=at_95,
            traced=route == names.HTTP_ROUTE,
        )
    if overall.shape == "histogram" and overall.unit == "s":
        series = f"{overall.metric}_bucket{{{matchers_of(overall, routed=True)}}}"
        yield GrafanaPanel(
            "Distribution of the duration",
            "s",
            "Number of answers by duration; two bands are two kinds of requests, e.g. cache hits "
            "and misses.",
            (Query(sum_by("le", f"increase({series}[{RATE}])"), "{{le}}", exemplars=True),),
            kind="heatmap",
            width=12,
        )
    if route:
        yield _table(times, route, found)


def _table(times: RoleMetric, route: str, found: Recognition) -> GrafanaPanel:
    counted = found[MetricRole.REQUESTS]
    columns: list[tuple[str, str, str]] = []
    if times.shape == "histogram":
        columns.append(("p95", "s", quantile_of(times, _P95, route, routed=True)))
    columns.append(("mean", "s", mean_by(times, route, routed=True)))
    # The columns of a row have one label: another one of the counter would make rows of its own.
    if counted and counted.labels.get("route") == route:
        columns.append(("rate", "reqps", sum_by(route, events_of(counted, routed=True))))
        if errors := _errors(found, route):
            columns.append(("errors", "percentunit", errors))
    return GrafanaPanel(
        "Routes",
        "short",
        "Each route at the end of the time range, the slowest first.",
        tuple(Query(expression, name) for name, _, expression in columns),
        kind="table",
        width=12,
        unit_of=tuple((name, unit) for name, unit, _ in columns),
    )


def _legend(label: str) -> str:
    return f"{{{{{label}}}}}"


def _stat(
    title: str, unit: str, description: str, expr: str, budgets: tuple[Budget, ...] = ()
) -> GrafanaPanel:
    query = (Query(expr),)
    return GrafanaPanel(title, unit, description, query, "stat", width=6, height=4, budgets=budgets)
