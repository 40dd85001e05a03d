"""Reports of two compared capacities: what they say of a case, and what always holds."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from rich.cells import cell_len

import harness.report.capacity
from harness.judge.capacity.compare import CapacityComparison, SearchPair, compare_capacities
from harness.judge.capacity.model import CapacitySetting
from harness.report.capacity.compare_console import capacity_compare_report
from harness.report.capacity.compare_junit import capacity_compare_junit
from harness.report.capacity.compare_markdown import (
    capacity_compare_comment,
    capacity_compare_markdown,
)
from harness.report.capacity.compare_results import capacity_compare_json
from harness.report.html.capacity_compare_page import capacity_compare_page, searches_data
from harness.report.run.markdown import MOST_LINES
from tests.unit.report.capacity.cases import (
    FOUND,
    RANGE,
    SEARCHES,
    SETTING,
    SETTINGS,
    at,
    searched,
)
from tests.unit.report.capacity.test_reports import COLOUR_CODE, CONTROL, objects
from tests.unit.report.golden import GOLDEN, check_golden, check_names
from tests.unit.report.run.test_junit import assert_valid, red
from tests.unit.report.run.test_markdown import OUR_HTML, html_tags
from tests.unit.report.strategies import EXIT_CODES, TEXTS

SCHEMA = json.loads(
    (Path(harness.report.capacity.__path__[0]) / "capacity-compare.schema.json").read_text()
)
LOWER = searched(
    *[at(90, "holds", 0.06, 0.9)] * 2,
    *[at(93, "breaks", 0.4, 0.97, "api-latency-p95 400 ms (max 200 ms)")] * 2,
)
PAIR = SearchPair(searched(*FOUND), LOWER)
OPEN_END = replace(PAIR, candidate=searched(*[at(90, "holds", 0.06, 0.9)] * 2, end="interrupted"))
FACTS = {"Baseline": "main (1a2b3c4d)", "Candidate": "working tree"}
ABOUT = replace(SETTING, facts=FACTS)
CASES: dict[str, tuple[CapacityComparison, CapacitySetting, int]] = {
    "lower": (compare_capacities([PAIR, PAIR], RANGE, 0.1, 2), ABOUT, 3),
    "interrupted": (compare_capacities([PAIR, OPEN_END], RANGE, 0.1, 2), ABOUT, 130),
}
COMPARISONS = st.builds(
    compare_capacities,
    pairs=st.lists(st.builds(SearchPair, SEARCHES, SEARCHES), min_size=1, max_size=2),
    limits=st.just(RANGE),
    max_regression=st.floats(0.001, 1),
    wanted=st.just(2),
)
FORMATS: dict[str, Callable[[CapacityComparison, CapacitySetting, int], str]] = {
    "console.txt": lambda c, s, code: capacity_compare_report(
        c, s, width=100, color=False, exit_code=code, folder="runs/20260701T120000Z-compare"
    ),
    "compare.md": lambda c, s, _: capacity_compare_markdown(c, s),
    "comment.md": lambda c, s, _: capacity_compare_comment(c, s),
    "junit.xml": lambda c, s, code: capacity_compare_junit(c, s, exit_code=code),
    "capacity-compare.json": lambda c, s, code: capacity_compare_json(c, s, exit_code=code),
}
REPORTS = {
    **{f"lower.{form}": ("lower", form) for form in FORMATS},
    "interrupted.console.txt": ("interrupted", "console.txt"),
}


@pytest.mark.parametrize("name", REPORTS)
def test_report_of_compared_capacities_is_the_golden(name: str) -> None:
    case, form = REPORTS[name]
    check_golden(GOLDEN / "capacity_compare" / name, FORMATS[form](*CASES[case]))


def test_goldens_all_belong_to_a_case() -> None:
    check_names(GOLDEN / "capacity_compare", REPORTS)


@settings(max_examples=10)
@given(COMPARISONS, SETTINGS, EXIT_CODES, st.integers(40, 200), st.booleans(), TEXTS)
def test_reports_of_anything_are_safe_and_valid(
    comparison: CapacityComparison,
    setting: CapacitySetting,
    code: int,
    width: int,
    color: bool,
    folder: str,
) -> None:
    text = capacity_compare_report(
        comparison, setting, width=width, color=color, exit_code=code, folder=folder
    )
    bare = COLOUR_CODE.sub("", text) if color else text
    assert not CONTROL.search(bare)
    assert max(cell_len(line) for line in bare.split("\n")) <= width
    markdown = capacity_compare_markdown(comparison, setting)
    assert html_tags(markdown) <= OUR_HTML
    assert not CONTROL.search(markdown)
    comment = capacity_compare_comment(comparison, setting)
    assert html_tags(comment) <= OUR_HTML | {comment.splitlines()[0]}
    assert not CONTROL.search(comment)
    assert comment.startswith("<!-- harness compare-capacity ")
    assert comment.count("\n") <= MOST_LINES
    root = ET.fromstring(capacity_compare_junit(comparison, setting, exit_code=code).encode())
    assert_valid(root)
    assert red(root) or code == 0


@settings(max_examples=10)
@given(COMPARISONS, SETTINGS, st.sampled_from([0, 3, 4, 130]))
def test_json_of_anything_is_valid(
    comparison: CapacityComparison, setting: CapacitySetting, code: int
) -> None:
    found = json.loads(capacity_compare_json(comparison, setting, exit_code=code))
    Draft202012Validator(SCHEMA).validate(found)


def test_schema_requires_every_key_and_allows_no_other() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert len(list(objects(SCHEMA))) == 5
    for schema in objects(SCHEMA):
        assert schema["required"] == list(schema["properties"])
        assert schema["additionalProperties"] is False


@settings(max_examples=3)
@given(COMPARISONS, SETTINGS, EXIT_CODES)
def test_page_of_anything_has_data_that_cannot_end_its_element(
    comparison: CapacityComparison, setting: CapacitySetting, code: int
) -> None:
    text = capacity_compare_page(comparison, setting, exit_code=code)
    found = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert len(json.loads(found[0])["capacities"]) == text.count("<figure") == 1


def test_page_describes_its_chart_for_readers_without_it() -> None:
    comparison, setting, code = CASES["interrupted"]
    text = capacity_compare_page(comparison, setting, exit_code=code)
    about = searches_data(comparison)["about"]
    assert f'aria-label="capacity by search: {about}"><p class="note">{about}</p>' in text


def test_chart_has_the_interval_of_each_search() -> None:
    data = searches_data(CASES["interrupted"][0])
    assert data["lower"] == [130, 90, 130, 90]
    assert data["upper"] == [135, 93, 135, None]
    assert data["searches"] == [
        "pair 1: baseline",
        "pair 1: candidate",
        "pair 2: baseline",
        "pair 2: candidate",
    ]


def test_long_lists_name_the_file_that_has_the_rest() -> None:
    comparison, setting, _ = CASES["lower"]
    (gave_way,) = comparison.candidate.gave_way[:1]
    candidate = replace(
        comparison.candidate,
        gave_way=tuple(
            replace(gave_way, verdict=replace(gave_way.verdict, name=f"budget-{n}"))
            for n in range(22)
        ),
    )
    text = capacity_compare_markdown(
        replace(comparison, candidate=candidate),
        replace(setting, left_out=tuple(f"budget {n}" for n in range(23))),
    )
    assert re.findall(r"\.\.\. and \d+ more .*", text) == [
        "... and 2 more in candidate/capacity.json",
        "... and 3 more in capacity-compare.json",
    ]
