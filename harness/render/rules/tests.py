"""Unit tests for `promtool test rules`: for each alert, series that fire it and series that do not.

The series are made from the indicator and its bound, never from the expression that they test.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
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
    PerRequest,
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
from harness.promql.expression import number, text
from harness.render.rules.rules import AlertRule, Group, Labels, alert_bounds, allowed_over
from harness.render.words import Links, duration, plain
from harness.units import in_own_unit

INTERVAL = 15.0  # seconds between samples
_EVENTS = 100.0  # in each interval
_EVALUATION = 60.0  # seconds
_SETTLED = 420.0  # seconds until all windows of the alerts are full
_WINDOW = 300.0  # seconds, the window of the rules
_SAMPLES = 200  # of a series; more where an alert holds for longer


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
    early = [(rule.hold - INTERVAL, None)] if rule.hold >= 2 * INTERVAL else []
    late = rule.hold + _SETTLED
    samples = max(_SAMPLES, math.ceil(late / INTERVAL) + 1)
    up = {"series": f"{names.UP}{{{_labels({}, links)}}}", "values": f"1x{samples}"}

    def at(bound: float, level: float) -> list[dict[str, str]]:
        assert budget is not None
        return series(budget, bound, level, links, samples)

    if budget is None:
        bad, good, level = [], [up], None
    elif rule.about == "series":
        both = (_levels(budget, bound) for bound in alert_bounds(budget))
        present = {one["series"]: one for levels in both for one in at(levels.bound, levels.good)}
        bad, good, level = [up], [up, *present.values()], None
    else:
        levels = _burn_levels(budget) if rule.about == "burn" else _alert_levels(budget)
        bad, good = (at(levels.bound, one) for one in (levels.bad, levels.good))
        level = 1.0 if rule.about == "burn" else levels.bad
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


def _alert_levels(budget: Budget) -> _Levels:
    """Values on either side of the alert's bound."""
    assert budget.alert is not None
    return _levels(budget, budget.alert.bound)


def _levels(budget: Budget, bound: float) -> _Levels:
    """Values on either side of a bound."""
    most = allowed_over(budget)
    if most is not None:
        over, under = (1 + most) / 2, most / 2
        return _Levels(bound, *((over, under) if budget.direction == "max" else (under, over)))
    step = abs(bound) / 5 or 0.5
    share = isinstance(budget.indicator, Ratio | ErrorRatio) and 0 < bound <= 1
    if share and bound < 1:  # neither level is more than all of it
        step = min(step, (1 - bound) / 2)
    sign = 1 if budget.direction == "max" else -1
    good = bound - sign * step if bound else 0.0
    return _Levels(bound, bound + sign * step, min(good, 1.0) if share else good)


def _burn_levels(budget: Budget) -> _Levels:
    """All events bad, or half of the allowed share."""
    assert budget.objective is not None
    bad, good = 1.0, (1 - budget.objective.share) / 2
    if budget.direction == "min":
        bad, good = 1 - bad, 1 - good
    return _Levels(budget.bound, bad, good)


# --- series ---------------------------------------------------------------------------------------


def series(
    budget: Budget, bound: float, level: float, links: Links, samples: int
) -> list[dict[str, str]]:
    """Series in which the budget's indicator has a level.

    Args:
        budget: The budget.
        bound: The bucket edge at which a quantile is judged.
        level: The share over that edge, or the value.
        links: The names of the service.
        samples: Their number, after the first one.
    """
    return [
        {"series": f"{metric}{{{_labels(where, links)}}}", "values": f"{values}x{samples}"}
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
            return _histogram(metric.selector, where, quantile, bound, level)
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
            found = _histogram(histogram, _example(histogram), quantile, bound, level)
        case Mean(histogram=histogram):
            found = _histogram(histogram, _example(histogram), None, bound, level)
        case Ratio(of=of, to=to):
            counted = _example(of, to)
            within = of.metric == to.metric and to.selects(counted)
            rest = 1 - level if within else 1.0
            found = [
                _counter(of.metric, counted, in_own_unit(level, of.scale) * _EVENTS),
                _counter(to.metric, _outside(of, to), rest * _EVENTS),
            ]
        case Rate(counter=counter, to=to):
            level = in_own_unit(level, counter.scale)
            found = [_counter(counter.metric, _example(counter), level * INTERVAL)]
            found += [(to.metric, _example(to), "1")] if to else []
        case Gauge(gauge=gauge, over=over):
            level = in_own_unit(level, gauge.scale)
            found = [(gauge.metric, _example(gauge), _course(level, over))]
        case Utilization(of=of, to=to, over=over):
            found = [(of.metric, _example(of), _course(level, over))]
            found += [(to.metric, _example(to), "1")]
        case PerRequest():
            pass  # it has no alert
        case Promql():
            pass  # the meaning of its series is unknown
        case _:
            assert_never(indicator)
    return found


def _example(*selectors: Selector) -> Labels:
    """Labels of a series that all selectors match; the first one decides on a label of several."""
    found: dict[str, str] = {}
    for selector in selectors:
        for label, one in selector.matchers.items():
            found.setdefault(label, one.example())
    return found


def _outside(of: Selector, to: Selector) -> Labels:
    """Labels of a series that only the denominator matches, where both are of one metric."""
    found = _example(to)
    if of.metric != to.metric or not of.selects(found):
        return found
    return next(
        (
            one
            for label, filtered in of.matchers.items()
            if not of.selects(one := {**found, label: filtered.example(passing=False)})
            and to.selects(one)
        ),
        found,
    )


def _histogram(
    selector: Selector, where: Labels, quantile: float | None, bound: float, level: float
) -> list[_Series]:
    metric, bound = selector.metric, in_own_unit(bound, selector.scale)
    count = _counter(f"{metric}_count", where, _EVENTS)
    if quantile is None:
        level = in_own_unit(level, selector.scale)
        return [_counter(f"{metric}_sum", where, level * _EVENTS), count]
    edge = {**where, "le": number(bound)}
    return [_counter(f"{metric}_bucket", edge, (1 - level) * _EVENTS), count]


def _counter(metric: str, where: Labels, step: float) -> _Series:
    return metric, where, _rising(step)


def _course(level: float, over: str) -> str:
    """A constant gauge, or one that grows by the level in each window."""
    return _rising(level / _WINDOW * INTERVAL) if over == "growth" else number(level)


def _rising(step: float) -> str:
    """Values from 0 in equal steps, which fall with a negative one."""
    return f"0{'' if step < 0 else '+'}{number(step)}"


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
