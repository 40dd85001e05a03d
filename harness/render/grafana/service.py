"""The dashboard of the service: rate, errors and duration, then its parts.

A row exists if a budget uses its metrics: the service may not expose the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from harness import names
from harness.budgets.model import Budget, ClientIndicator, Mean, Plan, Quantile, selectors
from harness.render.grafana.panels import (
    Dashboard,
    GrafanaPanel,
    GrafanaRow,
    Variable,
    grouped,
    of_budgets,
)
from harness.render.grafana.service_parts import cache, database, loop, pool, process, tasks
from harness.render.grafana.service_requests import requests
from harness.render.grafana.service_terms import SERVICE
from harness.render.words import Links

_Panels = Callable[[tuple[Budget, ...]], Iterable[GrafanaPanel]]


class _Part(NamedTuple):
    """A row of the dashboard, and the prefixes of the metrics that it shows."""

    title: str
    prefixes: tuple[str, ...]
    panels: _Panels


def service_board(plan: Plan, links: Links) -> Dashboard | None:
    """The dashboard; None if no budget uses metrics of the service."""
    budgets = plan.judged
    answers = _has_answers(plan, budgets)
    rows: list[GrafanaRow] = []
    remaining = [b for b in budgets if answers or not isinstance(b.indicator, ClientIndicator)]
    for part in _PARTS:
        about = [budget for budget in remaining if _metric(budget).startswith(part.prefixes)]
        if not about:
            continue
        panels = [*part.panels(budgets)]
        shown = {budget.name for panel in panels for budget in panel.budgets}
        unshown = [budget for budget in about if budget.name not in shown]
        panels += [of_budgets(group, SERVICE) for group in grouped(unshown)]
        rows.append(GrafanaRow(part.title, tuple(panels)))
        remaining = [
            budget for budget in remaining if budget not in about and budget.name not in shown
        ]
    if remaining:
        more = tuple(of_budgets(group, SERVICE) for group in grouped(remaining))
        rows.append(GrafanaRow("Further budgets", more))
    if not rows:
        return None
    first = f"{names.HTTP_DURATION}_count" if answers else _any_metric(budgets)
    return Dashboard(
        "service",
        f"{links.service}: service",
        "Rate, errors and duration of the service, then its parts. Dashed lines are budgets.",
        _variables(first, links, answers),
        tuple(rows),
        traces=answers,
    )


def _has_answers(plan: Plan, budgets: tuple[Budget, ...]) -> bool:
    """Whether the service exposes its answers: a budget, an alert or the scrape needs them."""
    client = [budget for budget in budgets if isinstance(budget.indicator, ClientIndicator)]
    scraped = plan.target is not None and bool(plan.target.metrics)
    named = any(
        selector.metric.startswith("http_server_")
        for budget in budgets
        for selector in selectors(budget.indicator)
    )
    return named or any(budget.alert or scraped for budget in client)


def _metric(budget: Budget) -> str:
    """The first metric of a budget; for the load generator's kinds, the duration of answers."""
    if isinstance(budget.indicator, ClientIndicator):
        return names.HTTP_DURATION
    return next((one.metric for one in selectors(budget.indicator)), "")


def _any_metric(budgets: tuple[Budget, ...]) -> str:
    for budget in budgets:
        metric = "" if isinstance(budget.indicator, ClientIndicator) else _metric(budget)
        if metric:
            histogram = isinstance(budget.indicator, Quantile | Mean)
            return f"{metric}_count" if histogram else metric
    return names.UP


def _variables(first: str, links: Links, answers: bool) -> tuple[Variable, ...]:
    service = Variable("service", "Service", f"label_values({first}, job)", links.job)
    instance = f'label_values({first}{{job="$service"}}, {names.INSTANCE})'
    route = f'label_values({first}{{job="$service"}}, {names.HTTP_ROUTE})'
    every = (service, Variable("instance", "Instance", instance))
    return (*every, Variable("route", "Route", route)) if answers else every


_PARTS = (
    _Part("Requests", ("http_server_",), requests),
    _Part("Database", ("db_client_operation_",), database),
    _Part("Connection pool", ("db_client_connection",), pool),
    _Part("Cache", ("cache_",), cache),
    _Part("Background tasks", ("background_task_",), tasks),
    _Part("Event loop", ("event_loop_",), loop),
    _Part("Process", ("process_", "python_", "service_start_", "system_"), process),
)
