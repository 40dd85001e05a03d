"""The model of a dashboard, independent of Grafana's format: rows of panels with queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.budgets.dialects.model import Recognition
from harness.budgets.model import Budget, Indicator, Quantile, Throughput, selectors
from harness.budgets.series import spans_window
from harness.promql.expression import QueryScope, share_over, value
from harness.render.words import limit, sentence
from harness.units import Unit, format_quantity

RATE = "$__rate_interval"
_UNITS = {
    Unit.SECONDS: "s",
    Unit.RATIO: "percentunit",
    Unit.BYTES: "bytes",
    Unit.COUNT: "short",
}

PanelKind = Literal["timeseries", "stat", "heatmap", "table", "verdict"]


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression.

    Attributes:
        legend: Grafana's template for the names of the series; in a table, the column's title.
        exemplars: Whether to show the recorded traces.
    """

    expr: str
    legend: str = ""
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class GrafanaPanel:
    """One chart.

    Attributes:
        unit: As Grafana names it.
        description: What it shows, and how to use it.
        width: Of 24 columns.
        height: In rows of Grafana's grid, 30 pixels each.
        budgets: The budgets of the shown value; their bounds are drawn as lines.
        stacked: Whether the series add up to a whole.
        traced: Whether a series links to its traces; it needs the label of the route.
        unit_of: The units of a table's columns that differ from `unit`.
        hidden: The columns of a table that are not shown.
        link: A link from a column of a table: column, title, address.
    """

    title: str
    unit: str
    description: str
    queries: tuple[Query, ...]
    kind: PanelKind = "timeseries"
    width: int = 8
    height: int = 8
    budgets: tuple[Budget, ...] = ()
    stacked: bool = False
    traced: bool = False
    unit_of: tuple[tuple[str, str], ...] = ()
    hidden: tuple[str, ...] = ()
    link: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class GrafanaRow:
    """A row of panels, with its title."""

    title: str
    panels: tuple[GrafanaPanel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top of a dashboard: the values of a label.

    Attributes:
        query: `label_values(metric, label)`.
        default: The initial value; None selects all values, and allows several.
    """

    name: str
    label: str
    query: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard.

    Attributes:
        name: The last part of its uid and of its file name.
        traces: Whether it has links to traces.
    """

    name: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[GrafanaRow, ...] = field(default=())
    traces: bool = False


def chosen(budgets: Iterable[Budget], fits: Callable[[Indicator], bool]) -> tuple[Budget, ...]:
    """The budgets with an indicator that a panel shows."""
    return tuple(budget for budget in budgets if fits(budget.indicator))


def grouped(budgets: Iterable[Budget]) -> list[tuple[Budget, ...]]:
    """Budgets grouped by indicator, e.g. of several scenarios."""
    groups: list[list[Budget]] = []
    for budget in budgets:
        same = next((g for g in groups if g[0].indicator == budget.indicator), None)
        if same is None:
            groups.append([budget])
        else:
            same.append(budget)
    return [tuple(group) for group in groups]


def of_budgets(
    budgets: Sequence[Budget], matchers: tuple[str, ...], roles: Recognition
) -> GrafanaPanel:
    """A panel for budgets of one indicator that no other panel shows."""
    first = budgets[0]
    return GrafanaPanel(
        ", ".join(budget.name for budget in budgets),
        unit_name(first),
        sentence(first.description) or "The value that the budget limits.",
        (Query(value_now(first, matchers, roles), "value"),),
        budgets=tuple(budgets),
    )


def unit_name(budget: Budget) -> str:
    """Grafana's name of the unit of a budget's value; that of a rate follows from its metric."""
    if budget.unit is not Unit.PER_SECOND:
        return _UNITS[budget.unit]
    if isinstance(budget.indicator, Throughput):
        return "reqps"
    words = [word for one in selectors(budget.indicator)[:1] for word in one.metric.split("_")]
    of_values = words[-1:] != ["count"]  # not the observations of a histogram
    if of_values and "bytes" in words:
        return "binBps"
    if of_values and "seconds" in words:
        return "short"  # seconds per second
    return "reqps" if {"request", "requests"} & {*words} else "cps"


def value_now(budget: Budget, matchers: tuple[str, ...], roles: Recognition) -> str:
    """The value of a budget's indicator, of the service's own metrics."""
    grows = spans_window(budget.indicator)
    # The growth of a gauge within one step of a chart is meaningless.
    scope = QueryScope(
        "5m" if grows else RATE, matchers, step="$__interval", client="service", roles=roles
    )
    return value(budget.indicator, scope, budget.direction)


def share_now(budget: Budget, matchers: tuple[str, ...], roles: Recognition) -> str:
    """The share of the observations of a histogram over a budget's bound; empty for other kinds."""
    if not isinstance(budget.indicator, Quantile):
        return ""
    scope = QueryScope(RATE, matchers, step="$__interval", client="service", roles=roles)
    return share_over(budget.indicator, budget.bound, scope)


def full_description(panel: GrafanaPanel) -> str:
    """The description, with the budgets that are drawn as lines."""
    lines = [panel.description]
    for budget in panel.budgets:
        alert = ""
        if budget.alert:
            alert = f"; alert at {format_quantity(budget.alert.bound, budget.unit)}"
        lines.append(f"- {budget.name}: {limit(budget)}{alert}")
    return "\n".join([*lines[:1], *([""] if lines[1:] else []), *lines[1:]])
