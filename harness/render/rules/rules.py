"""Prometheus rules: the values of the budgets in production, and alerts on their bounds.

An alert on a quantile uses the share of requests over its bound, at the bucket's edge: this is
exact, while an interpolated quantile depends on the buckets. There is no load generator in
production, so its kinds are computed from the service's own answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

from harness import names
from harness.budgets.model import Alert, Budget, Latency, Plan, Quantile
from harness.promql.expression import QueryScope, needed, number, share_over, text, value
from harness.render.words import (
    Links,
    ValueFormat,
    bounded,
    camel,
    duration,
    sentence,
    value_format,
    verbatim,
    watched,
)
from harness.units import Unit, format_quantity

WINDOW = "5m"
ABSENT_AFTER = 300.0  # seconds; a restart is shorter
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """A recording rule."""

    name: str
    expr: str
    labels: Labels


@dataclass(frozen=True, slots=True)
class AlertRule:
    """An alerting rule.

    Attributes:
        about: The cause: a bound that is exceeded, an error budget that burns, series that are
            missing, or a service that is missing.
        hold: Seconds that the cause must last.
        keep: Seconds for which the alert keeps firing after recovery.
        annotations: Texts; Prometheus replaces the value in them.
        value: The format of the value in the texts; None if they have none.
    """

    about: Literal["bound", "burn", "series", "service"]
    name: str
    expr: str
    hold: float
    labels: Labels
    annotations: Labels
    keep: float = 0.0
    value: ValueFormat | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after another."""

    name: str
    rules: tuple[RecordingRule | AlertRule, ...] = field(default=())


def scope_of(links: Links, window: str = WINDOW) -> QueryScope:
    """The samples that rules use: those of the service itself."""
    return QueryScope(window, (f"job={text(links.job)}",), client="service", roles=links.roles)


def labels_of(budget: Budget, links: Links) -> Labels:
    """The labels of all rules about a budget."""
    return {names.RUN_SERVICE: links.service, names.RUN_BUDGET: budget.name}


def alerting(plan: Plan, links: Links) -> list[Budget]:
    """The watched budgets with an alert on their bound, or on their error budget."""
    return [budget for budget in watched(plan, links) if alert_bounds(budget)]


def alert_bounds(budget: Budget) -> list[float]:
    """The bounds of the alerts of a budget, each once: of its own, and of its error budget."""
    bounds = [budget.alert.bound] if budget.alert else []
    bounds += [budget.bound] if budget.objective else []
    return list(dict.fromkeys(bounds))


def recording(plan: Plan, links: Links) -> Group:
    """The value of each budget."""
    scope = scope_of(links)
    rules = (
        RecordingRule(
            names.RULE_VALUE,
            value(budget.indicator, scope, budget.direction),
            labels_of(budget, links),
        )
        for budget in watched(plan, links)
    )
    return Group(f"{links.service} budgets", tuple(rules))


def alerts(plan: Plan, links: Links) -> Group:
    """The alerts on bounds, and the alerts on missing data, also for those on error budgets."""
    return Group(f"{links.service} alerts", tuple(_alerts(plan, links)))


def _alerts(plan: Plan, links: Links) -> Iterator[AlertRule]:
    budgets = alerting(plan, links)
    for budget in budgets:
        if budget.alert is not None:
            yield _over(budget, budget.alert, plan, links)
    for budget in budgets:
        found = [needed(budget.indicator, at, scope_of(links)) for at in alert_bounds(budget)]
        if series := tuple(dict.fromkeys(chain(*found))):
            yield _no_data(budget, series, plan, links)
    if budgets:
        yield _absent(plan, links)


def allowed_over(budget: Budget) -> float | None:
    """The share of observations that may be over the bound; None if a value is compared.

    With a `min`, it is the share above which the quantile reaches the bound.
    """
    indicator = budget.indicator
    quantile = indicator.quantile if isinstance(indicator, Quantile | Latency) else None
    return None if quantile is None else 1 - quantile


def _over(budget: Budget, alert: Alert, plan: Plan, links: Links) -> AlertRule:
    scope = scope_of(links)
    shown = format_quantity(alert.bound, budget.unit)
    most = allowed_over(budget)
    if most is not None and isinstance(budget.indicator, Quantile | Latency):
        shown_value = value_format(Unit.RATIO)
        sign = ">" if budget.direction == "max" else "<="
        expr = f"{share_over(budget.indicator, alert.bound, scope)} {sign} {number(most)}"
        share = format_quantity(most, Unit.RATIO)
        allowed = f"{share} are allowed" if sign == ">" else f"more than {share} should be"
        found = f"{shown_value.template} were over {shown} in the last {WINDOW}; {allowed}."
    else:
        shown_value = value_format(budget.unit)
        sign = ">" if budget.direction == "max" else "<"
        level = value(budget.indicator, scope, budget.direction)
        expr = f"({level}) {sign} {number(alert.bound)}"
        allowed = bounded(alert.bound, budget.unit, budget.direction)
        found = (
            f"The value was {shown_value.template} in the last {WINDOW}; it should be {allowed}."
        )
    side = "over" if budget.direction == "max" else "under"
    return AlertRule(
        "bound",
        camel(budget.name),
        expr,
        alert.hold,
        {**labels_of(budget, links), "severity": alert.severity},
        {
            "summary": f"{verbatim(links.service)}: {budget.name} is {side} {shown}",
            "description": f"{found} {verbatim(sentence(budget.description))}".rstrip(),
            **linked(plan, links, budget.name, budget),
        },
        alert.keep_firing_for,
        shown_value,
    )


def _no_data(budget: Budget, series: Sequence[str], plan: Plan, links: Links) -> AlertRule:
    """An alert that needs a scraped service; otherwise `_absent` fires once for all budgets."""
    missing = " or ".join(f"absent({one})" for one in series)
    return AlertRule(
        "series",
        f"{camel(budget.name)}NoData",
        f"count({missing}) > 0 and on () (count({_up(links)}) > 0)",
        ABSENT_AFTER,
        {**labels_of(budget, links), "severity": "warning"},
        {
            "summary": f"{verbatim(links.service)}: {budget.name} cannot be watched",
            "description": "The service is scraped, but the series of the alert are missing: "
            f"{verbatim(' or '.join(series))}. `harness lint --url` finds the reason.",
            **linked(plan, links, "no-data", budget),
        },
    )


def _absent(plan: Plan, links: Links) -> AlertRule:
    return AlertRule(
        "service",
        f"{camel(links.service)}Absent",
        f"absent({_up(links)})",
        ABSENT_AFTER,
        {names.RUN_SERVICE: links.service, "severity": "critical"},
        {
            "summary": f"{verbatim(links.service)}: no instance is scraped",
            "description": f"Prometheus reaches no target of job {verbatim(links.job)}, so none of "
            "its alerts can fire.",
            **linked(plan, links, "service-absent", None),
        },
    )


def linked(plan: Plan, links: Links, page: str, budget: Budget | None) -> Labels:
    """Annotations that lead to the runbook and to the dashboard."""
    runbook = f"{plan.runbooks}/{page}.md" if plan.runbooks else ""
    if budget is not None and budget.runbook:
        runbook = budget.runbook
    dashboard = links.dashboard("budgets", {"service": links.job})
    return {
        **({"runbook_url": verbatim(runbook)} if runbook else {}),
        "dashboard_url": verbatim(dashboard),
    }


def _up(links: Links) -> str:
    return f"{names.UP}{{job={text(links.job)}}} == 1"


def document(groups: list[Group]) -> dict[str, object]:
    """The content of Prometheus's rule file; empty groups are left out."""
    return {
        "groups": [
            {"name": group.name, "rules": [_rule(rule) for rule in group.rules]}
            for group in groups
            if group.rules
        ]
    }


def _rule(rule: RecordingRule | AlertRule) -> dict[str, object]:
    if isinstance(rule, RecordingRule):
        return {"record": rule.name, "expr": rule.expr, "labels": dict(rule.labels)}
    return {
        "alert": rule.name,
        "expr": rule.expr,
        "for": duration(rule.hold),
        **({"keep_firing_for": duration(rule.keep)} if rule.keep else {}),
        "labels": {name: verbatim(label) for name, label in rule.labels.items()},
        "annotations": dict(rule.annotations),
    }
