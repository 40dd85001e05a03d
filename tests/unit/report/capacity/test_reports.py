"""Reports of a capacity: what they say of a case, and what holds for any capacity."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from rich.cells import cell_len

import harness.report.capacity
from harness.judge.capacity.judge import judge_capacity
from harness.judge.capacity.model import Capacity, CapacitySetting, PastCapacity
from harness.report.capacity.console import capacity_report
from harness.report.capacity.junit import capacity_junit
from harness.report.capacity.markdown import capacity_markdown
from harness.report.capacity.results import capacity_json
from harness.report.capacity.words import (
    NOTHING_SHORT,
    cause_text,
    gave_way_texts,
    short_of_texts,
    step_line,
)
from harness.report.html.capacity_page import capacity_page, knee_curves, knee_data
from harness.runs.capacity import read_capacity
from tests.unit.report.capacity.cases import (
    CAPACITIES,
    CASES,
    FOUND,
    RANGE,
    SETTING,
    SETTINGS,
    at,
    searched,
)
from tests.unit.report.golden import GOLDEN, check_golden, check_names
from tests.unit.report.run.test_junit import assert_valid, red
from tests.unit.report.run.test_markdown import OUR_HTML, html_tags
from tests.unit.report.strategies import EXIT_CODES, TEXTS

SCHEMA = json.loads(
    (Path(harness.report.capacity.__path__[0]) / "capacity.schema.json").read_text()
)
VALIDATOR = Draft202012Validator(SCHEMA)
COLOUR_CODE = re.compile(r"\x1b\[[0-9;]*m")
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")


def test_console_report_shows_the_name_of_a_baseline_without_control_characters() -> None:
    past = PastCapacity("ma\x81in\x1b[2J", 120.0, 126.0, 0.5)
    capacity = judge_capacity([searched(*FOUND)], RANGE, None, past)
    assert {check.outcome for check in capacity.checks} == {"pass"}
    _, setting, _ = CASES["found"]
    text = capacity_report(capacity, setting, width=200, color=False, exit_code=0)
    assert "(main[2J)" in text
    assert not CONTROL.search(text)


@settings(max_examples=15)
@given(CAPACITIES, SETTINGS, EXIT_CODES, st.integers(40, 200), st.booleans(), TEXTS)
def test_console_report_of_anything_fits_and_steers_no_terminal(
    capacity: Capacity,
    setting: CapacitySetting,
    code: int,
    width: int,
    color: bool,
    folder: str,
) -> None:
    text = capacity_report(
        capacity, setting, width=width, color=color, exit_code=code, folder=folder
    )
    bare = COLOUR_CODE.sub("", text) if color else text
    assert not CONTROL.search(bare)
    assert max(cell_len(line) for line in bare.split("\n")) <= width


@settings(max_examples=15)
@given(CAPACITIES, SETTINGS)
def test_summary_of_anything_has_no_foreign_markup(
    capacity: Capacity, setting: CapacitySetting
) -> None:
    markdown = capacity_markdown(capacity, setting)
    assert html_tags(markdown) <= OUR_HTML
    assert not CONTROL.search(markdown)


@settings(max_examples=15)
@given(CAPACITIES, SETTINGS, st.sampled_from([0, 3, 4, 130]))
def test_json_of_anything_is_valid_and_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    capacity: Capacity,
    setting: CapacitySetting,
    code: int,
) -> None:
    text = capacity_json(capacity, setting, exit_code=code)
    VALIDATOR.validate(json.loads(text))
    file = tmp_path_factory.mktemp("capacity") / "capacity.json"
    file.write_text(text, encoding="utf-8")
    found = read_capacity(file).capacity
    assert (found.outcome, found.end) == (capacity.outcome, capacity.end)
    assert found.lower == (None if capacity.lower is None else pytest.approx(capacity.lower))
    assert found.upper == (None if capacity.upper is None else pytest.approx(capacity.upper))


@settings(max_examples=15)
@given(CAPACITIES, SETTINGS, EXIT_CODES)
def test_junit_of_anything_is_valid_and_red_unless_all_is_well(
    capacity: Capacity, setting: CapacitySetting, code: int
) -> None:
    root = ET.fromstring(capacity_junit(capacity, setting, exit_code=code).encode())
    assert_valid(root)
    assert red(root) or code == 0


@settings(max_examples=4)
@given(CAPACITIES, SETTINGS, EXIT_CODES)
def test_page_of_anything_has_data_that_cannot_end_its_element(
    capacity: Capacity, setting: CapacitySetting, code: int
) -> None:
    text = capacity_page(capacity, setting, exit_code=code)
    found = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text)
    data = json.loads(found[0])
    assert text.count("<figure") == len(data.get("knees", []))


def objects(schema: object) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for value in schema.values():
            yield from objects(value)


def test_schema_requires_every_key_and_allows_no_other() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    found = list(objects(SCHEMA))
    assert len(found) == 8
    for schema in found:
        assert schema["required"] == list(schema["properties"])
        assert schema["additionalProperties"] is False


# --- words ----------------------------------------------------------------------------------------

FORMATS: dict[str, Callable[[Capacity, CapacitySetting, int], str]] = {
    "console.txt": lambda c, s, code: capacity_report(
        c, s, width=100, color=False, exit_code=code, folder="runs/20260701T120000Z-capacity-smoke"
    ),
    "summary.md": lambda c, s, _: capacity_markdown(c, s),
    "junit.xml": lambda c, s, code: capacity_junit(c, s, exit_code=code),
    "capacity.json": lambda c, s, code: capacity_json(c, s, exit_code=code),
}
REPORTS = {
    **{f"{case}.console.txt": (case, "console.txt") for case in CASES},
    **{f"repeated.{form}": ("repeated", form) for form in FORMATS},
    "awkward.summary.md": ("awkward", "summary.md"),
    "generator.junit.xml": ("generator", "junit.xml"),
}


@pytest.mark.parametrize("name", REPORTS)
def test_report_of_a_capacity_is_the_golden(name: str) -> None:
    case, form = REPORTS[name]
    check_golden(GOLDEN / "capacity" / name, FORMATS[form](*CASES[case]))


def test_goldens_all_belong_to_a_case() -> None:
    check_names(GOLDEN / "capacity", REPORTS)


def test_line_of_a_step_says_why() -> None:
    assert step_line(1, FOUND[0]) == "step 1: 50/s holds, p95 31 ms"
    assert step_line(5, FOUND[4]) == "step 5: 141/s breaks: api-latency-p95 412 ms (max 200 ms)"


@pytest.mark.parametrize(
    ("result", "reason", "guard", "text"),
    [
        ("holds", "every budget holds", "", ""),
        ("breaks", "api-latency-p95 412 ms", "", "api-latency-p95"),
        ("disturbed", "cpu-contention: others", "cpu-contention", "cpu-contention"),
        ("disturbed", "no data: the metric rows: does not exist", "", "no data"),
        ("disturbed", "no budget could be judged", "", "no data"),
        ("generator", "load-delivered: 71%", "load-delivered", "load-delivered"),
        ("undecided", "p95 latency is 20 ms, but 9 samples are too few", "", "too few samples"),
        ("undecided", "p95-latency: is 201 ms, perhaps less", "", "near the bound"),
    ],
)
def test_cause_of_a_step_in_a_few_words(result: Any, reason: str, guard: str, text: str) -> None:
    assert cause_text(at(100, result, 0.2, 1.0, reason, guard)) == text


def test_service_that_ended_gave_way_first() -> None:
    reason = "the service ended during the load: exit code 7"
    ended = replace(at(90, "breaks", 0.1, 0.1, reason), verdicts=())
    capacity = judge_capacity([searched(at(50, "holds", 0.03, 0.1), ended, ended)], RANGE)
    assert gave_way_texts(capacity) == [f"{reason} at 90/s"]
    assert short_of_texts(capacity) == []


def test_nothing_short_is_said_only_where_a_step_broke_a_budget() -> None:
    found, generator = CASES["found"][0], CASES["generator"][0]
    assert short_of_texts(found)[0].startswith("CPU: the service used 0.97 cores, and a process")
    assert short_of_texts(generator) == []
    idle = [at(50, "holds", 0.03, 0.1), *[at(60, "breaks", 1.0, 0.1)] * 2]
    assert short_of_texts(judge_capacity([searched(*idle)], RANGE)) == [NOTHING_SHORT]


# --- the picture of the knee ----------------------------------------------------------------------


def test_knee_has_a_curve_of_the_latency_with_its_interval_and_bound() -> None:
    capacity, _, _ = CASES["found"]
    steps = sorted(capacity.steps, key=lambda step: step.rate)
    curves = knee_curves(steps)
    assert [curve.title for curve in curves] == [
        "api-latency-p95",
        "failed requests",
        "cores that the service used",
        "successful requests per second",
    ]
    data = knee_data(curves[0], steps, capacity)
    assert data["rates"] == [50, 100, 119, 130, 130, 135, 135, 141, 141, 200, 200]
    assert (data["suffix"], data["log"]) == (" s", True)
    assert data["values"] == [0.031, 0.042, 0.061, 0.12, 0.12, 0.251, 0.251, 0.412, 0.412, 2.4, 2.4]
    assert data["upper"][3] == 0.132  # type: ignore[index]
    assert data["bound"] == {"label": "max 200 ms", "y": 0.2, "near": True}
    assert data["capacity"] == [130, 135]
    assert data["results"] == ["holds"] * 5 + ["breaks"] * 6
    assert knee_data(curves[2], steps, capacity)["log"] is False
    assert data["about"] == "31 ms at 50/s, 2.4 s at 200/s"


def test_page_shows_the_result_what_gave_way_and_each_step() -> None:
    text = capacity_page(*CASES["below-min"][:2], exit_code=3)
    assert "<title>FAIL: sample-app, scenario smoke: capacity</title>" in text
    assert "Capacity: between 130/s and 135/s" in text
    assert "api-latency-p95 251 ms (max 200 ms) at 135/s" in text
    assert "the budgets break at 135/s, and the min is 150/s" in text
    assert text.count("<tr data-rate=") == len(FOUND)


@pytest.mark.parametrize("least", [None, 100.0])
def test_each_report_has_the_error_that_ended_the_search(least: float | None) -> None:
    ended = replace(searched(*FOUND[:2], end="error"), reason="port 8000 is taken\nby process 71")
    capacity = judge_capacity([ended], RANGE, least)
    for text in (
        capacity_report(capacity, SETTING, width=100, color=False, exit_code=4),
        capacity_markdown(capacity, SETTING),
        capacity_junit(capacity, SETTING, exit_code=4),
        capacity_page(capacity, SETTING, exit_code=4),
    ):
        assert "port 8000 is taken" in text
    assert "by process 71" in capacity_junit(capacity, SETTING, exit_code=4)
