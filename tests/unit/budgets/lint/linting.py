"""Plans from text, and the findings in them."""

from datetime import date
from pathlib import Path

from harness.budgets.lint.plan import Family, lint
from harness.budgets.model import Plan
from harness.budgets.parse.parse import parse_plan

HEAD = "version: 1\nservice: shop\n"
SMOKE = "scenarios: {smoke: {locustfile: a.py, rate: 50/s, duration: 20s}}\n"
ERRORS = "budgets: {errors: {indicator: error_ratio, max: 1%}}\n"
RUNNING = 'target: {url: "http://localhost:80", metrics: /metrics}\n'
OURS = 'target: {command: run, url: "http://localhost:80", metrics: /metrics}\n'


def plan_of(text: str) -> Plan:
    return parse_plan(text, Path("budgets.yaml"), {}, date(2026, 11, 20))


def budget(keys: str) -> str:
    return f"{HEAD}{SMOKE}budgets:\n  it: {{{keys}}}\n"


def findings(text: str, families: dict[str, Family] | None = None) -> list[str]:
    findings = lint(plan_of(text), families)
    return [f"{f.line} {f.level} {f.path}: {f.message}" for f in findings]
