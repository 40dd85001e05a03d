"""The budgets.yaml that is written: its bounds, its load, and that lint finds nothing."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.budgets.dialects.recognise import recognise
from harness.budgets.lint.metrics import Family
from harness.budgets.lint.plan import lint
from harness.budgets.parse.parse import parse_plan
from harness.init.bounds import (
    BudgetProposal,
    MeasuredValue,
    draft,
    propose_client,
    propose_server,
    rounded_up,
    with_bound,
)
from harness.init.budgets_file import ScenarioText, TargetText, budgets_text, quantity, scalar
from harness.init.load import LoadPlan, plan_load, trial_rate
from harness.init.model import LoadTask, Operation, Selection
from harness.units import Unit, parse

FAMILIES = {
    "http_server_request_duration_seconds": Family(
        "histogram",
        ({"http_request_method": "GET", "http_route": "/a", "http_response_status_code": "200"},),
        (0.1, 0.25, 1.0, float("inf")),
    ),
    "process_cpu_seconds_total": Family("counter", ({},)),
    "process_resident_memory_bytes": Family("gauge", ({},)),
}
SCENARIO = ScenarioText("load", "scenarios/load.py")


def selection(*weights: int) -> Selection:
    tasks = tuple(
        LoadTask(Operation("get", f"/{number}", f"get_{number}"), "list", weight)
        for number, weight in enumerate(weights)
    )
    return Selection(tasks, (), "x")


def proposals(load: LoadPlan) -> list[BudgetProposal]:
    server = propose_server(recognise(FAMILIES), FAMILIES, started=True)
    return [*propose_client(load), *server]


def written(found: list[BudgetProposal], load: LoadPlan, **target: Any) -> str:
    text = TargetText("shop", "http://127.0.0.1:{port}", "run {port}", "/ready", "/metrics")
    return budgets_text(text, SCENARIO, load, found, head=["A comment."])


def test_draft_and_result_are_files_without_advice() -> None:
    load = plan_load(selection(6, 6, 1), 0.01)
    measured = [
        with_bound(one, MeasuredValue(None if one.preset == "server_error_ratio" else 0.02, 0.03))
        for one in proposals(load)
    ]
    for found in ([draft(one) for one in proposals(load)], measured):
        plan = parse_plan(written(found, load), Path("budgets.yaml"), {}, date(2026, 11, 28))
        assert [finding for finding in lint(plan, FAMILIES) if finding.level == "error"] == []
        assert len(plan.budgets) == sum(one.bound is not None for one in found)
    assert lint(plan, FAMILIES) == []


def test_bound_stands_beside_what_was_measured_and_missing_data_are_said() -> None:
    load = LoadPlan(10, 30, ())
    first, second = propose_client(load)
    found = [
        with_bound(first, MeasuredValue(0.0402, 0.09)),
        with_bound(second, MeasuredValue(None, problem="no data: nothing moved; correct it")),
    ]
    text = written(found, load)
    assert "max: 300ms  # measured 40.2 ms" in text
    assert "description: 95% of all requests are answered within the bound\n" in text
    assert "# error-ratio: not proposed: no data: nothing moved\n" in text
    assert list(yaml.safe_load(text)["budgets"]) == ["api-latency-p95"]


@pytest.mark.parametrize(
    ("bound", "text"),
    [(1.0, "1 query"), (1.5, "1.5 queries"), (20.0, "20 queries"), (0.6, "0.6 queries")],
)
def test_noun_of_a_value_agrees_with_its_number(bound: float, text: str) -> None:
    preset = "queries_per_request"
    one = BudgetProposal("x", preset, Unit.COUNT, "a text", preset=preset)
    assert with_bound(one, MeasuredValue(bound)).measured == f"measured {text}"


def test_description_stays_right_when_the_bound_is_changed() -> None:
    load = plan_load(selection(6, 6, 1), 0.01)
    for one in proposals(load):
        small, large = (replace(one, bound=bound).description for bound in (0.123, 0.456))
        assert small == large
        assert small[0].isupper() or small.startswith("95%")
    braces = LoadTask(Operation("get", "/items/{item_id}", "get_item"), "detail", 6)
    own = propose_client(replace(load, own=(braces,)))[-1]
    assert own.description == "95% of GET /items/{item_id} are answered within the bound"


def test_names_that_the_service_chose_are_written_and_read_again() -> None:
    load = LoadPlan(10, 30, ())
    requests = {"metric": "http_request_duration_seconds", "route": "endpoint", "method": "on"}
    target = TargetText("shop", "http://127.0.0.1:1", dialects=("promhttp",), requests=requests)
    text = budgets_text(target, SCENARIO, load, [draft(one) for one in propose_client(load)])
    plan = parse_plan(text, Path("/shop/budgets.yaml"), {}, date(2026, 11, 28))
    assert plan.target is not None
    assert plan.target.requests == requests
    assert plan.target.dialects == ("promhttp",)


def test_ca_file_is_written_into_the_target() -> None:
    load = LoadPlan(10, 30, ())
    target = TargetText("shop", "https://127.0.0.1:8443", ca_file="certificates/ca.pem")
    found = [draft(one) for one in propose_client(load)]
    text = budgets_text(target, SCENARIO, load, found)
    plan = parse_plan(text, Path("/shop/budgets.yaml"), {}, date(2026, 11, 28))
    assert plan.target is not None
    assert plan.target.ca_file == Path("/shop/certificates/ca.pem")


def proposal(preset: str, unit: Unit, **more: Any) -> BudgetProposal:
    return BudgetProposal("x", preset, unit, "a text", preset=preset, **more)


@pytest.mark.parametrize(
    ("one", "value", "upper", "bound"),
    [
        (proposal("", Unit.SECONDS), 0.001, 0.002, 0.25),
        (proposal("", Unit.SECONDS), 0.2, 0.3, 1.0),
        (proposal("server_latency", Unit.SECONDS, edges=(0.1, 0.25, 1)), 0.05, None, 0.25),
        (proposal("server_latency", Unit.SECONDS, edges=(0.1, 0.25, 1)), 0.9, None, None),
        (proposal("db_query_time", Unit.SECONDS), 0.001, None, 0.05),
        (proposal("error_ratio", Unit.RATIO), 0.0, 0.01, 0.01),
        (proposal("error_ratio", Unit.RATIO), 0.02, None, 0.06),
        (proposal("error_ratio", Unit.RATIO), 0.4, None, None),
        (proposal("pool_utilization", Unit.RATIO), 0.1, None, 0.8),
        (proposal("pool_utilization", Unit.RATIO), 0.7, None, 0.95),
        (proposal("pool_utilization", Unit.RATIO), 0.9, None, None),
        (proposal("cache_hit_ratio", Unit.RATIO, direction="min"), 0.98, None, 0.7),
        (proposal("cache_hit_ratio", Unit.RATIO, direction="min"), 0.05, None, None),
        (proposal("queries_per_request", Unit.COUNT), 2.0, None, 3.0),
        (proposal("queries_per_request", Unit.COUNT), 0.1, None, 0.6),
    ],
)
def test_bound_leaves_room(
    one: BudgetProposal, value: float, upper: float | None, bound: float | None
) -> None:
    made = with_bound(one, MeasuredValue(value, upper))
    assert made.bound == (None if bound is None else pytest.approx(bound))
    assert bool(made.problem) == (bound is None)


def test_bound_of_a_quantile_names_its_bucket() -> None:
    made = with_bound(proposal("", Unit.SECONDS), MeasuredValue(0.1, 0.1, bucket=(0.05, 0.1)))
    assert made.measured == "measured 50 to 100 ms"


@given(st.floats(1e-6, 1e6))
def test_rounded_bound_is_a_little_larger_with_few_digits(value: float) -> None:
    made = rounded_up(value)
    assert value * (1 - 1e-6) <= made <= value * 1.51
    assert len(f"{made:.15g}".replace(".", "").strip("0").split("e")[0]) <= 2


@pytest.mark.parametrize(
    ("seconds", "weights", "rate", "duration", "own"),
    [
        (0.001, (6, 6, 1), 35, 30, 2),
        (0.05, (6, 6, 1), 10, 100, 2),
        (1.0, (6, 6, 1), 2, 100, 0),
        (0.001, (1,), 35, 30, 0),
        (0.001, (6, 6, 6, 6, 6, 6), 40, 30, 4),
    ],
)
def test_load_gives_each_budget_its_samples(
    seconds: float, weights: tuple[int, ...], rate: int, duration: int, own: int
) -> None:
    found = selection(*weights)
    load = plan_load(found, seconds)
    assert load.duration <= 120
    for task in load.own:
        assert load.rate * load.duration * found.share(task) >= 142
    assert load.rate * load.duration >= {0.01: 720, 0.02: 359, 0.05: 142}[load.errors]
    assert load.rate * seconds <= 0.5 or load.rate == 2
    assert (load.rate, load.duration, len(load.own)) == (rate, duration, own)


@pytest.mark.parametrize(("seconds", "rate"), [(0.0, 25), (0.05, 10), (10.0, 2)])
def test_rate_of_the_short_run(seconds: float, rate: int) -> None:
    assert trial_rate(seconds) == rate


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20) | st.sampled_from(
    ["yes", "NULL", "1", "1e3", "a: b", "a #b", "- a", "@a", "a:", " a", "${A}", "~", "95% of {a}"]
)


@given(TEXTS)
def test_scalar_is_the_text_again(text: str) -> None:
    document = yaml.safe_load(f"key: {scalar(text)}\n")
    assert document == {"key": text.replace("${", "$${")}


@given(st.floats(1e-6, 1e6))
def test_quantity_is_the_value_again(value: float) -> None:
    value = rounded_up(value)
    for unit in (Unit.SECONDS, Unit.RATIO, Unit.PER_SECOND, Unit.COUNT):
        text = quantity(value, unit)
        assert not re.search(r"\s", text)
        assert parse(text, unit) == pytest.approx(value, rel=1e-8)
