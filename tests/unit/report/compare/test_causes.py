"""The causes of a regression in the reports as text."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

import harness.report.compare
from harness.report.compare.causes import regression_lines, regression_notes
from harness.report.compare.console import compare_report
from harness.report.compare.diagnosis import comparison_diagnosis_json
from harness.report.compare.junit import compare_junit
from harness.report.compare.markdown import compare_comment, compare_markdown
from harness.report.run.markdown import MOST_LINES
from tests.unit.report.compare.cases import BUDGETS, SETTING
from tests.unit.report.html.difference_cases import (
    ABOUT,
    EXPLAINED,
    FAILED,
    LONGEST,
    QUERY,
    UNKNOWN,
    diagnosis,
)


def test_lines_of_a_regression() -> None:
    assert list(regression_lines(EXPLAINED)) == [
        f"cause: 60% of {ABOUT}: SELECT name FROM companies WHERE id = ?",
        "changed in this branch: orders() in app/orders.py:12, on the stack in 30 samples",
        f"  20 times in a request, never before; 8 ms each (95%: 52% to 68%); {QUERY.advice}",
        "and: 30%: render() in app/pages.py:85, changed in this branch",
        "  60 samples, 20 before (95%: 25% to 35%); look at this line, and at what it calls",
        "other: 10%, in parts that are each too small",
    ]


def test_regression_has_at_most_eight_lines() -> None:
    lines = list(regression_lines(LONGEST))
    assert len(lines) == 8
    assert lines[1].count("app/orders.py") == 3  # where no report cuts


def test_unknown_cause_is_said_with_what_changed() -> None:
    assert list(regression_lines(UNKNOWN)) == [
        "cause: not known; there is no profile",
        "changed in this branch: orders() in app/orders.py:12, on the stack in 30 samples",
    ]


def test_every_report_tells_the_cause() -> None:
    notes = regression_notes(diagnosis(EXPLAINED))
    shown = compare_report(FAILED, SETTING, width=200, color=False, exit_code=3, notes=notes)
    failure = ET.fromstring(compare_junit(FAILED, SETTING, exit_code=3, notes=notes)).find(
        ".//failure"
    )
    assert failure is not None
    for text in (shown, failure.text or "", compare_markdown(FAILED, SETTING, notes)):
        assert "app/pages.py:85, changed in this branch" in text
        assert "20 times in a request" in text


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_terminal_has_every_cause_and_what_changed_whole(width: int) -> None:
    notes = regression_notes(diagnosis(LONGEST))
    text = compare_report(FAILED, SETTING, width=width, color=False, exit_code=3, notes=notes)
    lines = text[text.index("FAIL api-latency-p95") :].split("\n\n")[0].split("\n")
    assert max(map(len, lines)) <= width
    told = " ".join(" ".join(lines).split())
    for line in regression_lines(LONGEST):
        if not line.startswith(" "):
            assert line in told
    # At least two lines of details are left, which end with dots where they are cut.
    assert "20 times in a request, never before;" in told
    assert told.count(" ...") == ("60 samples, 20 before" not in told)


def test_comment_has_at_most_twenty_lines() -> None:
    notes = regression_notes(diagnosis(LONGEST), few=True)
    text = compare_comment(FAILED, SETTING, notes)
    assert len(FAILED.changes) == len(BUDGETS) > 1
    assert text.count("\n") <= MOST_LINES == 20
    assert "60% of the added time" in text
    assert "app/orders.py:12" in text
    assert "`api-latency-p95`" in text


def test_comment_without_causes_is_as_before() -> None:
    assert compare_comment(FAILED, SETTING, {}) == compare_comment(FAILED, SETTING)


def test_json_has_shares_places_and_changes() -> None:
    text = comparison_diagnosis_json(
        diagnosis(EXPLAINED, notes=("a note",)),
        "shop",
        "smoke",
        ("main (1a2b3c4d)", "working tree"),
    )
    found = json.loads(text)
    schema = json.loads(
        (Path(harness.report.compare.__path__[0]) / "diagnosis.schema.json").read_text()
    )
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(found)
    assert found["comparison"]["candidate"] == "working tree"
    assert found["recorded"]["candidate"] == {"requests": 41, "spans": 900, "samples": 140}
    assert found["notes"] == ["a note"]
    (one,) = found["regressions"]
    assert one["budget"] == "api-latency-p95"
    assert [(c["share"], c["place"], c["changed"]) for c in one["causes"]] == [
        (0.6, "", ""),
        (0.3, "app/pages.py:85", "changed in this branch"),
    ]
    assert one["changed"][0]["place"] == "app/orders.py:12"
