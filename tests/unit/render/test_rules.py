"""Which rendered alerts fire, by promtool, over series that are written here by hand."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from harness.budgets.parse.parse import parse_plan
from harness.errors import UsageError
from harness.render.files import rendered
from harness.render.words import Links

HEAD = """\
version: 1
service: shop
target: {url: "http://127.0.0.1:8000", metrics: /metrics}
scenarios: {smoke: {locustfile: smoke.py, rate: 50/s, duration: 20s}}
budgets:
"""
POOL = "{kind: utilization, of: used, to: most, over: max}"
UP = 'up{job="shop", instance="a"}'


def write_rules(budgets: str, folder: Path) -> None:
    plan = parse_plan(f"{HEAD}  {budgets}\n", folder / "budgets.yaml", {}, None)
    files = rendered(plan, Links("shop", "shop"), ["prometheus"])
    (folder / "rules.yml").write_text(files["prometheus/rules.yml"])


def firing(
    budgets: str, series: Mapping[str, str], alerts: Mapping[str, bool], folder: Path
) -> None:
    """Check which alerts fire after 20 minutes of samples of each minute."""
    write_rules(budgets, folder)
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": text} for name, text in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}}) or vector(0)',
                "eval_time": "20m",
                "exp_samples": [{"labels": "{}", "value": int(fires)}],
            }
            for name, fires in alerts.items()
        ],
    }
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]}
    (folder / "test.yml").write_text(yaml.safe_dump(document))
    tested = subprocess.run(
        ["promtool", "test", "rules", "test.yml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.untraced
@pytest.mark.needs_prometheus
@pytest.mark.parametrize(
    ("limit", "fires"), [("0", False), ("10", True), ("100", False)], ids=["none", "10", "100"]
)
def test_a_limit_of_0_is_no_limit(limit: str, fires: bool, tmp_path: Path) -> None:
    series = {
        UP: "1x20",
        'used{job="shop", instance="a"}': "9x20",
        'most{job="shop", instance="a"}': f"{limit}x20",
    }
    pool = f"pool: {{indicator: {POOL}, max: 80%, alert: {{max: 85%, for: 2m}}}}"
    firing(pool, series, {"Pool": fires, "PoolNoData": False, "ShopAbsent": False}, tmp_path)


@pytest.mark.untraced
@pytest.mark.needs_prometheus
@pytest.mark.parametrize(("limit", "fires"), [("0", False), ("1", True), ("2", False)])
def test_a_rate_over_a_limit_of_0_does_not_alert(limit: str, fires: bool, tmp_path: Path) -> None:
    mean = "{kind: rate, metric: used_seconds_total, to: most, unit: ratio}"
    budget = f"pool: {{indicator: {mean}, max: 80%, alert: {{max: 90%, for: 2m}}}}"
    series = {
        UP: "1x20",
        'used_seconds_total{job="shop", instance="a"}': "0+60x20",
        'most{job="shop", instance="a"}': f"{limit}x20",
    }
    firing(budget, series, {"Pool": fires, "PoolNoData": False}, tmp_path)


COMMENTED = """lag:
    indicator:
      kind: promql
      unit: s
      query: |
        # of the slowest replica
        max(lag)  # never of the primary
    max: 5s
    alert: {max: 10s, for: 2m}
"""


@pytest.mark.untraced
@pytest.mark.needs_prometheus
@pytest.mark.parametrize(
    ("series", "over", "missing"),
    [({"lag": "20x20"}, True, False), ({"lag": "1x20"}, False, False), ({}, False, True)],
    ids=["over the bound", "within the bound", "no series"],
)
def test_a_query_may_end_in_a_comment(
    series: Mapping[str, str], over: bool, missing: bool, tmp_path: Path
) -> None:
    firing(COMMENTED, {UP: "1x20", **series}, {"Lag": over, "LagNoData": missing}, tmp_path)


FAILURES = 'kind: rate, metric: answers_total, where: {status: "~5.."}'
HITS = "kind: ratio, unit: ratio, of: hits_total, to: gets_total"
MISSES = "kind: ratio, unit: ratio, of: misses_total, to: gets_total"
MOST = "max: 20%, alert: {max: 30%, for: 5m}"
LEAST = "min: 50%, alert: {min: 30%, for: 5m}"
OFTEN = "min: 1/s, alert: {min: 0.5/s, for: 5m}"
RARELY = "max: 1/s, alert: {max: 2/s, for: 5m}"
OTHERS = 'others_total{job="shop", instance="a"}'
GOOD = 'answers_total{job="shop", instance="a", status="200"}'
GETS = 'gets_total{job="shop", instance="a"}'
ANSWERED = (
    'http_server_request_duration_seconds_count{{job="shop", http_response_status_code="{}"}}'
)
UNBORN = {
    "no failure yet": (FAILURES, RARELY, GOOD, False, False),
    "no such metric": (FAILURES, RARELY, OTHERS, False, True),
    "a min of failures": (FAILURES, OFTEN, GOOD, True, False),
    "a min of what may be absent": ("kind: rate, metric: x, absent: 0", OFTEN, OTHERS, True, False),
    "every answer fails": ("kind: throughput", OFTEN, ANSWERED.format(500), True, False),
    "no answer fails": ("kind: throughput", OFTEN, ANSWERED.format(200), False, False),
    "no hit yet": (HITS, LEAST, GETS, True, False),
    "no miss yet": (MISSES, MOST, GETS, False, False),
}


@pytest.mark.untraced
@pytest.mark.needs_prometheus
@pytest.mark.parametrize(
    ("indicator", "bounds", "series", "fires", "missing"), UNBORN.values(), ids=UNBORN
)
def test_a_counter_that_is_not_born_counts_as_zero(
    indicator: str, bounds: str, series: str, fires: bool, missing: bool, tmp_path: Path
) -> None:
    budget = f"unborn: {{indicator: {{{indicator}}}, {bounds}}}"
    alerts = {"Unborn": fires, "UnbornNoData": missing}
    firing(budget, {UP: "1x20", series: "0+60x20"}, alerts, tmp_path)


@pytest.mark.untraced
@pytest.mark.needs_prometheus
def test_an_error_budget_burns_though_no_hit_was_ever_counted(tmp_path: Path) -> None:
    budget = f"hits: {{indicator: {{{HITS}}}, min: 80%, objective: 95%, window: 30d}}"
    firing(budget, {UP: "1x20", GETS: "0+60x20"}, {"HitsBurnsFast": True}, tmp_path)


BURNING = "slow: {indicator: api_latency, max: 200ms, objective: 99.9%, window: 7d}"
ANSWERS = 'http_server_request_duration_seconds_{}{{job="shop", instance="a"{}}}'


@pytest.mark.untraced
@pytest.mark.needs_prometheus
@pytest.mark.parametrize(
    ("series", "alerts"),
    [
        ({}, {"ShopAbsent": True, "SlowNoData": False, "SlowBurnsFast": False}),
        (
            {
                UP: "1x20",
                ANSWERS.format("bucket", ', le="0.25"'): "0x20",
                ANSWERS.format("count", ""): "0+60x20",
            },
            {"ShopAbsent": False, "SlowNoData": True, "SlowBurnsFast": False},
        ),
        (
            {
                UP: "1x20",
                ANSWERS.format("bucket", ', le="0.2"'): "0x20",
                ANSWERS.format("count", ""): "0+60x20",
            },
            {"ShopAbsent": False, "SlowNoData": False, "SlowBurnsFast": True},
        ),
    ],
    ids=["no service", "no bucket at the bound", "all answers are slow"],
)
def test_an_error_budget_that_cannot_be_watched_alerts(
    series: Mapping[str, str], alerts: Mapping[str, bool], tmp_path: Path
) -> None:
    firing(BURNING, series, alerts, tmp_path)


def test_no_rate_is_over_less_than_5_minutes(tmp_path: Path) -> None:
    write_rules(BURNING, tmp_path)
    ranges = re.findall(r"\[([\dhms]+)\]", (tmp_path / "rules.yml").read_text())
    assert list(dict.fromkeys(ranges)) == ["5m", "7m", "14m", "28m", "1h24m", "5h36m", "16h48m"]


ALERT = "{max: 9/s, for: 5m, severity: warning}"
WATCHED = f"indicator: {{kind: rate, metric: x_total}}, max: 5/s, alert: {ALERT}"


@pytest.mark.parametrize(
    ("service", "budgets", "message"),
    [
        ("shop", ("a-b1", "a-b-1"), "the alerts AB1 of budget a-b1 and of budget a-b-1 have"),
        ("shop", ("a-no-data", "a"), "the alerts ANoData of budget a-no-data and of budget a have"),
        ("shop", ("shop-absent",), "the alerts ShopAbsent of budget shop-absent and of service"),
    ],
)
def test_alerts_of_the_same_name_are_refused(
    service: str, budgets: tuple[str, ...], message: str
) -> None:
    text = HEAD + "".join(f"  {name}: {{{WATCHED}}}\n" for name in budgets)
    plan = parse_plan(text, Path("budgets.yaml"), {}, None)
    with pytest.raises(UsageError, match=f"^{message}") as refused:
        rendered(plan, Links(service, service), ["prometheus"])
    assert "rename one of them" in refused.value.hint


def test_names_that_only_look_alike_have_alerts_of_their_own() -> None:
    text = HEAD + "".join(f"  {name}: {{{WATCHED}}}\n" for name in ("a-b1", "a-b-2", "ab-1"))
    plan = parse_plan(text, Path("budgets.yaml"), {}, None)
    files = rendered(plan, Links("shop", "shop"), ["prometheus"])
    groups = yaml.safe_load(files["prometheus/rules.yml"])["groups"]
    names = [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]
    assert len(names) == len(set(names)) == 7
