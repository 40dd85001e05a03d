"""YAML as people write it: spellings, anchors, merges, variables, and what is refused."""

import pytest

from harness.budgets.model import (
    Alert,
    Gauge,
    Latency,
    Selector,
)
from harness.errors import BudgetsError
from tests.unit.budgets.parse.parsing import ERRORS, EXAMPLE, HEAD, SMOKE, budget_of, plan_of


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
        pytest.param('"${NAME:-a{b}}"', "shop", id="a default with braces is not used"),
        pytest.param('"${OTHER:-a{b}c}d"', "a{b}cd", id="a default may have pairs of braces"),
        pytest.param('"${NAME:-${OTHER}}"', "shop", id="a variable in a default is not needed"),
        pytest.param('"${OTHER:-x-${MORE:-${NAME}}}"', "x-shop", id="defaults of defaults"),
        pytest.param('"${OTHER:-$${NAME}}"', "${NAME}", id="two dollars escape in a default"),
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
