"""What a report says of the load that was asked for."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from harness.budgets.parse.parse import parse_plan
from harness.report.parts.scenario import scenario_text
from harness.runner.manifest import new_manifest

HEAD = "version: 1\nservice: shop\nscenarios:\n  it:\n"
BUDGET = "\nbudgets:\n  errors: {indicator: error_ratio, max: 1%}\n"


SCENARIOS = {
    "{locustfile: a.py, rate: 40/s, warm_up: 5s, duration: 20s}": (
        "it: 40/s for 25 s (a.py); 5 s of warm-up; 20 s measured"
    ),
    "{locustfile: a.py, users: 7, warm_up: 2s, duration: 5s, workers: 3}": (
        "it: 0 to 7 users for 1 s, 7 users for 6 s (a.py); 2 s of warm-up; 5 s measured; 3 workers"
    ),
    "{locustfile: a.py, workload: {stages: [{ramp_to: 50/s, for: 10s}, {rate: 0, for: 5s}]}}": (
        "it: 0/s to 50/s for 10 s, 0/s for 5 s (a.py); 5 s of warm-up; 10 s measured"
    ),
    "{locustfile: a.py, workload: {stages: [{users: 5, for: 9s}, {ramp_to_users: 9, for: 9s}]}}": (
        "it: 5 users for 9 s, 5 to 9 users for 9 s (a.py); 5 s of warm-up; 13 s measured"
    ),
    "{locustfile: a.py, workload: {shape: Wave}, warm_up: 0s, duration: 7s}": (
        "it: users by the load shape Wave (a.py); 7 s measured"
    ),
    "{loads: {a: {locustfile: a.py, rate: 5/s}, b: {locustfile: b.py, start: 5s, rate: 1/s}}, "
    "warm_up: 0s, duration: 20s}": (
        "it: a 5/s for 20 s (a.py) and b from 5 s on 1/s for 15 s (b.py); 20 s measured"
    ),
    f"{{locustfile: a.py, workload: {{stages: [{', '.join(['{rate: 1/s, for: 1s}'] * 8)}]}}}}": (
        f"it: {'1/s for 1 s, ' * 6}2 more stages (a.py); 5 s of warm-up; 3 s measured"
    ),
}


@pytest.mark.parametrize(("scenario", "text"), SCENARIOS.items())
def test_scenario_is_told_as_it_was_written(scenario: str, text: str) -> None:
    path = Path("budgets.yaml")
    plan = parse_plan(f"{HEAD}    {scenario}{BUDGET}", path, {}, date(2026, 11, 20))
    here = replace(plan, source=Path("/nowhere/budgets.yaml"))
    told = scenario_text(new_manifest(here, plan.scenarios["it"]).scenario)
    assert told.replace(f"{path.parent.resolve()}/", "") == text


@pytest.mark.parametrize(
    ("scenario", "text"),
    [({}, ""), ({"name": "it"}, ""), ({"name": "it", "duration": 3.0}, "3 s measured")],
    ids=str,
)
def test_scenario_of_another_version_is_told_as_far_as_it_is_known(
    scenario: dict[str, object], text: str
) -> None:
    assert scenario_text(scenario) == text
