"""The budgets that were in force, stored as text."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.budgets.model import Plan
from harness.budgets.parse.in_force import in_force
from harness.budgets.parse.parse import parse_plan
from tests.unit.budgets.parse.parsing import EXAMPLE

ROOT = Path(__file__).parents[4]
SOURCE = Path("budgets.yaml")


def plan_of(text: str, **environment: str) -> Plan:
    return parse_plan(text, SOURCE, environment, date(2026, 11, 20))


def judged(plan: Plan) -> object:
    """What verdicts depend on."""
    return plan.service, plan.scenarios, [replace(one, line=0) for one in plan.budgets]


@pytest.mark.parametrize(
    "path", [ROOT / "budgets.yaml", EXAMPLE, ROOT / "tests/rendered/kinds.yaml"]
)
def test_stored_budgets_are_those_of_the_file(path: Path) -> None:
    plan = plan_of(path.read_text())
    assert judged(plan_of(in_force(plan.document))) == judged(plan)


def test_stored_budgets_hold_no_secret_of_the_target() -> None:
    text = """\
version: 1
service: shop
target:
  command: "serve --port {port} --key ${KEY}"
  url: http://me:${KEY}@127.0.0.1:{port}
  environment: {API_KEY: "${KEY}"}
runbooks: https://me:${KEY}@wiki
scenarios: {smoke: {locustfile: a.py, rate: 1/s, duration: 9s}}
budgets: {errors: {indicator: error_ratio, max: "${MOST}"}}
selftest: {x: {environment: {K: "${KEY}"}, breaks: errors}}
"""
    stored = in_force(plan_of(text, KEY="s3cret", MOST="3%").document)
    assert "s3cret" not in stored
    assert plan_of(stored).budgets[0].bound == 0.03


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20))
def test_stored_text_is_read_back_as_it_was(text: str) -> None:
    escaped = f"\\{text}" if text[0] in "~!\\" else text
    document: dict[str, Any] = {
        "version": "1",
        "service": "shop",
        "scenarios": {"smoke": {"locustfile": "a.py", "rate": "1", "duration": "9s"}},
        "budgets": {
            "a": {
                "indicator": {"kind": "gauge", "metric": "m", "where": {"label": escaped}},
                "max": "3",
            }
        },
    }
    (budget,) = plan_of(in_force(document)).budgets
    assert budget.indicator.gauge.where == {"label": escaped}  # type: ignore[union-attr]
    assert budget.indicator.gauge.selects({"label": text})  # type: ignore[union-attr]
