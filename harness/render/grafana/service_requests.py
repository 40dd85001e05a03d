"""The row of requests: rate, errors and duration of the service's answers."""

from __future__ import annotations

from collections.abc import Iterable

from harness import names
from harness.budgets.model import Budget, ErrorRatio, Throughput
from harness.render.grafana.panels import RATE, GrafanaPanel, Query, chosen
from harness.render.grafana.service_terms import (
    ALL,
    ROUTED,
    mean_by,
    of_kind,
    of_quantiles,
    quantile_lines,
    rate_of,
    sum_by,
)

_FAILED = f'{names.HTTP_STATUS}=~"5.."'
_COUNT = f"{names.HTTP_DURATION}_count"
_BUCKET = f"{names.HTTP_DURATION}_bucket"
_ROUTE = f"{{{{{names.HTTP_ROUTE}}}}}"
_P95 = 0.95


def _errors(by: str = "") -> str:
    """The share of answers that are 5xx; 0 before the first one."""
    summed = f"sum by ({by})" if by else "sum"
    every = f"{summed} ({rate_of(_COUNT, ROUTED)})"
    failed = f"{summed} ({rate_of(_COUNT, f'{ROUTED}, {_FAILED}')})"
    return f"({failed} or 0 * {every}) / {every}"


def requests(budgets: tuple[Budget, ...]) -> Iterable[GrafanaPanel]:
    """Requests: number, errors, duration."""
    times = chosen(budgets, of_quantiles(names.HTTP_DURATION))
    failures = chosen(budgets, of_kind(ErrorRatio))
    at_95 = tuple(b for b in times if getattr(b.indicator, "quantile", None) == _P95)
    rate = f"sum({rate_of(_COUNT, ROUTED)})"
    active = f"sum({names.HTTP_ACTIVE}{{{ALL}}})"
    yield _stat("Requests", "reqps", "Answers per second.", rate)
    yield _stat("Errors", "percentunit", "Share of the answers that are 5xx.", _errors(), failures)
    yield _stat("p95", "s", "95% of the answers take less.", _p95(), at_95)
    yield _stat("In flight", "short", "Requests without an answer yet.", active)
    yield from _rates(budgets, failures)
    yield from _times(times, at_95)


def _p95(*by: str) -> str:
    buckets = sum_by(", ".join(("le", *by)), rate_of(_BUCKET, ROUTED))
    return f"histogram_quantile({_P95}, {buckets})"


def _rates(budgets: tuple[Budget, ...], failures: tuple[Budget, ...]) -> Iterable[GrafanaPanel]:
    yield GrafanaPanel(
        "Rate by route",
        "reqps",
        "Answers per second of each route. Routes that never had a request are not shown.",
        (Query(f"{sum_by(names.HTTP_ROUTE, rate_of(_COUNT, ROUTED))} > 0", _ROUTE),),
        budgets=chosen(budgets, of_kind(Throughput)),
        stacked=True,
    )
    yield GrafanaPanel(
        "Answers by status",
        "reqps",
        "Answers per second of each status code.",
        (
            Query(
                f"{sum_by(names.HTTP_STATUS, rate_of(_COUNT, ROUTED))} > 0",
                f"{{{{{names.HTTP_STATUS}}}}}",
            ),
        ),
        stacked=True,
    )
    yield GrafanaPanel(
        "Error ratio by route",
        "percentunit",
        "Share of the answers of a route that are 5xx.",
        (Query(_errors(names.HTTP_ROUTE), _ROUTE),),
        budgets=failures,
    )


def _times(times: tuple[Budget, ...], at_95: tuple[Budget, ...]) -> Iterable[GrafanaPanel]:
    yield GrafanaPanel(
        "Duration",
        "s",
        "From the request's arrival to the last byte of the answer. A dot is a request with a "
        "recorded trace. Time before the arrival is not included: see the load test's latency.",
        quantile_lines(names.HTTP_DURATION, ROUTED),
        width=12,
        budgets=times,
    )
    yield GrafanaPanel(
        "p95 by route",
        "s",
        "95% of the answers of a route take less. A line links to its slow traces.",
        (Query(_p95(names.HTTP_ROUTE), _ROUTE),),
        width=12,
        budgets=at_95,
        traced=True,
    )
    yield GrafanaPanel(
        "Distribution of the duration",
        "s",
        "Number of answers by duration; two bands are two kinds of requests, e.g. cache hits and "
        "misses.",
        (
            Query(
                sum_by("le", f"increase({_BUCKET}{{{ROUTED}}}[{RATE}])"), "{{le}}", exemplars=True
            ),
        ),
        kind="heatmap",
        width=12,
    )
    yield GrafanaPanel(
        "Routes",
        "short",
        "Each route at the end of the time range, the slowest first.",
        (
            Query(_p95(names.HTTP_ROUTE), "p95"),
            Query(mean_by(names.HTTP_DURATION, names.HTTP_ROUTE, ROUTED), "mean"),
            Query(sum_by(names.HTTP_ROUTE, rate_of(_COUNT, ROUTED)), "rate"),
            Query(_errors(names.HTTP_ROUTE), "errors"),
        ),
        kind="table",
        width=12,
        unit_of=(("p95", "s"), ("mean", "s"), ("rate", "reqps"), ("errors", "percentunit")),
    )


def _stat(
    title: str, unit: str, description: str, expr: str, budgets: tuple[Budget, ...] = ()
) -> GrafanaPanel:
    query = (Query(expr),)
    return GrafanaPanel(title, unit, description, query, "stat", width=6, height=4, budgets=budgets)
