"""Dashboards, rules and alerts of services with the metrics of other libraries."""

import json
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from harness.budgets.dialects.recognise import by_default, recognise
from harness.budgets.lint.metrics import Family, family_of
from harness.budgets.lint.plan import lint
from harness.budgets.model import PerRequest, Plan
from harness.budgets.parse.parse import parse_plan
from harness.budgets.presets import CATALOGUE, PRESETS, with_roles
from harness.promql.answers import in_production
from harness.render.files import rendered
from harness.render.words import Links
from harness.units import Unit
from tests.unit.budgets.dialects.test_recognise import BOTH, EXPECTED, exposed
from tests.unit.render.test_files import by_budget, run

# Of the load test, of Prometheus itself, and recorded by the rules.
OTHERS = re.compile(r"harness_\w+|up|service:.*")
NAMES = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?=\{)")
_SHARES = ("ratio", "utilization", "share")


def _budget(name: str) -> str:
    bound = "min: 80%" if name == "cache_hit_ratio" else "max: 200ms"
    if name == "throughput":
        bound = "min: 5/s"
    elif PRESETS[name].unit in {Unit.COUNT, Unit.BYTES}:
        bound = "max: 3" if PRESETS[name].unit is Unit.COUNT else "max: 3kB"
    elif name != "cache_hit_ratio" and name.endswith(_SHARES):
        bound = "max: 10%"
    # Nothing in production counts the requests of the load.
    of_load = isinstance(PRESETS[name].indicator, PerRequest)
    alert = "" if of_load else f", alert: {{{bound}, for: 2m}}"
    return f"  {name.replace('_', '-')}: {{indicator: {name}, {bound}{alert}}}\n"


TEXT = (
    "version: 1\nservice: shop\n"
    'target: {url: "http://127.0.0.1:8000", metrics: /metrics}\n'
    "scenarios: {smoke: {locustfile: smoke.py, rate: 50/s, duration: 20s}}\nbudgets:\n"
    + "".join(_budget(name) for name in CATALOGUE)
)


def plan() -> Plan:
    return parse_plan(TEXT, Path("budgets.yaml"), {}, None)


@cache
def files_of(name: str) -> dict[str, str]:
    found = recognise(exposed(name))
    links = Links("shop", "shop", roles=found)
    return dict(rendered(with_roles(plan(), found), links))


def expressions(files: dict[str, str]) -> list[str]:
    rules = yaml.load(files["prometheus/rules.yml"], Loader=yaml.CSafeLoader)
    found = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    for name in ("service.json", "load-test.json", "budgets.json"):
        if name in files:
            panels = [
                inner
                for panel in json.loads(files[name])["panels"]
                for inner in [panel, *panel.get("panels", [])]
            ]
            found += [target["expr"] for panel in panels for target in panel.get("targets", [])]
    return found


@pytest.mark.untraced
@pytest.mark.parametrize("name", EXPECTED)
def test_every_expression_names_metrics_that_the_service_exposes(name: str) -> None:
    families = exposed(name)
    named = {metric for one in expressions(files_of(name)) for metric in NAMES.findall(one)}
    missing = [
        metric
        for metric in named
        if not OTHERS.fullmatch(metric) and family_of(metric, families) is None
    ]
    assert sorted(missing) == []


@pytest.mark.untraced
@pytest.mark.parametrize("name", EXPECTED)
def test_no_row_is_empty_and_the_first_one_has_the_requests(name: str) -> None:
    files = files_of(name)
    panels = json.loads(files["service.json"])["panels"]
    rows = [at for at, panel in enumerate(panels) if panel["type"] == "row"]
    assert all(at + 1 < len(panels) and panels[at + 1]["type"] != "row" for at in rows)
    if "requests" in EXPECTED[name][1]:
        assert panels[0]["title"] == "Requests"


@pytest.mark.needs_prometheus
def test_prometheus_accepts_the_rules_of_each(tmp_path: Path) -> None:
    for name in EXPECTED:
        (tmp_path / f"{name}.yml").write_text(files_of(name)["prometheus/rules.yml"])
    promtool(tmp_path, "check", "rules", *(f"{name}.yml" for name in EXPECTED))


# Milliseconds; a summary; a wait of two counters; times without a status.
@pytest.mark.needs_prometheus
@pytest.mark.parametrize("name", ["opentelemetry-python", "spring", "go", "grpc"])
def test_alerts_fire_on_the_series_of_the_service(name: str, tmp_path: Path) -> None:
    for path, text in files_of(name).items():
        if path.startswith("prometheus/"):
            (tmp_path / Path(path).name).write_text(text)
    promtool(tmp_path, "test", "rules", *by_budget(tmp_path, tmp_path))


def promtool(folder: Path, *arguments: str) -> None:
    done = run("promtool", [*arguments], folder)
    assert done.returncode == 0, done.stdout + done.stderr


MIXED = exposed("fastapi-instrumentator") | {
    name: one for name, one in exposed("go").items() if name.startswith("go_sql")
}


@pytest.mark.parametrize("families", [BOTH, MIXED], ids=["ambiguous", "mixed"])
def test_lint_run_and_render_decide_alike(families: dict[str, Family]) -> None:
    found = recognise(families)  # as in run.json
    of_run = with_roles(plan(), found)
    refused = {
        finding.path.split(".")[1]
        for finding in lint(plan(), families)
        if finding.level == "error"
        and ("plays the role" in finding.message or "can play" in finding.message)
    }
    lacking = {
        budget.name
        for budget in of_run.budgets
        if budget.preset and "role:" in str(budget.indicator)
    }
    in_no_rule = {b.name for b in of_run.budgets if not in_production(b.indicator, found)}
    assert refused == lacking
    assert lacking <= in_no_rule
    assert ("server-latency" in refused) is (families is BOTH)
    assert ("pool-utilization" in refused) is (families is BOTH)


def test_without_another_word_the_names_are_those_of_opentelemetry() -> None:
    assert Links("a", "a").roles == by_default()
