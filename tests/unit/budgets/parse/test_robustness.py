"""Whatever stands in the file, it is read or refused with a place, and never a traceback."""

import re
from datetime import date
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.budgets.model import Plan
from harness.budgets.parse.parse import parse_plan
from harness.errors import BudgetsError
from tests.unit.budgets.parse.parsing import EXAMPLE

TEXT = EXAMPLE.read_text()
TREE = yaml.load(TEXT, Loader=yaml.BaseLoader)
LOADS = yaml.load(
    """
version: 1
service: shop
scenarios:
  climb:
    locustfile: a.py
    workload:
      stages: [{ramp_to: 50/s, for: 10s}, {rate: 0, for: 5s}]
      when_exhausted: grow
      min_users: 5
      max_users: 9
    workers: auto
  people: {locustfile: a.py, workload: {stages: [{users: 5, for: 9s}, {ramp_to_users: 9, for: 9s}]}}
  wave: {locustfile: a.py, workload: {shape: Wave}, duration: 9s, trace_ratio: 1%}
  all:
    loads:
      a: {locustfile: a.py, rate: 5/s, tags: x}
      b: {locustfile: a.py, start: 5s, workload: {stages: [{rate: 5/s, for: 9s}]}}
    duration: 20s
budgets:
  it: {indicator: api_latency, max: 1s, abort: true, abort_after: 10s}
""",
    Loader=yaml.BaseLoader,
)
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["${", "${NOPE}", "{port}", "1e999s", "-5", "99%", "api_latency", "a b"]),
    st.lists(st.text(max_size=4), max_size=2),
    st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
)


def outcome(text: str) -> Plan | list[str]:
    try:
        return parse_plan(text, Path("budgets.yaml"), {}, date(2026, 11, 20))
    except BudgetsError as error:
        return error.message.split("\n")


def assert_read_or_refused(text: str) -> None:
    result = outcome(text)
    if isinstance(result, Plan):
        assert result.budgets
        assert result.scenarios
        return
    lines = text.count("\n") + 2
    assert result
    for problem in result:
        match = re.match(r"budgets\.yaml:(\d+): \S", problem)
        assert match, problem
        assert 1 <= int(match[1]) <= lines


@given(st.text(max_size=200))
def test_any_text_is_refused_with_a_place(text: str) -> None:
    assert_read_or_refused(text)


@settings(max_examples=75, deadline=None)
@given(st.integers(0, len(TEXT)), st.integers(0, 60), st.text(max_size=3))
def test_example_with_a_damaged_spot_is_read_or_refused(start: int, length: int, new: str) -> None:
    assert_read_or_refused(TEXT[:start] + new + TEXT[start + length :])


def places(tree: object, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    entries: list[tuple[str | int, object]] = []
    if isinstance(tree, dict):
        entries = list(tree.items())
    elif isinstance(tree, list):
        entries = list(enumerate(tree))
    found = [(*above, key) for key, _ in entries]
    for key, value in entries:
        found += places(value, (*above, key))
    return found


def replaced(tree: object, place: tuple[str | int, ...], new: object) -> object:
    if not place:
        return new
    step, *rest = place
    if isinstance(tree, dict):
        return {k: replaced(v, tuple(rest), new) if k == step else v for k, v in tree.items()}
    assert isinstance(tree, list)
    return [replaced(v, tuple(rest), new) if i == step else v for i, v in enumerate(tree)]


@settings(max_examples=75, deadline=None)
@given(st.sampled_from(places(LOADS)), JUNK)
def test_loads_with_junk_for_any_value_are_read_or_refused(
    place: tuple[str | int, ...], junk: object
) -> None:
    document = replaced(LOADS, place, junk)
    assert_read_or_refused(yaml.safe_dump(document, allow_unicode=True, sort_keys=False))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(places(TREE)), JUNK)
def test_example_with_junk_for_any_value_is_read_or_refused(
    place: tuple[str | int, ...], junk: object
) -> None:
    document = replaced(TREE, place, junk)
    assert_read_or_refused(yaml.safe_dump(document, allow_unicode=True, sort_keys=False))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([place for place in places(TREE) if isinstance(place[-1], str)]))
def test_example_with_any_key_misspelt_names_that_key_or_its_place(
    place: tuple[str | int, ...],
) -> None:
    *above, key = place
    parent = TREE
    for step in above:
        parent = parent[step]
    renamed = {(f"{k}x" if k == key else k): v for k, v in parent.items()}
    document = replaced(TREE, tuple(above), renamed)
    result = outcome(yaml.safe_dump(document, sort_keys=False))
    free = place[:1] in {("budgets",), ("scenarios",)} and len(place) == 2
    free = free or "environment" in above or "where" in above
    if free:
        assert isinstance(result, Plan)
    else:
        assert isinstance(result, list)
        text = f"{key}: is missing" if key == "kind" else f"{key}x: unknown key"
        assert any(text in problem for problem in result)
