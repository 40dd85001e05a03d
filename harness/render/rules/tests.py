"""Unit tests for `promtool test rules`: for each alert, series that fire it and series that do not.

The series are made from the indicator and its bound, never from the expression that they test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import assert_never

from harness import names
from harness.budgets.dialects.model import MetricRole, Recognition, RoleMetric
from harness.budgets.model import (
    Budget,
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    Plan,
    Promql,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
    Utilization,
)
from harness.promql.answers import answer_times, failed_status
from harness.promql.expression import in_own_unit, number, text
from harness.render.rules.rules import AlertRule, Group, Labels, allowed_over
from harness.render.words import Links, duration, plain

INTERVAL = 15.0  # seconds between samples
_EVENTS = 100.0  # in each interval
_EVALUATION = 60.0  # seconds
_SETTLED = 420.0  # seconds until all windows of the alerts are full
_WINDOW = 300.0  # seconds, the window of the rules


@dataclass(frozen=True, slots=True)
class _Levels:
    """Values of an indicator: for a quantile the share over `bound`."""

    bound: float
    bad: float
    good: float


def rule_tests(plan: Plan, links: Links, groups: list[Group]) -> dict[str, object]:
    """The file of tests, one that fires and one that does not for each alert.

    An alert on a `promql` indicator has none, because the meaning of its series is unknown.
    """
    rules = [rule for group in groups for rule in group.rules if isinstance(rule, AlertRule)]
    budgets = {budget.name: budget for budget in plan.budgets}
    tests: list[dict[str, object]] = []
    for rule in rules:
        budget = budgets.get(rule.labels.get(names.RUN_BUDGET, ""))
        if budget is None or not isinstance(budget.indicator, Promql):
            tests += _tests(rule, budget, links)
    return {
        "rule_files": [names.RULES_FILE],
        "evaluation_interval": duration(_EVALUATION),
        "tests": tests,
    }


def _tests(rule: AlertRule, budget: Budget | None, links: Links) -> Iterator[dict[str, object]]:
    up = {"series": f"{names.UP}{{{_labels({}, links)}}}", "values": "1x200"}
    if budget is None:
        bad, good, level = [], [up], None
    elif rule.about == "series":
        levels = _levels(budget)
        bad, good, level = [up], [up, *series(budget, levels.bound, levels.good, links)], None
    else:
        levels = _burn_levels(budget) if rule.about == "burn" else _levels(budget)
        bad, good = (series(budget, levels.bound, one, links) for one in (levels.bad, levels.good))
        level = 1.0 if rule.about == "burn" else levels.bad
    early = [(rule.hold - INTERVAL, None)] if rule.hold >= 2 * INTERVAL else []
    late = rule.hold + _SETTLED
    yield _test(f"{rule.name} fires", rule, bad, [*early, (late, _alert(rule, level))])
    yield _test(f"{rule.name} does not fire", rule, good, [(late, None)])


def _alert(rule: AlertRule, level: float | None) -> dict[str, object]:
    """The alert that is sent, with the value in its texts."""
    annotations = dict(rule.annotations)
    for key, template in annotations.items():
        text = template
        if rule.value is not None and level is not None:
            text = text.replace(rule.value.template, rule.value.text(level))
        annotations[key] = plain(text)
    return {"exp_labels": dict(rule.labels), "exp_annotations": annotations}


def _test(
    name: str,
    rule: AlertRule,
    series: list[dict[str, str]],
    moments: list[tuple[float, dict[str, object] | None]],
) -> dict[str, object]:
    """One test: the expected alert at some moments, None if it does not fire."""
    return {
        "name": name,
        "interval": duration(INTERVAL),
        "input_series": series,
        "alert_rule_test": [
            {
                "eval_time": duration(moment),
                "alertname": rule.name,
                "exp_alerts": [expected] if expected else [],
            }
            for moment, expected in moments
        ],
    }


# --- levels ---------------------------------------------------------------------------------------


def _levels(budget: Budget) -> _Levels:
    """Values on either side of the alert's bound."""
    assert budget.alert is not None
    bound, most = budget.alert.bound, allowed_over(budget)
    if most is not None:
        return _Levels(bound, (1 + most) / 2, most / 2)
    step = abs(bound) / 5 or 0.5
    if isinstance(budget.indicator, Ratio | ErrorRatio) and 0 < bound < 1:
        step = min(step, (1 - bound) / 2)
    sign = 1 if budget.direction == "max" else -1
    return _Levels(bound, bound + sign * step, bound - sign * step if bound else 0.0)


def _burn_levels(budget: Budget) -> _Levels:
    """All events bad, or half of the allowed share."""
    assert budget.objective is not None
    bad, good = 1.0, (1 - budget.objective.share) / 2
    if budget.direction == "min":
        bad, good = 1 - bad, 1 - good
    return _Levels(budget.bound, bad, good)


# --- series ---------------------------------------------------------------------------------------


def series(budget: Budget, bound: float, level: float, links: Links) -> list[dict[str, str]]:
    """Series in which the budget's indicator has a level.

    Args:
        budget: The budget.
        bound: The bucket edge at which a quantile is judged.
        level: The share over that edge, or the value.
        links: The names of the service.
    """
    return [
        {"series": f"{metric}{{{_labels(where, links)}}}", "values": values}
        for metric, where, values in _series(budget.indicator, bound, level, links.roles)
    ]


_Series = tuple[str, Labels, str]


def _answers(
    indicator: Latency | ErrorRatio | Throughput, bound: float, level: float, found: Recognition
) -> list[_Series]:
    """The load generator's kinds in production: the service's own answers."""
    match indicator:
        case Latency(quantile=quantile, outcome=outcome):
            times = answer_times(indicator, found)
            metric = next(
                one for one in found.played.values() if times and one.metric == times.metric
            )
            where = _answer(indicator.request, metric, found, failed=outcome == names.ERROR)
            return _histogram(replace(metric.selector, where=where), quantile, bound, level)
        case ErrorRatio() | Throughput():
            counted = found[MetricRole.REQUESTS]
            assert counted is not None
            good, bad = (
                _answer(indicator.request, counted, found, failed=failed)
                for failed in (False, True)
            )
            name = counted.events.metric
            if isinstance(indicator, Throughput):
                return [_counter(name, good, level * INTERVAL)]
            events = ((bad, level), (good, 1 - level))
            return [_counter(name, where, share * _EVENTS) for where, share in events]
        case _:
            assert_never(indicator)


def _series(indicator: Indicator, bound: float, level: float, roles: Recognition) -> list[_Series]:
    found: list[_Series] = []
    match indicator:
        case Latency() | ErrorRatio() | Throughput():
            found = _answers(indicator, bound, level, roles)
        case Quantile(histogram=histogram, quantile=quantile):
            found = _histogram(histogram, quantile, bound, level)
        case Mean(histogram=histogram):
            found = _histogram(histogram, None, bound, level)
        case Ratio(of=of, to=to):
            rest = 1 - level if of.metric == to.metric else 1.0
            found = [
                _counter(of.metric, of.where, in_own_unit(level, of.scale) * _EVENTS),
                _counter(to.metric, to.where, rest * _EVENTS),
            ]
        case Rate(counter=counter, to=to):
            level = in_own_unit(level, counter.scale)
            found = [_counter(counter.metric, counter.where, level * INTERVAL)]
            found += [(to.metric, to.where, "1x200")] if to else []
        case Gauge(gauge=gauge, over=over):
            found = [(gauge.metric, gauge.where, _course(in_own_unit(level, gauge.scale), over))]
        case Utilization(of=of, to=to, over=over):
            found = [(of.metric, of.where, _course(level, over)), (to.metric, to.where, "1x200")]
        case Promql():
            pass  # the meaning of its series is unknown
        case _:
            assert_never(indicator)
    return found


def _histogram(
    selector: Selector, quantile: float | None, bound: float, level: float
) -> list[_Series]:
    metric, where = selector.metric, selector.where
    bound = in_own_unit(bound, selector.scale)
    count = _counter(f"{metric}_count", where, _EVENTS)
    if quantile is None:
        level = in_own_unit(level, selector.scale)
        return [_counter(f"{metric}_sum", where, level * _EVENTS), count]
    edge = {**where, "le": number(bound)}
    return [_counter(f"{metric}_bucket", edge, (1 - level) * _EVENTS), count]


def _counter(metric: str, where: Labels, step: float) -> _Series:
    return metric, where, f"0+{number(step)}x200"


def _course(level: float, over: str) -> str:
    """A constant gauge, or one that grows by the level in each window."""
    return (
        f"0+{number(level / _WINDOW * INTERVAL)}x200"
        if over == "growth"
        else f"{number(level)}x200"
    )


def _answer(request: str | None, metric: RoleMetric, found: Recognition, *, failed: bool) -> Labels:
    """The labels of an answer of the service."""
    labels: dict[str, str] = {}
    if request is not None:
        method, _, route = request.partition(" ")
        given = {"method": method, "route": route}
        labels = {metric.labels[one]: text for one, text in given.items() if one in metric.labels}
    if "status" in metric.labels:
        bad = failed_status(found).split("|")[0]
        codes = ("200", "500") if bad == "5.." else ("OK", bad)
        labels[metric.labels["status"]] = codes[failed]
    return labels


def _labels(where: Labels, links: Links) -> str:
    every = {"job": links.job, names.INSTANCE: "one", **where}
    return ", ".join(f"{label}={text(value)}" for label, value in every.items())
