"""What is rendered of four services, as it is committed; what promtool says of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter, defaultdict
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.budgets.model import Plan, Promql, Rate
from harness.budgets.parse.parse import parse_plan
from harness.render.files import rendered
from harness.render.rules.rules import alerting
from harness.render.words import Links, watched

ROOT = Path(__file__).parents[3]
PAIRS = {
    "the sample service": (ROOT / "budgets.yaml", ROOT / "dashboards"),
    **{
        path.stem: (path, path.with_suffix(""))
        for path in sorted((ROOT / "tests" / "rendered").glob("*.yaml"))
    },
}
pairs = pytest.mark.parametrize(("budgets", "folder"), PAIRS.values(), ids=PAIRS)


@cache
def plan_of(path: Path) -> Plan:
    return parse_plan(path.read_text(), path, {}, date(2026, 11, 20))


@cache
def files_of(path: Path) -> dict[str, str]:
    plan = plan_of(path)
    return dict(rendered(plan, Links(plan.service, plan.service)))


@pairs
def test_rendered_files_are_the_committed_ones(budgets: Path, folder: Path) -> None:
    committed = {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert files_of(budgets) == committed


@cache
def document_of(path: Path) -> Any:
    """A file, read by the parser in C: the one in Python takes seconds."""
    return yaml.load(path.read_text(), Loader=yaml.CSafeLoader)


def rules_of(folder: Path) -> list[dict[str, Any]]:
    document = document_of(folder / "prometheus" / "rules.yml")
    return [rule for group in document["groups"] for rule in group["rules"]]


@pytest.mark.untraced
@pairs
def test_each_budget_is_recorded_and_only_those_with_an_alert_alert(
    budgets: Path, folder: Path
) -> None:
    plan, rules = plan_of(budgets), rules_of(folder)
    values = [r["labels"]["budget"] for r in rules if r.get("record", "").endswith("value:rate5m")]
    links = Links(plan.service, plan.service)
    assert values == [budget.name for budget in watched(plan, links)]
    alerts = Counter(rule["labels"].get("budget", "") for rule in rules if "alert" in rule)
    alerting_budgets = alerting(plan, links)
    expected = Counter(budget.name for budget in alerting_budgets)
    expected += Counter(
        budget.name
        for budget in alerting_budgets
        # Data cannot be wanting where a counter without series is zero.
        if not (isinstance(budget.indicator, Rate) and budget.indicator.counter.absent_is_zero)
    )
    expected += Counter({budget.name: 2 for budget in plan.budgets if budget.objective})
    assert alerts == expected + Counter([""])  # the service is gone


@pytest.mark.untraced
@pairs
def test_each_alert_has_a_test_that_fires_and_one_that_does_not(
    budgets: Path, folder: Path
) -> None:
    tests = document_of(folder / "prometheus" / "rules.test.yml")["tests"]
    fires: Counter[str] = Counter()
    silent: Counter[str] = Counter()
    for test in tests:
        *_, last = test["alert_rule_test"]
        (fires if last["exp_alerts"] else silent)[last["alertname"]] += 1
    untested = {b.name for b in plan_of(budgets).budgets if isinstance(b.indicator, Promql)}
    alerts = Counter(
        rule["alert"]
        for rule in rules_of(folder)
        if "alert" in rule and rule["labels"].get("budget") not in untested
    )
    assert fires == silent == alerts


@pytest.fixture(params=["installed", "of Prometheus 3"])
def promtool(request: pytest.FixtureRequest) -> str:
    """The installed promtool, and the one of Prometheus 3 that `.ci/promtool3` fetches."""
    if request.param == "installed":
        return "promtool"
    if not (found := os.environ.get("PROMTOOL_3")):
        pytest.skip("PROMTOOL_3 is not set: no promtool of Prometheus 3")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
    assert "version 3." in version.stdout + version.stderr
    return found


@pytest.mark.untraced
@pytest.mark.needs_prometheus
@pairs
def test_promtool_accepts_the_rules_and_their_tests_pass(
    budgets: Path, folder: Path, promtool: str, tmp_path: Path
) -> None:
    assert budgets.is_file()
    whole = folder / "prometheus"
    checked = run(promtool, ["check", "rules", "rules.yml"], whole)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    if folder.name == "worker":  # the few rules of a service as they are
        tested = run(promtool, ["test", "rules", "rules.test.yml"], whole)
    else:
        tested = run(promtool, ["test", "rules", *by_budget(whole, tmp_path)], tmp_path)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def by_budget(folder: Path, out: Path) -> list[str]:
    """Write the rules and tests of each budget to files of their own; the names of the test files.

    For each test promtool evaluates all rules of the file: 50 budgets at once take half a minute.
    """
    rules = document_of(folder / "rules.yml")["groups"]
    document = document_of(folder / "rules.test.yml")
    of_alert = {
        rule["alert"]: rule["labels"].get("budget")
        for group in rules
        for rule in group["rules"]
        if "alert" in rule
    }
    tests: dict[str | None, list[dict[str, Any]]] = defaultdict(list)
    for test in document["tests"]:
        tests[of_alert[test["alert_rule_test"][0]["alertname"]]].append(test)
    files = []
    for number, (budget, own) in enumerate(tests.items()):
        groups = [
            group | {"rules": [r for r in group["rules"] if r["labels"].get("budget") == budget]}
            for group in rules
        ]
        (out / f"{number}.yml").write_text(yaml.dump({"groups": groups}, Dumper=yaml.CSafeDumper))
        files.append(f"{number}.test.yml")
        found = document | {"rule_files": [f"{number}.yml"], "tests": own}
        (out / files[-1]).write_text(yaml.dump(found, Dumper=yaml.CSafeDumper))
    assert sum(map(len, tests.values())) == len(document["tests"]) > 0
    return files


MISTAKES = {
    "a bound that is a tenth": ("> 0.05\n    for: 2m", "> 0.0005\n    for: 2m", "test"),
    "the wrong side of a bound": ("[5m]))) > 1\n", "[5m]))) < 1\n", "test"),
    "another severity": ("severity: critical", "severity: warning", "test"),
    "no patience": ("for: 2m", "for: 0s", "test"),
    "a misspelt metric": ("http_server_request_dur", "http_server_requests_dur", "test"),
    "a bracket too few": ("[5m]))) > 1\n", "[5m])) > 1\n", "check"),
}


@pytest.mark.untraced
@pytest.mark.needs_prometheus
@pytest.mark.parametrize(("right", "wrong", "command"), MISTAKES.values(), ids=MISTAKES)
def test_promtool_finds_a_planted_mistake(
    right: str, wrong: str, command: str, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "dashboards" / "prometheus", tmp_path / "rules")
    path = tmp_path / "rules" / "rules.yml"
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong))
    files = ["rules.yml"] if command == "check" else by_budget(tmp_path / "rules", tmp_path)
    folder = tmp_path / "rules" if command == "check" else tmp_path
    assert run("promtool", [command, "rules", *files], folder).returncode == 1


def run(program: str, arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"GOGC": "800"}  # it collects garbage a fifth of its time otherwise
    return subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
