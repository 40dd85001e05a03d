"""What is embedded in a page cannot get out of its element, and nothing is loaded."""

import json
import re
from base64 import b85encode
from dataclasses import replace
from math import nan

import jinja2
import pytest

from harness.budgets.model import Mean, Selector
from harness.diagnose.functions import HandlerTime
from harness.diagnose.model import CpuCost, Diagnosis, RouteCost
from harness.judge.judge import judge
from harness.judge.model import Judgement
from harness.report.html.axis import axis_of
from harness.report.html.document import _environment, _packed
from harness.report.html.run_page import prepare_page, run_page
from harness.runs.model import Evidence
from harness.runs.recording.profile import StackFrame
from harness.runs.recording.recording import Recording
from tests.unit.judge.evidence import budget, evidence, series
from tests.unit.judge.test_costs import costs_run
from tests.unit.report.cases import CASES
from tests.unit.report.html import page_cases

HOSTILE = "</script><script>alert(1)</script>"


def data_of(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    document = json.loads(found[1])
    assert isinstance(document, dict)
    return document


def test_page_of_a_run_whose_service_counts_nan_has_a_gap() -> None:
    """One `observe(nan)` makes the sum of a histogram NaN for ever."""
    found = evidence(
        series("work_seconds_sum", lambda t: nan if t > 3 else t),
        series("work_seconds_count", lambda t: 10 * t),
    )
    budgets = (budget(Mean(Selector("work_seconds")), 1.0, name="work"),)
    judgement = judge(budgets, found)
    assert judgement.verdicts[0].reason == (
        "no data: work_seconds_sum has a value that is NaN or infinite"
    )
    page = run_page(judgement, found, budgets, axis_of(found), {}, exit_code=4)
    panels = data_of(page)["panels"]
    assert isinstance(panels, list)
    (values,) = (line["y"] for panel in panels for line in panel["choices"][0]["lines"])
    assert set(values[-5:]) == {None}
    assert 100.0 in values  # ms


def test_data_of_a_page_survives_names_that_end_a_script() -> None:
    judgement, evidence, budgets, axis, intervals = page_cases.run(HOSTILE, "GET /b")
    page = run_page(judgement, evidence, budgets, axis, intervals, exit_code=3)
    assert HOSTILE not in page
    assert HOSTILE in json.dumps(data_of(page))
    assert page.count("<script") == page.count("</script>") == 4


def test_prepared_page_compiles_no_template(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = run_page(*page_cases.run("GET /a"), exit_code=3)
    _environment.cache_clear()
    prepare_page()
    monkeypatch.delattr(jinja2.Environment, "compile")
    assert run_page(*page_cases.run("GET /a"), exit_code=3) == expected


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
    assert "first at -1.8 s, last at 9.9 s of the window" in rows[0][1]
    assert '<p class="failed">POST /contacts: 500 Internal Server Error, 2 of 2' in page


def test_page_has_the_cost_of_one_request() -> None:
    run = costs_run()
    page = run_page(judge((), run), run, (), axis_of(run), {}, exit_code=0)
    assert "Cost of one request</h2>" in page
    rows = re.findall(
        r'<tr data-cost="(\w+)">.*?data-value="([\d.]+)"><b>(.*?)</b>', page, re.DOTALL
    )
    assert [(name, text) for name, _, text in rows] == [
        ("cpu_time_per_request", "5 ms"),
        ("request_bytes_per_request", "512 B"),
        ("response_bytes_per_request", "2 KiB"),
    ]
    assert [float(value) for _, value, _ in rows] == pytest.approx([0.005, 512.0, 2_048.0])


def test_page_has_the_cpu_time_by_handler_of_a_profile() -> None:
    run = costs_run()
    handlers = (
        HandlerTime(StackFrame(HOSTILE, "/srv/app/api.py"), 3, 0.75, f"GET /{HOSTILE}"),
        HandlerTime(None, 1, 0.25),
    )
    page = run_page(
        *(judge((), run), run, (), axis_of(run), {}),
        exit_code=0,
        diagnosis=Diagnosis((), 0, 0, 4, handlers=handlers),
        recording=Recording(),
    )
    rows = re.findall(r'<tr data-handler="(\d+)">.*?data-value="([\d.]+)"', page, re.DOTALL)
    assert rows == [("3", "0.75"), ("1", "0.25")]
    assert "in no handler" in page
    assert HOSTILE not in page


def test_page_has_the_cost_of_each_route() -> None:
    run = costs_run()
    routes = (RouteCost(f"GET /{HOSTILE}", 40, 0.012, 2.5, 0.004, 1.0),)
    diagnosis = Diagnosis((), 40, 200, 0, routes=routes)
    page = run_page(
        *(judge((), run), run, (), axis_of(run), {}),
        exit_code=0,
        diagnosis=diagnosis,
        recording=Recording(),
    )
    (row,) = re.findall(r'<tr data-route="40">.*?</tr>', page, re.DOTALL)
    assert re.findall(r"<td.*?>(.*?)</td>", row) == ["40", "12 ms", "2.5", "4 ms", "1"]
    assert HOSTILE not in page


def test_page_has_the_cpu_time_of_each_route_or_says_why_not() -> None:
    run, cpu = costs_run(), CpuCost(0.008, 0.007, 0.0095, 60)
    routes = (
        RouteCost("GET /heavy", 40, 0.012, 0.0, 0.0, 0.0, cpu),
        RouteCost("GET /light", 30, 0.012, 0.0, 0.0, 0.0),
    )
    known = Diagnosis((), 70, 70, 90, routes=routes, outside_cpu=replace(cpu, seconds=0.001))
    unknown = Diagnosis((), 70, 70, 90, routes=routes[1:], cpu_note=f"{HOSTILE} is late")

    def rows_and_page(diagnosis: Diagnosis) -> tuple[list[list[str]], str]:
        page = run_page(
            *(judge((), run), run, (), axis_of(run), {}),
            exit_code=0,
            diagnosis=diagnosis,
            recording=Recording(),
        )
        rows = re.findall(r"<tr data-route.*?</tr>", page, re.DOTALL)
        return [re.findall(r"<td.*?>(.*?)</td>", row)[5:] for row in rows], page

    rows, page = rows_and_page(known)
    assert rows == [["8 ms", "7 ms .. 9.5 ms"], ["-", ""]]
    assert re.search(r"Everything else took\s+1 ms of CPU time", page)
    rows, page = rows_and_page(unknown)
    assert rows == [[]]
    assert "The CPU time by route is not known: " in page
    assert HOSTILE not in page


def test_page_without_charts_carries_no_library() -> None:
    judgement, evidence, code = CASES["no-budgets"]
    assert isinstance(judgement, Judgement)
    assert isinstance(evidence, Evidence)
    assert len(run_page(judgement, evidence, (), axis_of(evidence), {}, exit_code=code)) < 50_000


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 1000])
def test_packed_bytes_are_those_of_base_85_with_their_length(length: int) -> None:
    data = bytes(number * 7 % 256 for number in range(length))
    size, _, text = str(_packed(data)).partition(":")
    assert (int(size), text) == (length, b85encode(data + bytes(-length % 4)).decode())
