"""What a self-test asks of its scenarios."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from harness.budgets.model import Scenario
from harness.budgets.parse.parse import parse_plan
from harness.errors import UsageError
from harness.experiments.selftest import trials

TEXT = """
version: 1
service: shop
target: {command: "serve {port}", url: "http://127.0.0.1:{port}"}
scenarios:
  quick: {locustfile: quick.py, rate: 50/s, warm_up: auto, duration: 20s}
budgets:
  errors: {indicator: {kind: error_ratio}, max: 1%}
selftest:
  broken: {environment: {BROKEN: "1"}, scenario: quick, breaks: [errors]}
"""


def test_automatic_warm_up_is_refused_unless_an_option_replaces_it() -> None:
    plan = parse_plan(TEXT, Path("budgets.yaml"), {}, date(2026, 1, 1))

    def fixed(name: str) -> Scenario:
        return replace(plan.scenarios[name], warm_up=4.0, auto_warm_up=False)

    with pytest.raises(UsageError, match="fixed warm-up; scenario 'quick' has warm-up auto"):
        trials(plan, [], lambda name: plan.scenarios[name])
    assert [trial.scenario.warm_up for trial in trials(plan, [], fixed)] == [4.0, 4.0]
