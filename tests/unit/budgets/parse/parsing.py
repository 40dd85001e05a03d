"""Plans and parts of plans from text."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from harness.budgets.model import (
    Budget,
    Plan,
    Scenario,
    Target,
)
from harness.budgets.parse.parse import parse_plan

TODAY = date(2026, 11, 20)
EXAMPLE = Path(__file__).with_name("example.yaml")
HEAD = "version: 1\nservice: shop\n"
SMOKE = "scenarios: {smoke: {locustfile: smoke.py, rate: 50/s, duration: 20s}}\n"
ERRORS = "budgets: {errors: {indicator: error_ratio, max: 1%}}\n"


def plan_of(
    text: str, environment: Mapping[str, str] | None = None, source: str = "budgets.yaml"
) -> Plan:
    return parse_plan(text, Path(source), environment or {}, TODAY)


def budget_of(keys: str, more: str = "") -> Budget:
    return plan_of(f"{HEAD}{SMOKE}{more}budgets:\n  it: {keys}\n").budgets[0]


def scenario_of(keys: str) -> Scenario:
    text = f"{HEAD}scenarios: {{it: {{locustfile: a.py, {keys}}}}}\n{ERRORS}"
    return plan_of(text).scenarios["it"]


def target_of(keys: str) -> Target:
    target = plan_of(f"{HEAD}target: {{{keys}}}\n{SMOKE}{ERRORS}").target
    assert target is not None
    return target
