"""Advice on a valid plan: budgets and scenarios that may not do what their author expects."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from harness.budgets.dialects.model import Recognition
from harness.budgets.dialects.recognise import recognise_target
from harness.budgets.lint.metrics import Advice, Family, FindingLevel, metric_findings
from harness.budgets.lint.reach import arrivals, out_of_reach
from harness.budgets.model import (
    Budget,
    ClientIndicator,
    ErrorRatio,
    Gauge,
    Load,
    PerRequest,
    Plan,
    Promql,
    Scenario,
    Target,
    Throughput,
    Utilization,
    selectors,
)
from harness.budgets.parse.problems import Place, Problems, dotted, listed
from harness.budgets.parse.yaml_reader import read
from harness.budgets.presets import with_roles
from harness.budgets.series import FEWEST_READINGS, reads_between_edges
from harness.budgets.workload import ClosedWorkload, OpenWorkload
from harness.names import EXPORTED, HOST_METRICS, JOB, REPORTED_BYTES, SERVICE_COSTS
from harness.units import Unit, counted, format_quantity

__all__ = ["Advice", "Family", "Finding", "lint"]


class Finding(NamedTuple):
    """One piece of advice.

    Attributes:
        line: In budgets.yaml.
        path: `budgets.api-latency-p95.max`.
        level: With an error the budget cannot be judged; a warning may be intended.
    """

    line: int
    path: str
    level: FindingLevel
    message: str


def lint(
    plan: Plan,
    families: Mapping[str, Family] | None,
    known: Iterable[Advice] = (),
    locustfiles: Mapping[Path, str] | None = None,
) -> list[Finding]:
    """The findings on a plan, in the order of its lines.

    Args:
        plan: A valid plan.
        families: The metric families of the running service, by name; None without a scrape.
        known: Further advice, e.g. from calibration.
        locustfiles: The texts of the locustfiles.
    """
    found = Recognition()
    if families is not None:
        found = recognise_target(families, plan.target)
        plan = with_roles(plan, found)
    places = Problems(plan.source)
    read(plan.text, {}, places)
    judged = plan.judged
    advice = [*known, *_on_plan(plan, judged)]
    for budget in judged:
        advice += _on_budget(budget)
    for name, scenario in plan.scenarios.items():
        advice += _on_scenario(scenario, plan.budgets_of(name))
        advice += _on_scrapes(plan.target, scenario, plan.budgets_of(name))
        advice += out_of_reach(scenario, plan.budgets_of(name), locustfiles or {})
    if families is not None:
        started = plan.target is not None and plan.target.command is not None
        advice += metric_findings(judged, families, started, found)
    findings = {
        Finding(places.line(place), dotted(place), level, text) for place, text, level in advice
    }
    return sorted(findings)


_Found = Iterator[Advice]


def _on_plan(plan: Plan, judged: Iterable[Budget]) -> _Found:
    for name in plan.scenarios:
        if not plan.budgets_of(name):
            yield Advice(("scenarios", name), "no budget is judged in this scenario")
    of_service = [b.name for b in judged if not _without_metrics(b)]
    if plan.target and not plan.target.metrics and of_service:
        yield Advice(
            ("target",),
            f"there is no `metrics`, so {listed(of_service)} will have no data",
        )


def _without_metrics(budget: Budget) -> bool:
    """Whether a budget can be judged although the service exposes no metrics."""
    return isinstance(budget.indicator, ClientIndicator | Promql) or all(
        selector.metric in {*HOST_METRICS, *SERVICE_COSTS, *REPORTED_BYTES}
        for selector in selectors(budget.indicator)
    )


def _on_budget(budget: Budget) -> _Found:
    place: Place = ("budgets", budget.name)
    indicator, bound = budget.indicator, format_quantity(budget.bound, budget.unit)
    always = (budget.direction == "min" and budget.bound == 0) or (
        budget.direction == "max" and budget.bound == 1 and budget.unit is Unit.RATIO
    )
    if always and not isinstance(indicator, Gauge | Promql):
        yield Advice((*place, budget.direction), f"{budget.direction}: {bound} always holds")
    if any(JOB in selector.where for selector in selectors(indicator)):
        yield Advice(
            (*place, "indicator"),
            f"a run has no label {JOB}, which Prometheus adds; the service's own label of this "
            f"name is {EXPORTED}{JOB}, and --prometheus-match {JOB}=NAME narrows a server's series",
        )
    exact = Throughput | Gauge | Utilization | Promql
    if budget.decide == "value" and isinstance(indicator, exact):
        yield Advice((*place, "decide"), "the value alone decides anyway for this kind")
    growth = isinstance(indicator, Gauge | Utilization) and indicator.over == "growth"
    if budget.max_regression is not None and (growth or isinstance(indicator, ErrorRatio)):
        yield Advice(
            (*place, "max_regression"),
            f"a relative change means little for a value near 0; rely on {budget.direction}",
        )
    if budget.alert and isinstance(indicator, PerRequest):
        yield Advice(
            (*place, "alert"),
            "no alert is made: `to: requests` is counted by the load generator, and production has"
            " none; write a `ratio` to the service's own count of requests",
        )
    if budget.alert:
        sign = 1 if budget.direction == "max" else -1
        if sign * budget.alert.bound < sign * budget.bound:
            yield Advice(
                (*place, "alert", budget.direction),
                f"the alert fires at {format_quantity(budget.alert.bound, budget.unit)}, although "
                f"the budget allows {bound}",
            )


def _on_scenario(scenario: Scenario, budgets: Iterable[Budget]) -> _Found:
    place: Place = ("scenarios", scenario.name)
    if scenario.warm_up == 0:
        yield Advice(
            (*place, "warm_up"), "without a warm-up, cold caches and connections are judged"
        )
    for load in scenario.loads:
        yield from _on_users(load, scenario)
    for budget in budgets:
        if budget.abort and budget.abort_after >= scenario.expected:
            yield Advice(
                ("budgets", budget.name, "abort_after"),
                f"scenario {scenario.name} is judged for "
                f"{format_quantity(scenario.expected, Unit.SECONDS)} only, so it is never aborted",
            )
        if isinstance(budget.indicator, ClientIndicator):
            yield from _on_samples(scenario, budget)


def _on_scrapes(target: Target | None, scenario: Scenario, budgets: Iterable[Budget]) -> _Found:
    """Too few scrapes in the window to know what lies between its edges."""
    if target is None or target.scrape_interval is None:
        return
    interval, begin = target.scrape_interval, scenario.warm_up
    between = math.ceil((begin + scenario.duration) / interval) - math.floor(begin / interval) - 1
    scrapes = between + 2  # and one at each edge
    needing = [b.name for b in budgets if reads_between_edges(b.indicator)]
    if needing and scrapes < FEWEST_READINGS:
        yield Advice(
            ("target", "scrape_interval"),
            f"the window of scenario {scenario.name} has {counted(scrapes, 'scrape')}, and "
            f"{listed(needing)} needs {FEWEST_READINGS}; the verdict will be inconclusive: scrape "
            "more often, or raise the duration",
        )


def _on_users(load: Load, scenario: Scenario) -> _Found:
    """Users that have not all started when the window begins, without a ramp in the file."""
    workload = load.workload
    if not isinstance(workload, ClosedWorkload) or load.start >= scenario.warm_up > 0:
        return
    first, *rest = workload.stages
    starting = load.start + first.seconds if first.start_users is not None else 0.0
    steady = all(stage.start_users is None and stage.users == first.users for stage in rest)
    if starting > scenario.warm_up and steady:
        yield Advice(
            _place(load, scenario),
            f"the users need {format_quantity(starting, Unit.SECONDS)} to start, longer than the "
            f"warm-up of {format_quantity(scenario.warm_up, Unit.SECONDS)}; the window begins "
            "before the load is complete",
        )


def _on_samples(scenario: Scenario, budget: Budget) -> _Found:
    """Fewer iterations than min_samples; their number is known in the open model only."""
    place: Place = ("budgets", budget.name)
    iterations = 0.0
    for load in scenario.loads:
        if not isinstance(load.workload, OpenWorkload):
            return
        iterations += arrivals(load, load.workload, scenario)
    iterations_text = (
        f"scenario {scenario.name} starts about {counted(round(iterations), 'iteration')} in its "
        "window"
    )
    if budget.min_samples > iterations:
        yield Advice(
            (*place, "min_samples"),
            f"{iterations_text}, fewer than min_samples {budget.min_samples}",
        )


def _place(load: Load, scenario: Scenario) -> Place:
    place: Place = ("scenarios", scenario.name)
    return (*place, "loads", load.name) if load.name else place
