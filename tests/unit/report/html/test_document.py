"""What is embedded in a page cannot get out of its element, and nothing is loaded."""

import json
import re

import pytest

from harness.judge.model import Judgement
from harness.report.html.axis import axis_of
from harness.report.html.run_page import run_page
from harness.runs.model import Evidence
from tests.unit.report.cases import CASES
from tests.unit.report.html import page_cases

HOSTILE = "</script><script>alert(1)</script>"


def data_of(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    document = json.loads(found[1])
    assert isinstance(document, dict)
    return document


def test_data_of_a_page_survives_names_that_end_a_script() -> None:
    judgement, evidence, budgets, axis, intervals = page_cases.run(HOSTILE, "GET /b")
    page = run_page(judgement, evidence, budgets, axis, intervals, exit_code=3)
    assert HOSTILE not in page
    assert HOSTILE in json.dumps(data_of(page))
    assert page.count("<script") == page.count("</script>") == 3


@pytest.mark.parametrize("case", CASES)
def test_page_of_any_case_is_encodable_and_names_no_other_place(case: str) -> None:
    judgement, evidence, code = CASES[case]
    page = run_page(judgement, evidence, (), axis_of(evidence), {}, exit_code=code)
    page.encode()
    assert "<b>caf" not in page
    assert "<script>alert(1)" not in page
    assert "\x1b" not in page
    assert not re.search(r"<(link|script|img|iframe)[^>]*(src|href)=\"(?!data:)", page)


def test_page_has_the_failed_requests_with_their_answers() -> None:
    judgement, evidence, code = CASES["fail"]
    page = run_page(judgement, evidence, (), axis_of(evidence), {}, exit_code=code)
    rows = re.findall(r'<tr data-failed="(\d+)">(.*?)</tr>', page, re.DOTALL)
    assert [count for count, _ in rows] == ["2", "1", "0"]
    assert "<pre>{&#34;detail&#34;: &#34;boom&#34;}</pre>" in rows[0][1]
    assert "first at 3.2 s, last at 14.9 s" in rows[0][1]
    assert '<p class="failed">POST /contacts: 500 Internal Server Error, 2 of 2' in page


def test_page_without_charts_carries_no_library() -> None:
    judgement, evidence, code = CASES["no-budgets"]
    assert isinstance(judgement, Judgement)
    assert isinstance(evidence, Evidence)
    assert len(run_page(judgement, evidence, (), axis_of(evidence), {}, exit_code=code)) < 50_000
