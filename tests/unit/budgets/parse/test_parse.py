"""budgets.yaml to plan: the documented example value by value, and the keys of budgets."""

from datetime import date
from pathlib import Path

import pytest

from harness.budgets.model import (
    Alert,
    Budget,
    ErrorRatio,
    Latency,
    Load,
    Mean,
    Objective,
    Plan,
    Ratio,
    Scenario,
    Selector,
    Selftest,
    Target,
    Throughput,
    Utilization,
    Waiver,
)
from harness.budgets.workload import (
    OpenWorkload,
    Stage,
)
from harness.errors import BudgetsError
from harness.units import Unit
from tests.unit.budgets.parse.parsing import ERRORS, EXAMPLE, HEAD, SMOKE, TODAY, budget_of, plan_of

# --- the documented example -------------------------------------------------------------------


def example(source: str = "budgets.yaml") -> Plan:
    return plan_of(EXAMPLE.read_text(), source=source)


def test_example_frame_is_read() -> None:
    plan = example("shop/budgets.yaml")
    assert plan.service == "sample-app"
    assert plan.source == Path("shop/budgets.yaml")
    assert plan.text == EXAMPLE.read_text()
    assert plan.target == Target(
        url="http://127.0.0.1:{port}",
        command="uvicorn sample_app.main:app --port {port}",
        setup="uv sync --frozen",
        ready="/health/ready",
        metrics=("/metrics",),
        environment={"SAMPLE_APP_DATABASE_URL": "sqlite+aiosqlite:///./sample.db"},
        ready_timeout=30.0,
        stop_timeout=10.0,
        directory=Path("shop"),
    )


def test_example_scenarios_become_stages() -> None:
    plan = example("shop/budgets.yaml")
    assert list(plan.scenarios.values()) == [
        Scenario(
            name="smoke",
            loads=(
                Load(
                    Path("shop/scenarios/smoke.py"),
                    OpenWorkload((Stage(50.0, 25.0),), "poisson", 1, 100),
                ),
            ),
            warm_up=5.0,
            duration=20.0,
            drain=30.0,
        ),
        Scenario(
            name="load",
            loads=(
                Load(
                    Path("shop/scenarios/load.py"),
                    OpenWorkload((Stage(50.0, 20.0), Stage(150.0, 60.0)), "poisson", 1, 100),
                ),
            ),
            warm_up=20.0,
            duration=60.0,
            drain=30.0,
        ),
    ]


def test_example_budgets_are_in_base_units_and_in_the_order_of_the_file() -> None:
    queries = "db_client_operation_duration_seconds"
    assert example().budgets == (
        Budget(
            name="api-latency-p95",
            indicator=Latency(0.95, None, "latency", "ok"),
            unit=Unit.SECONDS,
            bound=0.2,
            direction="max",
            description="API endpoints answer within 200 ms for 95% of requests",
            max_regression=0.1,
            alert=Alert(0.5, 120.0, "warning", 0.0),
            runbook="https://…",
            line=20,
        ),
        Budget(
            name="error-ratio",
            indicator=ErrorRatio(),
            unit=Unit.RATIO,
            bound=0.01,
            direction="max",
            alert=Alert(0.05, 60.0, "critical", 0.0),
            line=27,
        ),
        Budget(
            name="cache-hit-ratio",
            indicator=Ratio(
                Selector("cache_gets_total", {"result": "hit"}), Selector("cache_gets_total")
            ),
            unit=Unit.RATIO,
            bound=0.8,
            direction="min",
            line=28,
        ),
        Budget(
            name="pool-utilization",
            indicator=Utilization(
                Selector("db_client_connection_count", {"db_client_connection_state": "used"}),
                Selector("db_client_connection_max"),
                "max",
            ),
            unit=Unit.RATIO,
            bound=0.8,
            direction="max",
            line=29,
        ),
        Budget(
            name="db-query-mean",
            indicator=Mean(Selector(queries, {"db_system_name": "sqlite"})),
            unit=Unit.SECONDS,
            bound=0.1,
            direction="max",
            line=30,
        ),
        Budget(
            name="queries-per-request",
            indicator=Ratio(
                Selector(f"{queries}_count"),
                Selector("http_server_request_duration_seconds_count"),
            ),
            unit=Unit.COUNT,
            bound=3.0,
            direction="max",
            line=33,
        ),
    )


# --- budgets ------------------------------------------------------------------------------------


def test_budget_keys_are_all_carried_over() -> None:
    budget = budget_of(
        "{indicator: throughput, min: 40/s, severity: warn, on_no_data: fail, min_samples: 30, "
        "decide: value, scenarios: smoke, runbook: docs/x.md, description: enough, "
        "max_regression: 0.2, "
        "alert: {min: 30/s, for: 5m, severity: info, keep_firing_for: 10m}, "
        "waiver: {until: 2026-12-31, reason: new hardware}}"
    )
    assert budget == Budget(
        name="it",
        indicator=Throughput(),
        unit=Unit.PER_SECOND,
        bound=40.0,
        direction="min",
        description="enough",
        max_regression=0.2,
        severity="warn",
        on_no_data="fail",
        min_samples=30,
        decide="value",
        scenarios=("smoke",),
        alert=Alert(30.0, 300.0, "info", 600.0),
        waiver=Waiver(date(2026, 12, 31), "new hardware"),
        runbook="docs/x.md",
        line=5,
    )


def test_budget_defaults_are_strict() -> None:
    budget = budget_of("{indicator: error_ratio, max: 0}")
    assert (budget.severity, budget.on_no_data, budget.min_samples) == ("error", "inconclusive", 1)
    assert budget.alert is None
    assert budget.waiver is None
    assert budget.bound == 0.0


@pytest.mark.parametrize(
    ("keys", "abort", "after"),
    [
        pytest.param("indicator: error_ratio, max: 1%", False, 0.0, id="not by default"),
        pytest.param("indicator: error_ratio, max: 1%, abort: false", False, 0.0, id="not wanted"),
        pytest.param("indicator: error_ratio, max: 1%, abort: true", True, 5.0, id="after 5 s"),
        pytest.param(
            "indicator: api_latency, max: 1s, abort: true, abort_after: 1m", True, 60.0, id="later"
        ),
        pytest.param(
            "indicator: api_latency, max: 1s, abort: true, abort_after: 0s", True, 0.0, id="at once"
        ),
    ],
)
def test_budget_may_abort_the_load(keys: str, abort: bool, after: float) -> None:
    budget = budget_of(f"{{{keys}}}")
    assert (budget.abort, budget.abort_after) == (abort, after)


def test_waiver_holds_through_its_last_day() -> None:
    budget = budget_of("{indicator: error_ratio, max: 1%, waiver: {until: 2026-11-20, reason: x}}")
    assert budget.waiver == Waiver(TODAY, "x")


def test_alert_severity_defaults_to_warning() -> None:
    budget = budget_of("{indicator: error_ratio, max: 1%, alert: {max: 5%, for: 1m}}")
    assert budget.alert == Alert(0.05, 60.0, "warning")


def test_percent_in_the_alert_alone_makes_a_ratio_of_counters_a_ratio() -> None:
    budget = budget_of(
        "{indicator: {kind: ratio, of: x, to: y}, min: 0.8, alert: {min: 50%, for: 1m}}"
    )
    assert budget.unit is Unit.RATIO
    assert budget.alert == Alert(0.5, 60.0, "warning")


def test_budgets_of_leaves_out_other_scenarios_and_those_off() -> None:
    plan = plan_of(
        HEAD
        + "scenarios:\n"
        + "  smoke: {locustfile: a.py, rate: 1, duration: 1s}\n"
        + "  load: {locustfile: a.py, rate: 1, duration: 1s}\n"
        + "budgets:\n"
        + "  everywhere: {indicator: api_latency, max: 1s}\n"
        + "  load-only: {indicator: api_latency, max: 1s, scenarios: [load]}\n"
        + "  never: {indicator: api_latency, max: 1s, severity: off}\n"
    )
    assert [budget.name for budget in plan.budgets_of("smoke")] == ["everywhere"]
    assert [budget.name for budget in plan.budgets_of("load")] == ["everywhere", "load-only"]


def test_control_of_comparisons_is_an_endpoint_or_none() -> None:
    assert plan_of(f"{HEAD}{SMOKE}{ERRORS}").control is None
    assert plan_of(f"{HEAD}{SMOKE}{ERRORS}compare: {{}}\n").control is None
    plan = plan_of(f"{HEAD}{SMOKE}{ERRORS}compare: {{control: GET /health}}\n")
    assert plan.control == "GET /health"


def test_selftest_becomes_cases_by_name() -> None:
    plan = plan_of(
        f"{HEAD}target: {{command: ./shop 80, url: 'http://localhost'}}\n{SMOKE}{ERRORS}"
        "selftest:\n"
        "  error_burst: {environment: {PLANT: 1}, breaks: errors, description: Fails at times}\n"
        "  no-metrics: {environment: {PLANT: metrics}, expect: unjudged, unjudged: errors}\n"
    )
    assert plan.selftests == {
        "error_burst": Selftest(
            "error_burst", {"PLANT": "1"}, "smoke", ("errors",), "Fails at times"
        ),
        "no-metrics": Selftest("no-metrics", {"PLANT": "metrics"}, "smoke", unjudged=("errors",)),
    }


def test_selftest_of_refused_budget_and_scenario_is_reported_once() -> None:
    with pytest.raises(BudgetsError) as refused:
        plan_of(
            f"{HEAD}target: {{command: ./shop 80, url: 'http://localhost'}}\n{SMOKE}"
            "budgets: {errors: {indicator: error_ratio}}\n"
            "selftest: {error_burst: {environment: {PLANT: 1}, breaks: errors}}\n"
        )
    assert refused.value.message.split("\n") == [
        "budgets.yaml:5: budgets.errors: has no bound; write exactly one of max and min"
    ]


def test_objective_is_a_share_over_a_window() -> None:
    budget = budget_of("{indicator: error_ratio, max: 1%, objective: 99.9%, window: 30d}")
    assert budget.objective == Objective(0.999, 2_592_000.0)
    assert budget_of("{indicator: error_ratio, max: 1%}").objective is None


def test_runbooks_are_the_url_of_a_folder() -> None:
    text = f"{HEAD}runbooks: http://docs/runbooks/\n{SMOKE}{ERRORS}"
    assert plan_of(text).runbooks == "http://docs/runbooks"
