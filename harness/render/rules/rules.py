"""Prometheus rules: what the budgets come to in production, and when to wake somebody.

An alert on a quantile counts the share of requests over its bound, at the bucket's edge: exact,
where an interpolated quantile would move with the buckets. Nobody loads production, so what the
load generator measures is taken from the service's own answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness import names
from harness.budgets.model import Budget, Latency, Plan, Quantile
from harness.promql.expression import Scope, needed, number, share_over, text, value
from harness.render.words import (
    Links,
    ValueFormat,
    bounded,
    camel,
    duration,
    said,
    sentence,
    verbatim,
)
from harness.units import Unit, format_quantity

WINDOW = "5m"
ABSENT_AFTER = 300.0  # seconds; a restart is shorter
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording rule."""

    name: str
    expr: str
    labels: Labels


@dataclass(frozen=True, slots=True)
class Fires:
    """An alerting rule.

    Attributes:
        about: A bound that is passed, an error budget that burns, or that nothing can be told: for
            want of some series, or of the whole service.
        hold: Seconds.
        keep: Seconds that it fires on after recovery.
        annotations: Texts, in which Prometheus fills in the value.
        said: How those tell it; None when they do not.
    """

    about: Literal["bound", "burn", "series", "service"]
    name: str
    expr: str
    hold: float
    labels: Labels
    annotations: Labels
    keep: float = 0.0
    said: ValueFormat | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after another."""

    name: str
    rules: tuple[Recorded | Fires, ...] = field(default=())


def scope_of(links: Links, window: str = WINDOW) -> Scope:
    """The samples that rules are about: those of the service itself."""
    return Scope(window, (f"job={text(links.job)}",), client="service")


def labels_of(budget: Budget, links: Links) -> Labels:
    """The labels of whatever is recorded or told of a budget."""
    return {names.RUN_SERVICE: links.service, names.RUN_BUDGET: budget.name}


def alerting(plan: Plan) -> list[Budget]:
    """The budgets that make an alert."""
    return [budget for budget in plan.judged if budget.alert]


def recording(plan: Plan, links: Links) -> Group:
    """The value of each budget."""
    scope = scope_of(links)
    rules = (
        Recorded(
            names.RULE_VALUE,
            value(budget.indicator, scope, budget.direction),
            labels_of(budget, links),
        )
        for budget in plan.judged
    )
    return Group(f"{links.service} budgets", tuple(rules))


def alerts(plan: Plan, links: Links) -> Group:
    """An alert for each budget that wants one, and one for when it cannot be told."""
    return Group(f"{links.service} alerts", tuple(_alerts(plan, links)))


def _alerts(plan: Plan, links: Links) -> Iterator[Fires]:
    wanted = alerting(plan)
    for budget in wanted:
        yield _over(budget, plan, links)
    for budget in wanted:
        yield _no_data(budget, plan, links)
    if wanted:
        yield _absent(plan, links)


def allowed_over(budget: Budget) -> float | None:
    """The share of observations that may be over the bound; None where a value is compared."""
    indicator = budget.indicator
    quantile = indicator.quantile if isinstance(indicator, Quantile | Latency) else None
    return None if quantile is None or budget.direction == "min" else 1 - quantile


def _over(budget: Budget, plan: Plan, links: Links) -> Fires:
    alert = budget.alert
    assert alert is not None
    scope = scope_of(links)
    shown = format_quantity(alert.bound, budget.unit)
    most = allowed_over(budget)
    if most is not None and isinstance(budget.indicator, Quantile | Latency):
        telling = said(Unit.RATIO)
        expr = f"{share_over(budget.indicator, alert.bound, scope)} > {number(most)}"
        found = (
            f"{telling.template} were over {shown} in the last {WINDOW}; "
            f"{format_quantity(most, Unit.RATIO)} may be."
        )
    else:
        telling = said(budget.unit)
        sign = ">" if budget.direction == "max" else "<"
        level = value(budget.indicator, scope, budget.direction)
        expr = f"({level}) {sign} {number(alert.bound)}"
        may = bounded(alert.bound, budget.unit, budget.direction)
        found = f"It was {telling.template} in the last {WINDOW}; it should be {may}."
    side = "over" if budget.direction == "max" else "under"
    return Fires(
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
        telling,
    )


def _no_data(budget: Budget, plan: Plan, links: Links) -> Fires:
    """Told only while the service is scraped: else `_absent` says it once for all budgets."""
    assert budget.alert is not None
    series = needed(budget.indicator, budget.alert.bound, scope_of(links))
    missing = " or ".join(f"absent({one})" for one in series)
    return Fires(
        "series",
        f"{camel(budget.name)}NoData",
        f"count({missing}) > 0 and on () (count({_up(links)}) > 0)",
        ABSENT_AFTER,
        {**labels_of(budget, links), "severity": "warning"},
        {
            "summary": f"{verbatim(links.service)}: {budget.name} cannot be watched",
            "description": "The service is scraped, but what the alert needs is missing: "
            f"{verbatim(' or '.join(series))}. `harness lint --url` says what is there instead.",
            **linked(plan, links, "no-data", budget),
        },
    )


def _absent(plan: Plan, links: Links) -> Fires:
    return Fires(
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
    """Groups as Prometheus's rule file has them; empty ones are left out."""
    return {
        "groups": [
            {"name": group.name, "rules": [_rule(rule) for rule in group.rules]}
            for group in groups
            if group.rules
        ]
    }


def _rule(rule: Recorded | Fires) -> dict[str, object]:
    if isinstance(rule, Recorded):
        return {"record": rule.name, "expr": rule.expr, "labels": dict(rule.labels)}
    return {
        "alert": rule.name,
        "expr": rule.expr,
        "for": duration(rule.hold),
        **({"keep_firing_for": duration(rule.keep)} if rule.keep else {}),
        "labels": {name: verbatim(label) for name, label in rule.labels.items()},
        "annotations": dict(rule.annotations),
    }
