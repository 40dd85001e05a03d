import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from harness.judge.model import Judgement
from harness.names import LATENCY, OK
from harness.report.parts.terminal import wrap_name
from harness.report.run.console import console_report, endpoint_table
from harness.report.run.junit import junit_xml
from harness.report.run.markdown import summary_markdown
from harness.runs.model import Distribution, Evidence, LatencyKey, Requests, Status
from tests.unit.report.cases import (
    BREACHED,
    CASES,
    HITS,
    MANIFEST,
    P95,
    UNKNOWN,
    WARNED,
    evidence,
    judged,
)
from tests.unit.report.strategies import EVIDENCE, EXIT_CODES, JUDGEMENTS, TEXTS

COLOUR_CODE = re.compile(r"\x1b\[[0-9;]*m")


def report(judgement: Judgement, *, width: int = 100, color: bool = False) -> str:
    return console_report(judgement, evidence(), width=width, color=color, exit_code=3)


def header(text: str) -> list[str]:
    return next(line for line in text.splitlines() if line.startswith("outcome")).split()


@given(JUDGEMENTS, EVIDENCE, EXIT_CODES, st.integers(40, 160), TEXTS)
def test_plain_report_of_anything_has_no_control_codes_and_fits(
    judgement: Judgement, evidence: Evidence, exit_code: int, width: int, folder: str
) -> None:
    text = console_report(
        judgement, evidence, width=width, color=False, exit_code=exit_code, folder=folder
    )
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert max(cell_len(line) for line in text.split("\n")) <= width
    assert text.encode("utf-8")


@given(JUDGEMENTS, EVIDENCE, EXIT_CODES, st.integers(40, 160))
def test_coloured_report_of_anything_has_no_control_codes_but_colours_and_fits(
    judgement: Judgement, evidence: Evidence, exit_code: int, width: int
) -> None:
    text = console_report(judgement, evidence, width=width, color=True, exit_code=exit_code)
    bare = COLOUR_CODE.sub("", text)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", bare)
    assert max(cell_len(line) for line in bare.split("\n")) <= width


def test_rows_stand_in_order_of_trouble() -> None:
    mild = replace(UNKNOWN, name="mild", severity="warn")
    text = report(judged("fail", HITS, mild, WARNED, UNKNOWN, P95, BREACHED))
    rows = re.findall(r"^(FAIL|INCONCLUSIVE|WARN|PASS)  +(\S+)", text, re.MULTILINE)
    assert rows == [
        ("FAIL", "api-latency-p95"),
        ("INCONCLUSIVE", "cache-hit-ratio"),
        ("INCONCLUSIVE", "mild"),
        ("WARN", "process-memory-of-the-whole-"),
        ("PASS", "cache-hit-ratio"),
        ("PASS", "api-latency-p95"),
    ]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("color", [True, False])
def test_last_line_tells_outcome_and_exit_code(case: str, color: bool) -> None:
    judgement, evidence, code = CASES[case]
    text = console_report(judgement, evidence, width=200, color=color, exit_code=code)
    last = COLOUR_CODE.sub("", text).splitlines()[-1]
    assert last.startswith(f"{judgement.outcome.upper()}: ")
    assert last.endswith(f"(exit code {code})")


def test_columns_give_way_on_narrow_terminals() -> None:
    judgement = judged("fail", replace(BREACHED, name="a-name-of-thirty-five-characters-..."), HITS)
    shown = {width: header(report(judgement, width=width)) for width in (100, 72, 60, 50, 40)}
    assert shown == {
        100: ["outcome", "budget", "value", "interval", "bound", "margin", "samples"],
        72: ["outcome", "budget", "value", "bound", "margin", "samples"],
        60: ["outcome", "budget", "value", "bound", "margin"],
        50: ["outcome", "budget", "value", "bound"],
        40: ["outcome", "budget", "value"],
    }


def test_no_interval_column_without_intervals() -> None:
    assert "interval" not in header(report(judged("pass", HITS)))


def test_width_below_the_least_is_taken_as_the_least() -> None:
    judgement = judged("fail", BREACHED, HITS)
    assert report(judgement, width=1) == report(judgement, width=40)


def test_environment_does_not_change_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    judgement = judged("fail", BREACHED, HITS)
    before = report(judgement, color=True)
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb"), ("COLUMNS", "50")):
        monkeypatch.setenv(name, value)
    assert report(judgement, color=True) == before
    assert "\x1b[1;31mFAIL" in before


def test_markup_in_a_name_is_shown_literally() -> None:
    text = report(
        judged("fail", replace(BREACHED, name="[red]a[/red] :smile:", reason="[b]why[/b]"))
    )
    assert "FAIL [red]a[/red] :smile:\n    [b]why[/b]\n" in text


def test_reason_next_step_and_runbook_stand_below_a_breach_but_not_below_a_pass() -> None:
    text = report(judged("fail", replace(P95, reason="all is well"), BREACHED))
    assert (
        f"FAIL api-latency-p95\n    {BREACHED.reason}\n    next: {BREACHED.advice}\n"
        f"    runbook: {BREACHED.runbook}\n"
    ) in text
    assert "all is well" not in text


def test_reason_that_several_budgets_share_is_told_once_below_their_names() -> None:
    first = replace(
        UNKNOWN, name="first", reason="load-delivered: lower the rate", runbook="http://a"
    )
    text = report(judged("inconclusive", first, replace(first, name="second", runbook="http://b")))
    assert "INCONCLUSIVE first\nINCONCLUSIVE second\n    load-delivered: lower the rate\n\n" in text


def test_name_gets_what_is_left_when_no_column_can_give_way() -> None:
    wide = replace(UNKNOWN, name="a-name-of-thirty-characters-...", value=-123.4e6)
    rows = report(judged("inconclusive", wide), width=40).splitlines()
    assert rows[rows.index("") + 1 :][:6] == [
        "outcome       budget               value",
        "----------------------------------------",
        "INCONCLUSIVE  a-name-of-   -12340000000%",
        "              thirty-",
        "              characters-",
        "              ...",
    ]


def test_endpoint_table_shows_the_busiest_and_counts_the_others() -> None:
    latency = {
        LatencyKey(LATENCY, OK, "GET", f"/{n}"): Distribution((0.1,), (n,)) for n in range(1, 26)
    }
    lines = endpoint_table(latency, width=100, color=False).splitlines()
    assert [line.split()[1] for line in lines[2:22]] == [f"/{n}" for n in range(25, 5, -1)]
    assert lines[22].split()[:3] == ["all", "requests", "325"]
    assert lines[23:] == ["... and 5 more endpoints"]


def test_endpoint_table_of_two_hundred_unicode_names_reads_well_in_sixty_columns() -> None:
    latency = {
        LatencyKey(LATENCY, OK, "GET", f"/größe/世界/{n:03}"): Distribution((0.1,), (n,))
        for n in range(1, 201)
    }
    lines = endpoint_table(latency, width=60, color=False).splitlines()
    assert lines[0].split() == ["endpoint", "requests", "errors", "p95", "p99"]
    assert lines[2].split()[:4] == ["GET", "/größe/世界/200", "200", "0"]
    assert {cell_len(line) for line in lines[:23]} == {cell_len(lines[1])}
    assert cell_len(lines[1]) <= 60
    assert lines[23:] == ["... and 180 more endpoints"]


def test_endpoint_table_of_one_endpoint_has_no_row_for_all_of_them() -> None:
    latency = {LatencyKey(LATENCY, OK, "GET", "/"): Distribution((0.1,), (3,))}
    _, _, *rows = endpoint_table(latency, width=60, color=False).splitlines()
    assert [row.split()[:4] for row in rows] == [["GET", "/", "3", "0"]]


def test_endpoint_table_without_requests_is_empty() -> None:
    assert endpoint_table({}, width=100, color=False) == ""


@pytest.mark.parametrize(
    ("name", "width", "lines"),
    [
        pytest.param("api-latency-p95", 20, ["api-latency-p95"], id="a name that fits stays whole"),
        pytest.param("api-latency-p95", 14, ["api-latency-", "p95"], id="breaks after a hyphen"),
        pytest.param("GET /a/{id}/b", 9, ["GET /a/", "{id}/b"], id="breaks after a slash"),
        pytest.param("GET /contacts", 9, ["GET /", "contacts"], id="no space is left at an edge"),
        pytest.param("abcdefgh", 3, ["abc", "def", "gh"], id="a long word is cut"),
        pytest.param("世界世界", 5, ["世界", "世界"], id="wide characters count twice"),
        pytest.param("", 5, [""], id="an empty name is one empty line"),
    ],
)
def test_wrap_name(name: str, width: int, lines: list[str]) -> None:
    assert wrap_name(name, width) == lines


@pytest.mark.parametrize(
    ("status", "first", "known"),
    [
        ("running", "sample-app, scenario smoke", False),  # the harness was killed
        ("failed", "sample-app, scenario smoke: 0 requests", True),
    ],
)
def test_requests_that_nobody_counted_are_not_zero(
    status: Status, first: str, *, known: bool
) -> None:
    clock = MANIFEST.clock.model_copy(update={"window_end": None})
    changes = {"status": status, "clock": clock, "requests": Requests()}
    died = MANIFEST.model_copy(update=changes)
    judgement, run = judged("inconclusive", UNKNOWN), evidence(died, requests=False)
    text = console_report(judgement, run, width=100, color=False, exit_code=4)
    assert text.splitlines()[0] == first
    assert ("recorded 0" in junit_xml(judgement, died)) == known
    assert ("recorded 0" in summary_markdown(judgement, run)) == known
