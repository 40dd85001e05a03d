"""budgets.yaml to plan: the documented example value by value, and what each key means."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from harness.budgets.model import (
    Alert,
    Budget,
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Load,
    Mean,
    Objective,
    Plan,
    Promql,
    Quantile,
    Rate,
    Ratio,
    Scenario,
    Selector,
    Selftest,
    Target,
    Throughput,
    Utilization,
    Waiver,
)
from harness.budgets.parse.parse import parse_plan
from harness.budgets.workload import (
    ClosedWorkload,
    OpenWorkload,
    ShapeWorkload,
    Stage,
    UserStage,
    Workload,
)
from harness.errors import BudgetsError
from harness.units import Unit

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


# --- indicators -------------------------------------------------------------------------------

X, Y = Selector("x"), Selector("y")
INDICATORS: dict[str, tuple[str, str, Indicator, Unit, float]] = {
    "latency mean of one request": (
        '{kind: latency, mean: true, request: "GET /a", of: service_time, outcome: all}',
        "1s",
        Latency(None, "GET /a", "service_time", "all"),
        Unit.SECONDS,
        1.0,
    ),
    "a quantile may be in percent": (
        "{kind: latency, quantile: 99%}",
        "1s",
        Latency(0.99),
        Unit.SECONDS,
        1.0,
    ),
    "the slowest request": (
        "{kind: latency, quantile: 1}",
        "2m",
        Latency(1.0),
        Unit.SECONDS,
        120.0,
    ),
    "errors of one request": (
        '{kind: error_ratio, request: "GET /a"}',
        "0.5%",
        ErrorRatio("GET /a"),
        Unit.RATIO,
        0.005,
    ),
    "throughput": ("{kind: throughput}", "600/m", Throughput(), Unit.PER_SECOND, 10.0),
    "quantile of a histogram in seconds": (
        "{kind: quantile, metric: x, quantile: 0.9, where: {a: b}}",
        "250ms",
        Quantile(Selector("x", {"a": "b"}), 0.9),
        Unit.SECONDS,
        0.25,
    ),
    "quantile of a histogram in bytes, by its name": (
        "{kind: quantile, metric: body_bytes, quantile: 0.9}",
        "2MiB",
        Quantile(Selector("body_bytes"), 0.9),
        Unit.BYTES,
        2097152.0,
    ),
    "mean of a histogram with its unit written out": (
        "{kind: mean, metric: rows, unit: 1}",
        "50",
        Mean(Selector("rows")),
        Unit.COUNT,
        50.0,
    ),
    "ratio of counters is a number": (
        "{kind: ratio, of: x, to: {metric: y}}",
        "0.5",
        Ratio(X, Y),
        Unit.COUNT,
        0.5,
    ),
    "ratio of counters bounded in percent is a ratio": (
        "{kind: ratio, of: x, to: y}",
        "80%",
        Ratio(X, Y),
        Unit.RATIO,
        0.8,
    ),
    "ratio of counters with its unit written out": (
        "{kind: ratio, of: x, to: y, unit: bytes}",
        "4KiB",
        Ratio(X, Y),
        Unit.BYTES,
        4096.0,
    ),
    "rate of a counter": (
        "{kind: rate, metric: x}",
        "6/m",
        Rate(X),
        Unit.PER_SECOND,
        0.1,
    ),
    "rate of a counter over a gauge is a ratio": (
        "{kind: rate, metric: x, to: y}",
        "70%",
        Rate(X, Y),
        Unit.RATIO,
        0.7,
    ),
    "gauge is a number": (
        "{kind: gauge, metric: x}",
        "7",
        Gauge(X, "mean"),
        Unit.COUNT,
        7.0,
    ),
    "gauge in bytes by its name": (
        "{kind: gauge, metric: x_bytes, over: growth}",
        "1MB",
        Gauge(Selector("x_bytes"), "growth"),
        Unit.BYTES,
        1e6,
    ),
    "gauge in seconds by its name": (
        "{kind: gauge, metric: lag_seconds, over: max}",
        "20ms",
        Gauge(Selector("lag_seconds"), "max"),
        Unit.SECONDS,
        0.02,
    ),
    "gauge that is a ratio by its name": (
        "{kind: gauge, metric: load_ratio, over: last}",
        "70%",
        Gauge(Selector("load_ratio"), "last"),
        Unit.RATIO,
        0.7,
    ),
    "a gauge may be negative": (
        "{kind: gauge, metric: x}",
        "-3",
        Gauge(X),
        Unit.COUNT,
        -3.0,
    ),
    "utilization": (
        "{kind: utilization, of: x, to: y, over: max}",
        "0.8",
        Utilization(X, Y, "max"),
        Unit.RATIO,
        0.8,
    ),
    "promql has the unit that it says": (
        '{kind: promql, query: "sum(rate(x[{window}]))", unit: 1/s}',
        "9/s",
        Promql("sum(rate(x[{window}]))"),
        Unit.PER_SECOND,
        9.0,
    ),
}


@pytest.mark.parametrize(
    ("written", "bound", "indicator", "unit", "value"), INDICATORS.values(), ids=INDICATORS
)
def test_indicator_of_each_kind_is_read_with_its_unit(
    written: str, bound: str, indicator: Indicator, unit: Unit, value: float
) -> None:
    budget = budget_of(f"{{indicator: {written}, max: {bound}}}")
    assert budget.indicator == indicator
    assert budget.unit is unit
    assert budget.bound == pytest.approx(value, rel=1e-12)


def test_named_indicator_is_used_by_its_name() -> None:
    named = "indicators: {slow: {kind: latency, quantile: 0.5}}\n"
    assert budget_of("{indicator: slow, max: 1s}", named).indicator == Latency(0.5)


def test_named_indicator_redefines_a_preset() -> None:
    named = "indicators: {api_latency: {kind: latency, quantile: 0.99}}\n"
    assert budget_of("{indicator: api_latency, max: 1s}", named).indicator == Latency(0.99)


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


# --- scenarios and target -----------------------------------------------------------------------

SCENARIOS: dict[str, tuple[str, Workload, float, float]] = {
    "a rate lasts for warm-up and duration": (
        "rate: 50, duration: 1m",
        OpenWorkload((Stage(50.0, 65.0),)),
        5.0,
        60.0,
    ),
    "a workload with a rate has its own keys": (
        "workload: {rate: 30/m, arrivals: even, seed: 7, max_users: 9}, warm_up: 0, duration: 8s",
        OpenWorkload((Stage(0.5, 8.0),), "even", 7, 9, min_users=9),
        0.0,
        8.0,
    ),
    "the warm-up lies inside the stages": (
        "workload: {stages: [{rate: 5/s, for: 10s}, {rate: 9/s, for: 1m}]}, warm_up: 15s",
        OpenWorkload((Stage(5.0, 10.0), Stage(9.0, 60.0))),
        15.0,
        55.0,
    ),
    "users have all started after half of the warm-up": (
        "users: 20, warm_up: 10s, duration: 30s",
        ClosedWorkload((UserStage(20, 5.0, 0), UserStage(20, 35.0))),
        10.0,
        30.0,
    ),
    "users start within a second when there is no warm-up": (
        "users: 20, warm_up: 0s, duration: 30s",
        ClosedWorkload((UserStage(20, 1.0, 0), UserStage(20, 29.0))),
        0.0,
        30.0,
    ),
    "users may start at a rate": (
        "workload: {users: 20, spawn_rate: 2/s, seed: 3}, duration: 30s",
        ClosedWorkload((UserStage(20, 10.0, 0), UserStage(20, 25.0)), 3),
        5.0,
        30.0,
    ),
    "a ramp starts at the rate before it, and at nothing when it is the first": (
        (
            "workload: {stages: [{ramp_to: 50/s, for: 10s}, {ramp_to: 20/s, for: 1m}, "
            "{rate: 30/s, for: 5s}, {ramp_to: 0, for: 5s}]}, warm_up: 10s"
        ),
        OpenWorkload(
            (
                Stage(50.0, 10.0, 0.0),
                Stage(20.0, 60.0, 50.0),
                Stage(30.0, 5.0),
                Stage(0.0, 5.0, 30.0),
            )
        ),
        10.0,
        70.0,
    ),
    "a stage may be a pause": (
        "workload: {stages: [{rate: 5/s, for: 10s}, {rate: 0, for: 5s}, {rate: 5/s, for: 10s}]}",
        OpenWorkload((Stage(5.0, 10.0), Stage(0.0, 5.0), Stage(5.0, 10.0))),
        5.0,
        20.0,
    ),
    "stages of users are the closed model": (
        (
            "workload: {stages: [{users: 10, for: 20s}, {ramp_to_users: 50, for: 30s}, "
            "{users: 0, for: 5s}, {ramp_to_users: 5, for: 5s}], seed: 4}, warm_up: 20s"
        ),
        ClosedWorkload(
            (UserStage(10, 20.0), UserStage(50, 30.0, 10), UserStage(0, 5.0), UserStage(5, 5.0, 0)),
            4,
        ),
        20.0,
        40.0,
    ),
    "users that ramp first start from none": (
        "workload: {stages: [{ramp_to_users: 8, for: 8s}]}, warm_up: 4s",
        ClosedWorkload((UserStage(8, 8.0, 0),)),
        4.0,
        4.0,
    ),
    "a pool that grows starts with ten users": (
        "workload: {rate: 5/s, when_exhausted: grow, max_users: 500}, duration: 20s",
        OpenWorkload((Stage(5.0, 25.0),), max_users=500, when_exhausted="grow", min_users=10),
        5.0,
        20.0,
    ),
    "a pool that grows may start with more": (
        "workload: {rate: 5/s, when_exhausted: grow, min_users: 100}, duration: 20s",
        OpenWorkload((Stage(5.0, 25.0),), when_exhausted="grow", min_users=100),
        5.0,
        20.0,
    ),
    "a pool smaller than ten starts whole": (
        "workload: {rate: 5/s, when_exhausted: grow, max_users: 3}, duration: 20s",
        OpenWorkload((Stage(5.0, 25.0),), max_users=3, when_exhausted="grow", min_users=3),
        5.0,
        20.0,
    ),
    "arrivals may be dropped": (
        "workload: {rate: 5/s, when_exhausted: drop}, duration: 20s",
        OpenWorkload((Stage(5.0, 25.0),), when_exhausted="drop"),
        5.0,
        20.0,
    ),
    "a shape of the locustfile": (
        "workload: {shape: DoubleWave, seed: 2}, duration: 1m",
        ShapeWorkload("DoubleWave", 2),
        5.0,
        60.0,
    ),
}


@pytest.mark.parametrize(
    ("keys", "workload", "warm_up", "duration"), SCENARIOS.values(), ids=SCENARIOS
)
def test_scenario_workload_is_in_seconds_and_per_second(
    keys: str, workload: Workload, warm_up: float, duration: float
) -> None:
    scenario = scenario_of(keys)
    assert scenario.loads[0].workload == workload
    assert (scenario.warm_up, scenario.duration) == (warm_up, duration)
    if not isinstance(workload, ShapeWorkload):
        assert workload.seconds == warm_up + duration


def test_scenario_tags_may_be_one_text_or_a_list() -> None:
    scenario = scenario_of("rate: 1, duration: 1s, tags: read, exclude_tags: [slow, 7], drain: 0")
    (load,) = scenario.loads
    assert (load.tags, load.exclude_tags) == (("read",), ("slow", "7"))
    assert scenario.drain == 0.0


def test_scenario_of_several_loads_gives_each_the_rest_of_the_time() -> None:
    plan = plan_of(
        f"{HEAD}scenarios:\n  it:\n    loads:\n"
        "      readers: {locustfile: read.py, rate: 40/s, tags: read}\n"
        "      buyers: {locustfile: buy.py, users: 5, start: 4s, exclude_tags: slow}\n"
        "      late-buyers: {locustfile: buy.py, workload: {users: 6}, start: 15s}\n"
        "      import: {locustfile: import.py, start: 12s, "
        "workload: {stages: [{ramp_to: 9/s, for: 10s}]}}\n"
        f"    warm_up: 10s\n    duration: 20s\n    trace_ratio: 0\n{ERRORS}",
        source="shop/budgets.yaml",
    )
    shop = Path("shop")
    rate = OpenWorkload((Stage(40.0, 30.0),))
    # Users start within half of what is left of the warm-up, or within a second.
    buyers = ClosedWorkload((UserStage(5, 3.0, 0), UserStage(5, 23.0)))
    late = ClosedWorkload((UserStage(6, 1.0, 0), UserStage(6, 14.0)))
    assert plan.scenarios["it"] == Scenario(
        "it",
        (
            Load(shop / "read.py", rate, "readers", tags=("read",)),
            Load(shop / "buy.py", buyers, "buyers", 4.0, exclude_tags=("slow",)),
            Load(shop / "buy.py", late, "late-buyers", 15.0),
            Load(shop / "import.py", OpenWorkload((Stage(9.0, 10.0, 0.0),)), "import", 12.0),
        ),
        warm_up=10.0,
        duration=20.0,
        trace_ratio=0.0,
    )


def test_stages_of_a_load_may_end_with_the_scenario() -> None:
    scenario = plan_of(
        f"{HEAD}scenarios: {{it: {{duration: 20s, loads: {{a: {{locustfile: a.py, start: 10s, "
        f"workload: {{stages: [{{rate: 5/s, for: 15s}}]}}}}}}}}}}\n{ERRORS}"
    ).scenarios["it"]
    assert scenario.loads[0].workload == OpenWorkload((Stage(5.0, 15.0),))
    assert scenario.duration == 20.0


@pytest.mark.parametrize(
    ("keys", "workers", "trace_ratio"),
    [
        pytest.param("", 1, 0.05, id="one process by default"),
        pytest.param(", workers: 4, trace_ratio: 100%", 4, 1.0, id="several"),
        pytest.param(", workers: auto, trace_ratio: 0.5%", None, 0.005, id="as many as fit"),
    ],
)
def test_scenario_says_its_workers_and_its_traces(
    keys: str, workers: int | None, trace_ratio: float
) -> None:
    scenario = scenario_of(f"rate: 1, duration: 1s{keys}")
    assert (scenario.workers, scenario.trace_ratio) == (workers, trace_ratio)


def test_absolute_locustfile_stays_absolute() -> None:
    text = f"{HEAD}scenarios: {{it: {{locustfile: /srv/a.py, rate: 1, duration: 1s}}}}\n{ERRORS}"
    scenario = plan_of(text, source="shop/budgets.yaml").scenarios["it"]
    assert scenario.loads[0].locustfile == Path("/srv/a.py")


TARGETS: dict[str, tuple[str, Target]] = {
    "a service that already runs": (
        'url: "https://user:word@shop.example/base/", metrics: ["http://[::1]:9/m", "/metrics"]',
        Target("https://user:word@shop.example/base/", metrics=("http://[::1]:9/m", "/metrics")),
    ),
    "a command that gets the port in its environment": (
        'command: serve, url: "http://localhost:{port}", environment: {PORT: "{port}", N: 1.10}',
        Target("http://localhost:{port}", "serve", environment={"PORT": "{port}", "N": "1.10"}),
    ),
    "a command with a fixed port": (
        'command: serve, url: "http://localhost:80", ready_timeout: 1m, stop_timeout: 500ms',
        Target("http://localhost:80", "serve", ready_timeout=60.0, stop_timeout=0.5),
    ),
    "a private CA": (
        'url: "https://shop.internal", ca_file: ca.pem',
        Target("https://shop.internal", ca_file=Path("ca.pem")),
    ),
}


@pytest.mark.parametrize(("keys", "target"), TARGETS.values(), ids=TARGETS)
def test_target_is_read(keys: str, target: Target) -> None:
    assert target_of(keys) == target


def test_file_without_a_target_has_none() -> None:
    assert plan_of(HEAD + SMOKE + ERRORS).target is None


# --- YAML, as people write it -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "label"),
    [
        pytest.param("on", "on", id="on is no boolean"),
        pytest.param("1_000", "1_000", id="an underscore makes no number"),
        pytest.param("12:30", "12:30", id="a clock time is no number in base 60"),
        pytest.param("0123", "0123", id="a leading zero makes no octal number"),
        pytest.param("1.10", "1.10", id="a version keeps its last zero"),
        pytest.param("true", "true", id="a boolean is its text"),
        pytest.param("200", "200", id="a number is its text"),
        pytest.param("2026-12-31", "2026-12-31", id="a date is its text"),
        pytest.param("'null'", "null", id="a quoted null is text"),
        pytest.param('""', "", id="an empty text means a label that is absent"),
    ],
)
def test_label_value_is_the_text_that_stands_in_the_file(written: str, label: str) -> None:
    budget = budget_of(
        f"{{indicator: {{kind: gauge, metric: x, where: {{a: {written}}}}}, max: 3}}"
    )
    assert budget.indicator == Gauge(Selector("x", {"a": label}))


@pytest.mark.parametrize("quantile", ["0.95", '"0.95"', "95%", ".95", "9.5e-1"])
def test_number_means_the_same_in_every_spelling(quantile: str) -> None:
    budget = budget_of(f"{{indicator: {{kind: latency, quantile: {quantile}}}, max: 1s}}")
    assert isinstance(budget.indicator, Latency)
    assert budget.indicator.quantile == pytest.approx(0.95)


def test_anchors_aliases_and_merges_work_and_own_keys_win() -> None:
    plan = plan_of(
        HEAD
        + SMOKE
        + "budgets:\n"
        + "  a: &base {indicator: api_latency, max: 200ms, alert: &alert {max: 1s, for: 1m}}\n"
        + "  b:\n    <<: *base\n    max: 300ms\n"
        + "  c: {<<: [{severity: warn}, *base], alert: *alert, max: 400ms, severity: off}\n"
    )
    assert [(b.name, b.bound, b.severity, b.line) for b in plan.budgets] == [
        ("a", 0.2, "error", 5),
        ("b", 0.3, "error", 6),
        ("c", 0.4, "off", 9),
    ]
    assert {b.alert for b in plan.budgets} == {Alert(1.0, 60.0, "warning")}


def test_problem_in_a_merged_mapping_is_reported_at_its_own_line() -> None:
    text = (
        HEAD
        + SMOKE
        + "budgets:\n  a: &base\n    indicator: api_latency\n    max: 200\n"
        + "  b: {<<: *base}\n"
    )
    with pytest.raises(BudgetsError) as refused:
        plan_of(text)
    assert refused.value.message.split("\n") == [
        'budgets.yaml:7: budgets.a.max: "200" has no suffix; write "200ms", "5s" or "2m"',
        'budgets.yaml:7: budgets.b.max: "200" has no suffix; write "200ms", "5s" or "2m"',
    ]


@pytest.mark.parametrize(
    ("written", "service"),
    [
        pytest.param("${NAME}", "shop", id="a variable is replaced"),
        pytest.param("a-${NAME}-${OTHER:-b}", "a-shop-b", id="several in one text"),
        pytest.param("${OTHER:-}x", "x", id="a default may be empty"),
        pytest.param("${EMPTY:-other}", "other", id="a default stands in for an empty variable"),
        pytest.param("${EMPTY}x", "x", id="an empty variable is empty text"),
        pytest.param("$${NAME}", "${NAME}", id="two dollars escape"),
        pytest.param("$NAME", "$NAME", id="without braces nothing is replaced"),
        pytest.param('"${TRICK}"', "a: [b", id="a value is never read as YAML"),
    ],
)
def test_variable_in_a_value_is_replaced(written: str, service: str) -> None:
    environment = {"NAME": "shop", "EMPTY": "", "TRICK": "a: [b"}
    text = f"version: 1\nservice: {written}\n{SMOKE}{ERRORS}"
    assert plan_of(text, environment).service == service


def test_bound_may_come_from_the_environment() -> None:
    text = f'{HEAD}{SMOKE}budgets: {{a: {{indicator: api_latency, max: "${{P95:-200ms}}"}}}}\n'
    assert plan_of(text).budgets[0].bound == 0.2
    assert plan_of(text, {"P95": "1s"}).budgets[0].bound == 1.0


def test_aliases_that_multiply_without_end_are_refused() -> None:
    layers = [f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9)]
    text = HEAD + "bomb:\n  l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(layers)
    with pytest.raises(BudgetsError, match="more than 20000 values"):
        plan_of(text)


@pytest.mark.parametrize("depth", [21, 400, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    with pytest.raises(BudgetsError, match="1: not YAML: more than 20 levels of nesting; remove"):
        plan_of("a: " + "[" * depth)


def test_carriage_returns_and_a_byte_order_mark_are_fine() -> None:
    text = "\ufeff" + EXAMPLE.read_text().replace("\n", "\r\n")
    assert [budget.line for budget in plan_of(text).budgets] == [20, 27, 28, 29, 30, 33]


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
