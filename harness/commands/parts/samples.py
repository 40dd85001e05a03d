"""The data and the load that each budget gets, for `harness lint` and at the start of a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.budgets.lint.plan import Advice
    from harness.budgets.model import Plan, Scenario


def sample_advice(plan: Plan) -> tuple[list[Advice], list[str]]:
    """Advice on budgets that get too few data, and for each other budget how many it gets.

    A budget of several scenarios is described by the one with the fewest.
    """
    from harness.budgets.lint.metrics import Advice
    from harness.budgets.override import Changes, override
    from harness.judge.intervals.needed import need_of

    advice, notes = [], []
    scenarios = [override(plan, name, Changes(goes_on=True)) for name in plan.scenarios]
    for budget in plan.judged:
        found = [
            count
            for scenario in scenarios
            if budget in plan.budgets_of(scenario.name) and (count := need_of(budget, scenario))
        ]
        hardly = [count for count in found if count.hardly]
        advice += [Advice(("budgets", budget.name), count.advice()) for count in hardly]
        if found and not hardly:
            fewest = min(found, key=lambda count: count.planned / count.needed)
            notes.append(f"{budget.name}: {fewest.text()}")
    return advice, notes


def hardly_decided(plan: Plan, scenario: Scenario) -> list[str]:
    """A line for each budget that will hardly be decided, because it gets too few data."""
    from harness.judge.intervals.needed import need_of

    counts = (need_of(budget, scenario) for budget in plan.budgets_of(scenario.name))
    return [
        f"note: {count.budget.name} will hardly be decided: {count.advice()}"
        for count in counts
        if count is not None and count.hardly
    ]


def out_of_reach(plan: Plan, scenario: Scenario) -> list[str]:
    """A line for each budget that the load of a scenario cannot meet, or not at its bound."""
    from harness.budgets.lint.reach import out_of_reach as find

    found = find(scenario, plan.budgets_of(scenario.name), locustfile_texts([scenario]))
    return [f"note: {advice.place[1]}: {advice.text}" for advice in found]


def locustfile_texts(scenarios: Iterable[Scenario]) -> dict[Path, str]:
    """The text of each locustfile that can be read."""
    files = {load.locustfile for scenario in scenarios for load in scenario.loads}
    return {file: file.read_text("utf-8", "replace") for file in files if file.is_file()}
