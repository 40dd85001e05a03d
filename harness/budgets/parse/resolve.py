"""From specs to the plan: units of bounds, references between sections, rules between keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TypeGuard

from harness import units
from harness.budgets.limits import LEAST_BOUND, LONGEST_WAIVER, MOST_BOUND
from harness.budgets.model import (
    Alert,
    Budget,
    Direction,
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    Objective,
    Plan,
    Promql,
    Quantile,
    Scenario,
    Utilization,
    Waiver,
)
from harness.budgets.parse import indicators, kinds
from harness.budgets.parse.problems import Place, Problems, closest, look_alike
from harness.budgets.parse.scenarios import scenario, target
from harness.budgets.parse.schema import BudgetSpec, FileSpec, WaiverSpec
from harness.budgets.parse.selftests import Choices, selftests
from harness.budgets.parse.types import NAME
from harness.budgets.presets import PRESETS, Named
from harness.units import Unit

_LEAST_OBJECTIVE = 0.95  # below, the fastest burn that is alerted on, 14.4, is no share
_ABORT_AFTER = 5.0  # seconds of the window: the soonest at which a share can be certain


def resolve(
    spec: FileSpec,
    names: Mapping[str, tuple[str, ...]],
    text: str,
    today: date | None,
    problems: Problems,
) -> Plan:
    """The plan of a file that matches the schema.

    Args:
        spec: The typed file, without the entries that `shaped` refused.
        names: For each section, all names in the file, also those of refused entries, so that one
            mistake is reported once.
        text: The file's content.
        today: Decides whether a waiver has expired; None accepts every waiver.
        problems: Takes the mistakes; if there is any, the plan must not be used.
    """
    _check_frame(spec, names, problems)
    directory = problems.source.parent
    scenarios: dict[str, Scenario] = {}
    for name, scenario_spec in spec.scenarios.items():
        if found := scenario(name, scenario_spec, directory, problems):
            scenarios[name] = found
    known: dict[str, Named | None] = dict(PRESETS)
    known |= dict.fromkeys(names["indicators"])
    for name, indicator_spec in spec.indicators.items():
        known[name] = indicators.read(indicator_spec, ("indicators", name), problems)
    file = _File(known, names["scenarios"], today, problems)
    found_budgets = [_budget(name, budget, file) for name, budget in spec.budgets.items()]
    budgets = {budget.name: budget for budget in found_budgets if budget}
    choices = Choices(names["scenarios"], names["budgets"], budgets)
    return Plan(
        service=spec.service or "",
        target=target(spec.target, directory, problems) if spec.target else None,
        scenarios=scenarios,
        budgets=tuple(budgets.values()),
        selftests=selftests(spec.selftest, spec.target, choices, problems),
        control=spec.compare.control if spec.compare else None,
        runbooks=(spec.runbooks or "").rstrip("/"),
        source=problems.source,
        text=text,
        specs=spec.scenarios,
    )


@dataclass(frozen=True)
class _File:
    """The names that a budget can refer to.

    Attributes:
        known: Indicators by name; None for one that was refused at its definition.
    """

    known: Mapping[str, Named | None]
    scenarios: tuple[str, ...]
    today: date | None
    problems: Problems


def _check_frame(spec: FileSpec, names: Mapping[str, tuple[str, ...]], problems: Problems) -> None:
    if spec.service is None and not problems.within(("service",)):
        problems.add(("service",), "is missing: the name of the service")
    if not names["scenarios"] and not problems.within(("scenarios",)):
        problems.add(
            ("scenarios",),
            "no scenarios, so no load; add one, e.g. "
            "`smoke: {locustfile: smoke.py, rate: 50/s, duration: 20s}`",
        )
    if not names["budgets"] and not problems.within(("budgets",)):
        problems.add(
            ("budgets",),
            "nothing to judge; add a budget, e.g. "
            "`api-latency-p95: {indicator: api_latency, max: 200ms}`",
        )
    for section in ("scenarios", "budgets"):
        for name in names[section]:
            if not re.fullmatch(NAME, name):
                problems.add(
                    (section, name),
                    "a name consists of lower-case words and hyphens, such as `api-latency-p95`",
                )


def _budget(name: str, spec: BudgetSpec, file: _File) -> Budget | None:
    place: Place = ("budgets", name)
    problems = file.problems
    clean = not problems.within(place)
    _check_scenarios(spec, place, file)
    _check_severity_of_abort(spec, place, problems)
    waiver = _waiver(spec.waiver, (*place, "waiver"), file) if spec.waiver else None
    given = [text for text in (spec.max, spec.min) if text is not None]
    if len(given) != 1 and clean:
        found = "has both max and min" if given else "has no bound"
        problems.add(place, f"{found}; write exactly one of max and min")
    named = _named(spec, (*place, "indicator"), file)
    if len(given) != 1 or named is None:
        return None
    direction: Direction = "max" if spec.max is not None else "min"
    production = [text for text in (spec.alert.max, spec.alert.min) if text] if spec.alert else []
    measured = replace(named, unit=kinds.unit_of(named, given + production))
    bound = _bound(given[0], measured, (*place, direction), problems)
    if bound is not None and _counts(spec, file) and spec.max_regression is None:
        _check_breakable(bound, given[0], measured.indicator, (*place, direction), problems)
    alert = _alert(spec, direction, measured, (*place, "alert"), file)
    objective = _objective(spec, direction, measured, place, problems)
    _check_subject_of_abort(spec, direction, measured, place, problems)
    if problems.within(place) or bound is None or measured.unit is None:
        return None
    return Budget(
        name=name,
        indicator=measured.indicator,
        unit=measured.unit,
        bound=bound,
        direction=direction,
        description=spec.description or "",
        max_regression=spec.max_regression,
        severity=spec.severity,
        on_no_data=spec.on_no_data,
        min_samples=spec.min_samples,
        decide=spec.decide,
        scenarios=tuple(spec.scenarios or ()),
        alert=alert,
        objective=objective,
        waiver=waiver,
        abort=spec.abort,
        abort_after=spec.abort_after if spec.abort_after is not None else _ABORT_AFTER * spec.abort,
        runbook=spec.runbook or "",
        line=problems.line(place),
        preset=spec.indicator if _is_preset(spec.indicator, file) else "",
    )


def _named(spec: BudgetSpec, place: Place, file: _File) -> Named | None:
    """The budget's indicator; None when it is unknown or was refused at its definition."""
    name = spec.indicator
    if not isinstance(name, str):
        return indicators.read(name, place, file.problems)
    if name not in file.known:
        known = ", ".join(sorted(file.known))
        meant = look_alike(name) + closest(name, file.known)
        file.problems.add(place, f'there is no indicator "{name}"; {meant}known: {known}')
    return file.known.get(name)


def _is_preset(indicator: object, file: _File) -> TypeGuard[str]:
    """Whether a budget refers to a preset that the file does not redefine."""
    return isinstance(indicator, str) and file.known.get(indicator) is PRESETS.get(indicator)


def _check_scenarios(spec: BudgetSpec, place: Place, file: _File) -> None:
    if not file.scenarios:  # reported once, at the section
        return
    for index, name in enumerate(spec.scenarios or ()):
        if name not in file.scenarios:
            known = ", ".join(file.scenarios)
            meant = closest(name, file.scenarios)
            file.problems.add(
                (*place, "scenarios", index),
                f'there is no scenario "{name}"; {meant}known: {known}',
            )


def _bound(text: str, named: Named, place: Place, problems: Problems) -> float | None:
    """A bound in the unit of its indicator, which is known by now."""
    unit = named.unit or Unit.COUNT
    try:
        value = units.parse(text, unit)
    except ValueError as error:
        problems.add(place, str(error))
        return None
    timed = unit is Unit.SECONDS and isinstance(named.indicator, Latency | Quantile | Mean)
    if unit is Unit.RATIO and value > 1:
        percent = "" if text.rstrip().endswith("%") else f"; for {text} percent write {text}%"
        problems.add(place, f'"{text}" is more than 100%, which no ratio exceeds{percent}')
    elif value < 0 and not isinstance(named.indicator, Gauge | Promql):
        problems.add(place, f'"{text}" is negative, which the value never is')
    elif value == 0 and place[-1] == "max" and timed:
        problems.add(place, "a time is never 0; write the longest time that is allowed")
    elif abs(value) > MOST_BOUND:
        problems.add(place, f'"{text}" must be at most {MOST_BOUND:g} in the base unit')
    elif 0 < abs(value) < LEAST_BOUND:
        problems.add(place, f'"{text}" must be 0 or at least {LEAST_BOUND:g} in the base unit')
    return value


def _counts(spec: BudgetSpec, file: _File) -> bool:
    """Whether a breach has a consequence, so that its bound must be one that a value can breach."""
    return spec.severity != "off" and file.today is not None


def _check_breakable(
    bound: float, text: str, indicator: Indicator, place: Place, problems: Problems
) -> None:
    """Refuse a bound that no value can breach."""
    if place[-1] == "max" and isinstance(indicator, ErrorRatio) and bound == 1:
        problems.add(place, f'"{text}" always holds: no error ratio is larger; write less')
    signed = isinstance(indicator, Gauge | Utilization | Promql)
    if place[-1] == "min" and bound == 0 and not signed:
        problems.add(place, f'"{text}" always holds: no value is smaller; write more')


def _check_severity_of_abort(spec: BudgetSpec, place: Place, problems: Problems) -> None:
    if spec.abort_after is not None and not spec.abort:
        problems.add((*place, "abort_after"), "belongs to `abort: true`; add that, or remove it")
    if spec.abort and spec.severity != "error":
        problems.add(
            (*place, "abort"),
            f"with severity {spec.severity} a breach fails no run, so it cannot end one; remove "
            "abort, or write severity: error",
        )


def _check_subject_of_abort(
    spec: BudgetSpec, direction: Direction, named: Named, place: Place, problems: Problems
) -> None:
    if spec.abort and not kinds.can_abort(named.indicator, direction):
        problems.add(
            (*place, "abort"),
            "only a max of kind error_ratio, or of kind latency with a quantile, can be breached "
            "with certainty while the load runs; remove abort",
        )


def _alert(
    budget: BudgetSpec, direction: Direction, named: Named, place: Place, file: _File
) -> Alert | None:
    spec, problems = budget.alert, file.problems
    if spec is None:
        return None
    own, other = (spec.max, spec.min) if direction == "max" else (spec.min, spec.max)
    if other is not None:
        foreign = "min" if direction == "max" else "max"
        problems.add(
            (*place, foreign), f"the budget has a {direction}; write {direction} here, too"
        )
    elif own is None and not problems.within(place):
        problems.add(place, f"has no bound; add {direction}, the bound in production")
    if own is None:
        return None
    bound = _bound(own, named, (*place, direction), problems)
    if bound is None:
        return None
    if _counts(budget, file):
        _check_breakable(bound, own, named.indicator, (*place, direction), problems)
    return Alert(bound, spec.hold, spec.severity, spec.keep_firing_for)


def _objective(
    spec: BudgetSpec, direction: Direction, named: Named, place: Place, problems: Problems
) -> Objective | None:
    if spec.objective is None or spec.window is None:
        refused = problems.within((*place, "objective")) or problems.within((*place, "window"))
        if spec.objective is not spec.window and not refused:
            problems.add(place, "has only one of objective and window; write both")
        return None
    if not _LEAST_OBJECTIVE <= spec.objective < 1:
        problems.add((*place, "objective"), "must be at least 95%, and less than 100%")
    if not kinds.can_have_objective(named, direction):
        problems.add(
            (*place, "objective"),
            "needs an indicator that counts events: a max of an error_ratio, of a latency with a "
            "quantile or of a quantile, or a ratio of counters in %",
        )
    return Objective(spec.objective, spec.window)


def _waiver(spec: WaiverSpec, place: Place, file: _File) -> Waiver:
    if file.today is not None and spec.until < file.today:
        file.problems.add(
            (*place, "until"),
            f"the waiver expired on {spec.until}; remove it, or renew it with a later date and a "
            "reason that holds today",
        )
    elif file.today is not None and (spec.until - file.today).days > LONGEST_WAIVER:
        latest = file.today + timedelta(days=LONGEST_WAIVER)
        file.problems.add(
            (*place, "until"),
            f"the waiver is too long; write {latest} or earlier, and renew it then",
        )
    return Waiver(spec.until, spec.reason)
