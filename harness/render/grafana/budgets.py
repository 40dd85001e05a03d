"""The dashboard of budgets: a row for each, with value, limit, margin, history, last verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from harness import names
from harness.budgets.model import Budget, Plan, Quantile
from harness.promql.answers import in_production
from harness.promql.expression import number, text
from harness.render.grafana.panels import (
    Dashboard,
    GrafanaPanel,
    GrafanaRow,
    Query,
    Variable,
    share_now,
    unit_name,
    value_now,
)
from harness.render.words import Links, limit, sentence
from harness.units import Unit, format_quantity

_SERVICE = ('job="$service"',)


def budget_board(plan: Plan, links: Links) -> Dashboard:
    """The dashboard of all budgets that are judged."""
    return Dashboard(
        "budgets",
        f"{links.service}: budgets",
        "The budgets of budgets.yaml: in production now, and in the last load test.",
        (Variable("service", "Service", f"label_values({names.UP}, job)", links.job),),
        tuple(
            GrafanaRow(f"{budget.name}: {limit(budget)}", _panels(budget, links))
            for budget in plan.judged
        ),
    )


def _panels(budget: Budget, links: Links) -> tuple[GrafanaPanel, ...]:
    shown = in_production(budget.indicator, links.roles)
    value = value_now(budget, _SERVICE, links.roles) if shown else ""
    about = sentence(budget.description) or f"The indicator of {budget.name}."
    metric = names.BUDGET_VALUE
    if isinstance(budget.indicator, Quantile):
        value = share_now(budget, _SERVICE, links.roles) if shown else ""
        over = format_quantity(budget.bound, budget.unit)
        about += f" Shown is the share over {over}: a quantile is known to its bucket only."
        metric, budget = names.BUDGET_SHARE, _as_share(budget, budget.indicator)
    unit = unit_name(budget)
    where = f"{names.RUN_SERVICE}={text(links.service)}, {names.RUN_BUDGET}={text(budget.name)}"

    def last(metric: str) -> str:
        return f"last_over_time({metric}{{{where}}}[$__range])"

    def stat(title: str, unit: str, description: str, query: Query, *of: Budget) -> GrafanaPanel:
        return GrafanaPanel(
            title, unit, description, (query,), "stat", width=3, height=6, budgets=of
        )

    def of_service() -> Iterator[GrafanaPanel]:
        yield stat("Now", unit, about, Query(value), budget)
        yield stat(
            "Margin",
            "percentunit" if budget.bound else unit,
            "Distance of the value from the limit, as a share of the limit; below 0 is a breach.",
            Query(_margin(value, budget)),
        )

    return (
        _history(budget, about, value, f"{budget.direction}({metric}{{{where}}})"),
        *(of_service() if value else ()),
        stat(
            "In the last run",
            unit,
            "Measured by the last load test of this time range; of several scenarios, the worst.",
            Query(f"{budget.direction}({last(metric)})"),
            budget,
        ),
        _last_verdict(last(names.BUDGET_VERDICT)),
    )


def _history(budget: Budget, about: str, value: str, judged: str) -> GrafanaPanel:
    """The value of the service over time, if there is one, and that of the load tests."""
    service = (Query(value, "service"),) if value else ()
    return GrafanaPanel(
        "History",
        unit_name(budget),
        about,
        (*service, Query(judged, "load test, judged")),
        width=12,
        height=6,
        budgets=(budget,),
    )


def _last_verdict(verdicts: str) -> GrafanaPanel:
    query = Query(f"max by ({names.RUN_OUTCOME}) ({verdicts} == 1)", f"{{{{{names.RUN_OUTCOME}}}}}")
    return GrafanaPanel(
        "Last verdict",
        "short",
        "Outcome in the last load test of this time range, by scenario.",
        (query,),
        "verdict",
        width=3,
        height=6,
    )


def _as_share(budget: Budget, indicator: Quantile) -> Budget:
    """A budget on a quantile as one on the share over its bound."""
    allowed = round(1 - indicator.quantile, 12)
    return replace(budget, unit=Unit.RATIO, bound=allowed, alert=None)


def _margin(value: str, budget: Budget) -> str:
    bound = number(budget.bound)
    if budget.bound == 0:
        return f"-({value})" if budget.direction == "max" else value
    if (budget.direction == "max") is (budget.bound > 0):
        return f"1 - ({value}) / {bound}"
    return f"({value}) / {bound} - 1"
