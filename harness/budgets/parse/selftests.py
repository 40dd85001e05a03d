"""Self-tests: from their specs to the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.budgets.model import Budget, Selftest
from harness.budgets.parse.problems import Place, Problems, closest
from harness.budgets.parse.scenario_schema import TargetSpec
from harness.budgets.parse.scenarios import check_variables
from harness.budgets.parse.schema import SelftestSpec
from harness.budgets.parse.types import CASE


@dataclass(frozen=True, slots=True)
class Choices:
    """The names that a self-test can refer to.

    Attributes:
        scenarios: Names of all scenarios in the file.
        names: Names of all budgets in the file.
        budgets: The budgets without mistakes.
    """

    scenarios: tuple[str, ...]
    names: tuple[str, ...]
    budgets: Mapping[str, Budget]


def selftests(
    specs: Mapping[str, SelftestSpec],
    target: TargetSpec | None,
    choices: Choices,
    problems: Problems,
) -> dict[str, Selftest]:
    """Every self-test without a mistake.

    Args:
        specs: The typed section.
        target: The service, whose command gets the environment.
        choices: The scenarios and budgets of the file.
        problems: Takes the mistakes.
    """
    if specs and (target is None or target.command is None) and not problems.within(("target",)):
        problems.add(
            ("selftest",),
            "mistakes are planted by the environment of the target's command, which is missing",
        )
    found = {name: _selftest(name, spec, choices, problems) for name, spec in specs.items()}
    return {name: case for name, case in found.items() if case}


def _selftest(
    name: str, spec: SelftestSpec, choices: Choices, problems: Problems
) -> Selftest | None:
    place: Place = ("selftest", name)
    if not re.fullmatch(CASE, name):
        text = "a name consists of lower-case words, hyphens and underscores, such as `n_plus_one`"
        problems.add(place, text)
    if not choices.scenarios:  # reported once, at the section
        return None
    scenario = spec.scenario or choices.scenarios[0]
    if scenario not in choices.scenarios:
        text = _unknown("scenario", scenario, choices.scenarios)
        problems.add((*place, "scenario"), text)
        return None
    check_variables(spec.environment, (*place, "environment"), problems)
    _check_expectation(spec, place, problems)
    for index, budget in enumerate(spec.breaks or ()):
        if problem := _unbreakable(budget, scenario, choices):
            problems.add((*place, "breaks", index), problem)
    for index, budget in enumerate(spec.unjudged or ()):
        if problem := _unbreakable(budget, scenario, choices):
            problems.add((*place, "unjudged", index), problem)
    breaks, unjudged = tuple(spec.breaks or ()), tuple(spec.unjudged or ())
    return Selftest(
        *(name, spec.environment, scenario, breaks),
        description=spec.description or "",
        unjudged=unjudged,
        cause=spec.cause or "",
    )


def _check_expectation(spec: SelftestSpec, place: Place, problems: Problems) -> None:
    if spec.cause and not spec.breaks:
        problems.add((*place, "cause"), "a cause explains a breach; name its budget in breaks")
    if spec.breaks and spec.expect == "unjudged":
        text = "a run that ends unjudged breaks no budget; remove breaks, or expect: unjudged"
        problems.add(place, text)
    if not spec.breaks and spec.expect == "breach" and not problems.within(place):
        text = "no budget has to detect it; name budgets in breaks, or write expect: unjudged"
        problems.add(place, text)
    if spec.expect == "unjudged" and not spec.unjudged and not problems.within(place):
        text = "is missing: the budgets that must be inconclusive, because any failed run is"
        problems.add((*place, "unjudged"), text)
    if spec.unjudged and spec.expect != "unjudged" and not problems.within(place):
        text = "belongs to `expect: unjudged`; add that, or remove it"
        problems.add((*place, "unjudged"), text)


def _unbreakable(name: str, scenario: str, choices: Choices) -> str:
    """Why a budget can never be breached in a scenario; empty when it can be."""
    if name not in choices.names:
        return _unknown("budget", name, choices.names) if choices.names else ""
    budget = choices.budgets.get(name)
    if budget is None:  # refused at its definition
        return ""
    if budget.scenarios and scenario not in budget.scenarios:
        return f"{name} is not judged in scenario {scenario}; add that to its scenarios"
    if budget.severity != "error" or budget.waiver:
        why = "is waived" if budget.waiver else f"has severity {budget.severity}"
        return f"{name} {why}, so its breach fails no run"
    return ""


def _unknown(what: str, name: str, known: tuple[str, ...]) -> str:
    return f'there is no {what} "{name}"; {closest(name, known)}known: {", ".join(known)}'
