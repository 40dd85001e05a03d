"""What a scrape of a run shows, from the first moment to the verdict."""

from dataclasses import fields
from pathlib import Path

from harness.budgets.model import Latency, Load, Plan, Quantile, Scenario, Selector
from harness.budgets.workload import OpenWorkload, Stage
from harness.commands.parts.serve_metrics import LiveMetrics
from harness.judge.judge import judge
from harness.load.protocol.frames import Report, readings
from harness.names import MEANINGS
from harness.runs.cells import Cell, bucket_of
from tests.unit.judge.evidence import buckets, budget, evidence, manifest

SCENARIO = Scenario("smoke", (Load(Path("a.py"), OpenWorkload((Stage(50, 10),))),), 0.0, 10.0)
BUDGET = budget(Latency(0.95), 0.042, name="fast")
ELSEWHERE = budget(Latency(0.95), 0.041, name="elsewhere", scenarios=("soak",))
PLAN = Plan("shop", None, {"smoke": SCENARIO}, (BUDGET, ELSEWHERE), Path("budgets.yaml"), "")


def cell(*seconds: float, what: str = "latency", name: str = "/items") -> Cell:
    of_requests = ("ok", "GET") if what in {"latency", "service_time"} else ("", "")
    return Cell(what, *of_requests, name, 0, {bucket_of(one): 1 for one in seconds})


def shown(exposed: LiveMetrics) -> dict[str, float]:
    """By name and the labels that are not on all of them."""
    found = {}
    for one in exposed.samples():
        labels = dict(one.labels)
        assert (labels.pop("service"), labels.pop("scenario")) == ("shop", "smoke")
        key = ",".join(f"{label}={value}" for label, value in sorted(labels.items()))
        found[f"{one.name}{{{key}}}"] = one.value
    return found


def test_exposed_run_shows_its_limits_before_it_begins() -> None:
    assert shown(LiveMetrics(PLAN, SCENARIO)) == {
        "harness_budget_limit{budget=fast,direction=max,severity=error}": 0.042
    }


def test_exposed_run_adds_up_times_and_shows_the_last_readings() -> None:
    exposed = LiveMetrics(PLAN, SCENARIO)
    exposed.set_manifest("r", manifest())
    exposed.add_recorded([cell(0.01, 0.05)], {"harness_iterations_asked_total": 2.0}, "")
    exposed.add_recorded([cell(0.04)], {"harness_iterations_asked_total": 3.0}, "")
    found = shown(exposed)
    bucket = "harness_request_latency_seconds_bucket{{le={},outcome=ok,request=GET /items}}".format
    assert (found[bucket("0.042")], found[bucket("+Inf")]) == (2, 3)
    assert bucket("0.041") not in found  # the bound of a budget of another scenario
    assert found["harness_iterations_asked_total{}"] == 3.0
    assert found["harness_run_info{run=r,version=0.1.0}"] == 1.0
    assert found["harness_window_start_time_seconds{}"] == 1000.0


def test_exposed_run_keeps_the_generators_apart() -> None:
    exposed = LiveMetrics(PLAN, SCENARIO)
    for source, users in (("worker-1", 3.0), ("worker-2", 4.0)):
        lag = cell(0.001, what="generator_canary", name=source)
        exposed.add_recorded([lag], {"harness_users": users}, source)
    found = shown(exposed)
    assert found["harness_users{source=worker-1}"] == 3.0
    assert found["harness_users{source=worker-2}"] == 4.0
    assert found["harness_generator_canary_seconds_count{source=worker-2}"] == 1


def test_exposed_run_has_no_verdict_until_it_is_judged() -> None:
    exposed = LiveMetrics(PLAN, SCENARIO)
    exposed.set_manifest("r", manifest())
    assert not [name for name in shown(exposed) if "outcome" in name or "value" in name]
    exposed.judged(judge((BUDGET,), evidence()))
    found = shown(exposed)
    assert found["harness_run_outcome{outcome=pass}"] == 1.0
    assert found["harness_run_outcome{outcome=fail}"] == 0.0
    assert found["harness_budget_value{budget=fast}"] == 0.01


def test_every_name_has_a_meaning() -> None:
    others = {"cells", "slowest", "source", "elsewhere"}
    numbers = {f.name: 1 for f in fields(Report) if f.name not in others}
    told = readings(Report(cells=(), **numbers))  # type: ignore[arg-type]
    assert len(told) == 22
    exposed = LiveMetrics(PLAN, SCENARIO)
    exposed.set_manifest("r", manifest())
    kinds = ("latency", "service_time", "start_lag", "scheduler_lag")
    lags = ("generator_loop_lag", "generator_canary")
    exposed.add_recorded([cell(0.1, what=what) for what in (*kinds, *lags)], told, "")
    lag = budget(Quantile(Selector("h"), 0.95), 0.1, name="lag")
    exposed.judged(judge((BUDGET, lag), evidence(*buckets("h", {"0.1": 90, "+Inf": 100}))))
    seen = {one.name if one.kind == "counter" else one.family for one in exposed.samples()}
    assert seen == MEANINGS.keys()


def test_meanings_stand_for_each_name_once() -> None:
    assert all(name.startswith("harness_") for name in MEANINGS)
    assert len(set(MEANINGS.values())) == len(MEANINGS)
