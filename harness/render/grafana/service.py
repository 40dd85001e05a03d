"""The dashboard of the service: rate, errors and duration, then its parts.

A row exists if a budget uses its metrics: the service may not expose the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from harness import names
from harness.budgets.dialects.model import MetricRole, Recognition, RoleGroup
from harness.budgets.dialects.recognise import subject_of
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
from harness.render.words import Links, watched

# No dialect has roles for these: a row of their own, without charts but the budgets'.
_OUTGOING = frozenset((names.CLIENT_DURATION, names.CLIENT_REJECTIONS, names.BREAKER_STATE))
_Panels = Callable[[tuple[Budget, ...], Recognition], Iterable[GrafanaPanel]]


class _Part(NamedTuple):
    """A row of the dashboard, and the groups of roles that it shows."""

    title: str
    groups: tuple[RoleGroup, ...]
    panels: _Panels


def service_board(plan: Plan, links: Links) -> Dashboard | None:
    """The dashboard; None if no budget uses metrics of the service."""
    found, budgets = links.roles, watched(plan, links)
    answers = _has_answers(plan, budgets, found)
    rows: list[GrafanaRow] = []
    remaining = [b for b in budgets if answers or not isinstance(b.indicator, ClientIndicator)]
    for part in _PARTS:
        about = [b for b in remaining if _subject(b, found) in part.groups]
        if not about:
            continue
        panels = [*part.panels(budgets, found)]
        shown = {budget.name for panel in panels for budget in panel.budgets}
        unshown = [budget for budget in about if budget.name not in shown]
        panels += [of_budgets(group, SERVICE, found) for group in grouped(unshown)]
        rows.append(GrafanaRow(part.title, tuple(panels)))
        remaining = [
            budget for budget in remaining if budget not in about and budget.name not in shown
        ]
    calls = [budget for budget in remaining if _metric(budget).removesuffix("_count") in _OUTGOING]
    others = [budget for budget in remaining if budget not in calls]
    for title, about in (("Outgoing calls", calls), ("Further budgets", others)):
        if about:
            more = tuple(of_budgets(group, SERVICE, found) for group in grouped(about))
            rows.append(GrafanaRow(title, more))
    if not rows:
        return None
    counted = found[MetricRole.REQUESTS]
    first = counted.events.metric if answers and counted else _any_metric(budgets)
    route = counted.labels.get("route", "") if answers and counted else ""
    return Dashboard(
        "service",
        f"{links.service}: service",
        "Rate, errors and duration of the service, then its parts. Dashed lines are budgets.",
        _variables(first, links, route),
        tuple(rows),
        traces=route == names.HTTP_ROUTE,
    )


def _has_answers(plan: Plan, budgets: tuple[Budget, ...], found: Recognition) -> bool:
    """Whether the service exposes its answers: a budget, an alert or the scrape needs them."""
    if found[MetricRole.REQUESTS] is None:
        return False
    client = [budget for budget in budgets if isinstance(budget.indicator, ClientIndicator)]
    scraped = plan.target is not None and bool(plan.target.metrics)
    named = any(
        subject_of(selector.metric, found) is RoleGroup.HTTP
        for budget in budgets
        for selector in selectors(budget.indicator)
    )
    return named or any(budget.alert or scraped for budget in client)


def _subject(budget: Budget, found: Recognition) -> RoleGroup | None:
    """The group of a budget's first metric; for the load generator's kinds, the requests."""
    if isinstance(budget.indicator, ClientIndicator):
        return RoleGroup.HTTP
    metric = _metric(budget)
    return subject_of(metric, found) if metric else None


def _metric(budget: Budget) -> str:
    return next((one.metric for one in selectors(budget.indicator)), "")


def _any_metric(budgets: tuple[Budget, ...]) -> str:
    for budget in budgets:
        metric = "" if isinstance(budget.indicator, ClientIndicator) else _metric(budget)
        if metric:
            histogram = isinstance(budget.indicator, Quantile | Mean)
            return f"{metric}_count" if histogram else metric
    return names.UP


def _variables(first: str, links: Links, route: str) -> tuple[Variable, ...]:
    service = Variable("service", "Service", f"label_values({first}, job)", links.job)
    instance = f'label_values({first}{{job="$service"}}, {names.INSTANCE})'
    every = (service, Variable("instance", "Instance", instance))
    of_route = f'label_values({first}{{job="$service"}}, {route})'
    return (*every, Variable("route", "Route", of_route)) if route else every


_PARTS = (
    _Part("Requests", (RoleGroup.HTTP,), requests),
    _Part("Database", (RoleGroup.DATABASE,), database),
    _Part("Connection pool", (RoleGroup.POOL,), pool),
    _Part("Cache", (RoleGroup.CACHE,), cache),
    _Part("Background tasks", (RoleGroup.TASKS,), tasks),
    _Part("Event loop", (RoleGroup.LOOP,), loop),
    _Part("Process", (RoleGroup.PROCESS, RoleGroup.GC), process),
)
