"""Alerts on how fast an error budget burns, for budgets with an objective.

Windows and factors are from https://sre.google/workbook/alerting-on-slos/ for 30 days; for another
length the windows are scaled, with the same factors, to at least 5 minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from harness import names
from harness.budgets.model import Budget, Plan
from harness.promql.expression import number, share_bad, text
from harness.render.rules.rules import AlertRule, Group, RecordingRule, labels_of, linked, scope_of
from harness.render.words import Links, camel, duration, value_format, verbatim, watched
from harness.units import Unit, format_quantity

_DAY = 86400.0
_LENGTH = 30 * _DAY
_SHORTEST = 300.0  # seconds: with the usual scrape each minute, a rate over less often has no value


class _Burn(NamedTuple):
    """A burn rate to alert on, over two windows: the short one ends the alert soon afterwards."""

    severity: str
    factor: float
    short: float
    long: float


_BURNS = (
    _Burn("critical", 14.4, 300, 3600),
    _Burn("critical", 6, 1800, 6 * 3600),
    _Burn("warning", 3, 2 * 3600, _DAY),
    _Burn("warning", 1, 6 * 3600, 3 * _DAY),
)


def burn_rates(plan: Plan, links: Links) -> Group:
    """The share of bad events over each window, and the alerts on it."""
    return Group(f"{links.service} burn rates", tuple(_rules(plan, links)))


def _rules(plan: Plan, links: Links) -> Iterator[RecordingRule | AlertRule]:
    budgets = [budget for budget in watched(plan, links) if budget.objective]
    for budget in budgets:
        for window in sorted({_scaled(w, budget) for burn in _BURNS for w in (burn[2], burn[3])}):
            yield RecordingRule(
                f"{names.RULE_BAD}{duration(window)}",
                _bad(budget, duration(window), links),
                labels_of(budget, links),
            )
    for budget in budgets:
        for severity in ("critical", "warning"):
            yield _burning(budget, severity, plan, links)


def _scaled(window: float, budget: Budget) -> float:
    assert budget.objective is not None
    return max(_SHORTEST, round(window * budget.objective.window / _LENGTH))


def _bad(budget: Budget, window: str, links: Links) -> str:
    """The share of bad events."""
    scope = scope_of(links, window)
    return share_bad(budget.indicator, budget.bound, budget.direction, scope)


def _burning(budget: Budget, severity: str, plan: Plan, links: Links) -> AlertRule:
    objective = budget.objective
    assert objective is not None
    chosen = [burn for burn in _BURNS if burn.severity == severity]
    both = [_both(budget, burn, links) for burn in chosen]
    shown = value_format(Unit.RATIO)
    allowed = format_quantity(1 - objective.share, Unit.RATIO)
    return AlertRule(
        "burn",
        f"{camel(budget.name)}Burns{'Fast' if severity == 'critical' else 'Slowly'}",
        " or ".join(f"({one})" for one in both),
        60.0,
        {**labels_of(budget, links), "severity": severity},
        {
            "summary": f"{verbatim(links.service)}: the error budget of {budget.name} burns at "
            f"{' or '.join(number(burn.factor) for burn in chosen)} times the sustainable rate",
            "description": f"{shown.template} of the events are bad at the moment; over "
            f"{duration(objective.window)}, {allowed} are allowed.",
            **linked(plan, links, budget.name, budget),
        },
        value=shown,
    )


def _both(budget: Budget, burn: _Burn, links: Links) -> str:
    assert budget.objective is not None
    most = number(burn.factor * (1 - budget.objective.share))
    where = ", ".join(f"{key}={text(one)}" for key, one in labels_of(budget, links).items())
    return " and ".join(
        f"{names.RULE_BAD}{duration(_scaled(window, budget))}{{{where}}} > {most}"
        for window in (burn.short, burn.long)
    )
