"""Reports of comparisons: what they say of a case, and what holds for any comparison."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from rich.cells import cell_len

import harness.report.compare
from harness.judge.compare.compare import compare
from harness.judge.compare.model import Comparison, Rules, Setting, ShareChange
from harness.report.compare.console import compare_report
from harness.report.compare.junit import compare_junit
from harness.report.compare.live import compare_line
from harness.report.compare.markdown import compare_markdown
from harness.report.compare.results import compare_json
from harness.report.compare.words import left_out
from harness.report.html.compare_page import change_data, compare_page
from harness.report.parts.words import clean, worst_first
from harness.units import Unit
from tests.unit.report.compare.cases import (
    BUDGETS,
    CASES,
    COMPARISONS,
    P95,
    SETTING,
    SETTINGS,
    noisy,
    pairs,
    values,
)
from tests.unit.report.run.test_junit import assert_valid, red
from tests.unit.report.run.test_markdown import OUR_HTML, first_table, html_tags
from tests.unit.report.strategies import EXIT_CODES, TEXTS

SCHEMA = json.loads((Path(harness.report.compare.__path__[0]) / "compare.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
COLOUR_CODE = re.compile(r"\x1b\[[0-9;]*m")
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")


@settings(max_examples=40)
@given(COMPARISONS, SETTINGS, EXIT_CODES, st.integers(40, 200), st.booleans(), TEXTS)
def test_console_report_of_anything_fits_and_steers_no_terminal(
    comparison: Comparison, setting: Setting, code: int, width: int, color: bool, folder: str
) -> None:
    text = compare_report(
        comparison, setting, width=width, color=color, exit_code=code, folder=folder
    )
    bare = COLOUR_CODE.sub("", text) if color else text
    assert not CONTROL.search(bare)
    assert max(cell_len(line) for line in bare.split("\n")) <= width
    assert text.encode("utf-8")


@settings(max_examples=40)
@given(COMPARISONS, SETTINGS)
def test_summary_of_anything_has_a_row_a_budget_and_no_foreign_markup(
    comparison: Comparison, setting: Setting
) -> None:
    markdown = compare_markdown(comparison, setting)
    assert html_tags(markdown) <= OUR_HTML
    assert not CONTROL.search(markdown)
    if comparison.changes and not comparison.never_began:
        rows = first_table(markdown)
        assert {len(row) for row in rows} == {len(rows[0])}
        names = [clean(change.name, 120) for change in worst_first(comparison.changes)]
        assert [row[1] for row in rows[1:]] == names


@settings(max_examples=40)
@given(COMPARISONS, SETTINGS, EXIT_CODES)
def test_json_of_anything_is_valid(comparison: Comparison, setting: Setting, code: int) -> None:
    document = json.loads(compare_json(comparison, setting, exit_code=code))
    VALIDATOR.validate(document)
    assert (document["outcome"], document["exit_code"]) == (comparison.outcome, code)
    for read, change in zip(document["budgets"], comparison.changes, strict=True):
        assert (read["pairs"], read["left_out"]) == (change.pairs, change.left_out)
        assert len(read["log_ratios"]) == len(change.ratios)


@settings(max_examples=40)
@given(COMPARISONS, SETTINGS, EXIT_CODES)
def test_junit_of_anything_is_valid_and_red_unless_all_is_well(
    comparison: Comparison, setting: Setting, code: int
) -> None:
    root = ET.fromstring(compare_junit(comparison, setting, exit_code=code).encode())
    assert_valid(root)
    assert int(root[0].get("tests", "")) == len(list(root.iter("testcase")))
    assert red(root) or code == 0


@settings(max_examples=40)
@given(COMPARISONS, st.integers(0, 200))
def test_live_line_of_anything_fits_on_one_line(comparison: Comparison, width: int) -> None:
    line = compare_line(comparison, width)
    assert len(line) <= width
    assert not re.search("[\x00-\x1f\x7f-\x9f]", line)


def test_reports_show_the_shares_of_a_histogram_with_their_bound() -> None:
    comparison, setting, _ = CASES["fail"]
    share = ShareChange(0.25, Unit.SECONDS, 0.019, 0.006, None)
    fields = {"unit": Unit.RATIO, "baseline": 0.031, "candidate": 0.05, "share_over": share}
    one = replace(comparison.changes[0], **fields)  # type: ignore[arg-type]
    shown = replace(comparison, changes=(one,))
    texts = (
        compare_report(shown, setting, width=160, color=False, exit_code=3),
        compare_markdown(shown, setting),
        compare_junit(shown, setting, exit_code=3),
        compare_page(shown, setting, exit_code=3),
    )
    for text in texts:
        assert "3.1% over 250 ms" in text
        assert "5% over 250 ms" in text
    (budget,) = json.loads(compare_json(shown, setting, exit_code=3))["budgets"]
    assert (budget["unit"], budget["baseline"], budget["candidate"]) == ("ratio", 0.031, 0.05)
    assert budget["share_over"] == {
        "bound": 0.25,
        "unit": "s",
        "difference": 0.019,
        "lower": 0.006,
        "upper": None,
    }


def test_reports_say_of_how_many_cores_and_what_fails() -> None:
    comparison, setting, _ = CASES["fail"]
    cpu = {"unit": Unit.RATIO, "baseline": 0.5, "candidate": 0.62, "whole": "2 cores"}
    one = replace(comparison.changes[0], **cpu)  # type: ignore[arg-type]
    shown = replace(comparison, changes=(one,))
    texts = (
        compare_report(shown, setting, width=160, color=False, exit_code=3),
        compare_markdown(shown, setting),
        compare_junit(shown, setting, exit_code=3),
        compare_page(shown, setting, exit_code=3),
    )
    for text in texts:
        assert "62% of 2 cores" in text
        assert "Fails: worse with 99% confidence, perhaps by the tolerated regression" in " ".join(
            text.split()
        )
    (budget,) = json.loads(compare_json(shown, setting, exit_code=3))["budgets"]
    assert budget["whole"] == "2 cores"


# --- JSON -----------------------------------------------------------------------------------------


def objects(schema: object) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for value in schema.values():
            yield from objects(value)


def test_schema_requires_every_key_and_allows_no_other() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert len(list(objects(SCHEMA))) == 7
    for schema in objects(SCHEMA):
        assert schema["required"] == list(schema["properties"])
        assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("outcome",), "passed", id="another word for an outcome"),
        pytest.param(("schema",), 2, id="another version"),
        pytest.param(("exit_code",), 1, id="an exit code that no comparison has"),
        pytest.param(("budgets", 0, "estimate"), "+1%", id="a change as text"),
        pytest.param(("budgets", 0, "log_ratios"), None, id="no ratios"),
        pytest.param(("rules", "extra"), 1, id="a key that is not in the contract"),
    ],
)
def test_schema_refuses(path: tuple[str | int, ...], value: object) -> None:
    document: Any = json.loads(compare_json(*CASES["pass"][:2], exit_code=0))
    VALIDATOR.validate(document)
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert not VALIDATOR.is_valid(document)


def test_json_tells_the_figures_of_the_judge() -> None:
    comparison, setting, code = CASES["left-out"]
    document = json.loads(compare_json(comparison, setting, exit_code=code))
    p95, change = document["budgets"][0], comparison.changes[0]
    assert p95["estimate"] == pytest.approx(change.estimate)
    assert p95["log_ratios"] == pytest.approx([log(1.02), None, log(1.02), None, None, log(0.99)])
    assert (p95["lower"], p95["upper"], p95["decided_after"]) == (None, None, 6)
    assert document["seconds"] == 6 * 21.5
    assert [(row["pair"], row["guard"]) for row in document["omissions"]] == [
        *((2, "host-steal"), (4, "host-steal"), (5, "load-delivered")),
    ]


# --- words ----------------------------------------------------------------------------------------


def report(comparison: Comparison, width: int = 200) -> str:
    return compare_report(comparison, SETTING, width=width, color=False, exit_code=3)


def header(text: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith("outcome"))
    return re.split(" {2,}", line)


def test_columns_give_way_on_narrow_terminals() -> None:
    shown = {width: header(report(CASES["fail"][0], width)) for width in (160, 100, 80, 60, 40)}
    always = ["outcome", "budget", "regression"]
    assert shown == {
        160: [
            *(*always, "interval", "tolerated", "min. detectable", "pairs", "load"),
            *("baseline", "candidate"),
        ],
        100: [*always, "interval", "tolerated", "min. detectable", "pairs"],
        80: [*always, "interval", "tolerated", "pairs"],
        60: [*always, "tolerated"],
        40: always,
    }


@pytest.mark.parametrize("case", CASES)
def test_last_line_tells_outcome_and_exit_code(case: str) -> None:
    comparison, setting, code = CASES[case]
    text = compare_report(comparison, setting, width=200, color=False, exit_code=code)
    last = text.splitlines()[-1]
    assert last.startswith(f"{comparison.outcome.upper()}: ")
    assert last.endswith(f"(exit code {code})")


def test_pairs_left_out_are_told_once_for_each_reason() -> None:
    assert left_out(CASES["left-out"][0]) == [
        (
            "2 of 6 pairs (2, 4), for api-latency-p95, throughput: host-steal tripped for the"
            " candidate: the host took 9% of the time; run it when it is idle"
        ),
        (
            "1 of 6 pairs (5), for api-latency-p95, throughput: load-delivered tripped for the"
            " candidate: 971 of 1000 iterations were sent"
        ),
    ]


def test_junit_of_an_interrupted_comparison_is_red_for_what_was_not_decided() -> None:
    comparison, setting, _ = CASES["interrupted"]
    root = ET.fromstring(compare_junit(comparison, setting, exit_code=130))
    assert [name for name, *_ in red(root)] == [b.name for b in BUDGETS if b.severity == "error"]
    empty = ET.fromstring(compare_junit(CASES["no-budgets"][0], setting, exit_code=4))
    assert red(empty) == [("comparison", "error", "inconclusive")]


@pytest.mark.parametrize(
    ("count", "figures", "reason"),
    [
        (0, "no data, 10% tolerated, 0 pairs, 0 s of load", "no decision yet after 0 pairs"),
        (
            1,
            "regression +30.0%, 10% tolerated, 183 ms -> 238 ms, 1 pair, 21.5 s of load",
            "no decision yet after 1 pair",
        ),
    ],
)
def test_junit_of_a_comparison_that_ended_in_its_first_pairs(
    count: int, figures: str, reason: str
) -> None:
    ended = compare([P95], pairs({P95.name: (0.183, [1.3, 1.3])})[:count], Rules())
    (case,) = ET.fromstring(compare_junit(ended, SETTING, exit_code=130)).iter("error")
    assert (case.text or "").splitlines()[:2] == [figures, f"{reason}; compare again"]


def test_chart_of_one_pair_in_words() -> None:
    (change,) = compare([P95], pairs({P95.name: (0.183, [1.3])}), Rules()).changes
    about = change_data(change, Rules(), 1)["about"]
    assert about == "regression +30.0%, 10% tolerated, 1 pair"


LINES = {
    "all that there is": (
        200,
        "pair 2 | throughput +11.1% of 2% | 0 of 4 decided | 43 s of load",
    ),
    "without the load": (50, "pair 2 | throughput +11.1% of 2% | 0 of 4 decided"),
    "without the count": (40, "pair 2 | throughput +11.1% of 2%"),
    "the pair alone": (10, "pair 2"),
}


@pytest.mark.parametrize(("width", "line"), LINES.values(), ids=LINES)
def test_live_line_shows_the_budget_that_is_closest_to_its_tolerance(width: int, line: str) -> None:
    comparison = compare(BUDGETS, pairs(values(noisy(1.01)[:2], speed=0.9)), Rules())
    assert compare_line(comparison, width) == line


def test_live_line_shows_what_is_undecided_before_what_is_decided() -> None:
    comparison = CASES["interrupted"][0]
    p95, *others = comparison.changes
    worse = [replace(change, decision="fail", estimate=9.0) for change in others]
    line = compare_line(replace(comparison, changes=(p95, *worse)), 100)
    assert line == "pair 3 | api-latency-p95 +1.5% of 10% | 3 of 4 decided | 1.07 min of load"


def test_live_line_of_one_budget_counts_no_budgets() -> None:
    comparison = compare([P95], pairs(values(noisy(1.02)[:4])), Rules())
    change = comparison.changes[0]
    low, high = (f"{100 * (end or 0):+.1f}%" for end in (change.lower, change.upper))
    estimate = f"{100 * (change.estimate or 0):+.1f}%"
    assert compare_line(comparison, 100) == (
        f"pair 4 | api-latency-p95 {estimate} ({low} .. {high}) of 10% | 1.43 min of load"
    )
