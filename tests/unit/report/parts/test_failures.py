"""What failed, in words that all reports share."""

from dataclasses import replace

import pytest

from harness.judge.model import Judgement, Verdict
from harness.report.html.axis import axis_of
from harness.report.parts.failures import (
    FURTHER,
    OF_BUDGET,
    FailureNotes,
    consequence_of,
    failure_notes,
    what_failed,
    when_failed,
)
from harness.report.parts.markdown import COMMENT_LIMIT
from harness.report.run.annotations import workflow_commands
from harness.report.run.markdown import comment_markdown
from harness.runs.model import Evidence
from harness.runs.records.failed import FailureKind
from tests.unit.report.cases import (
    BREACHED,
    BROKEN,
    FAILING,
    FAILURES,
    HOSTILE,
    IN_WARM_UP,
    MANIFEST,
    PASSING,
    UNEXPECTED,
    evidence,
    judged,
)

SLOW_CONTACTS = replace(BREACHED, name="slow", request="GET /contacts", failing="GET /contacts")
SEVERAL = tuple(
    replace(BROKEN, status=status, text=str(status), count=count)
    for status, count in ((500, 9), (501, 8), (502, 7), (503, 6), (504, 5))
)


def found(
    *verdicts: Verdict, kinds: tuple[FailureKind, ...] = FAILURES, once: bool = True
) -> FailureNotes:
    run = replace(evidence(), failures=kinds)
    return failure_notes(judged("fail", *verdicts), run, once=once)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (BROKEN, "500 Internal Server Error"),
        (UNEXPECTED, 'check failed: "expected id 17, got 99" and similar (answered 200)'),
        (replace(UNEXPECTED, status=0, varies=False), 'check failed: "expected id 17, got 99"'),
        (IN_WARM_UP, "connection refused: nothing listened at 127.0.0.1:8000"),
        (replace(BROKEN, kind="timeout", text="ReadTimeout: 1 s"), "timeout (ReadTimeout: 1 s)"),
        (replace(BROKEN, kind="exception", text="X: y", varies=True), "X: y and similar"),
        (
            replace(BROKEN, kind="other", text="failures of further kinds"),
            "failures of further kinds",
        ),
        (replace(BROKEN, text="a\n\x1b[31mb"), "a [31mb"),
    ],
)
def test_failure_is_named(kind: FailureKind, text: str) -> None:
    assert what_failed(kind) == text


def test_moments_are_from_the_start_of_the_window_as_in_the_charts() -> None:
    assert when_failed(BROKEN, MANIFEST) == "first at -1.8 s, last at 9.9 s of the window"
    assert when_failed(UNEXPECTED, MANIFEST) == "at 4.0 s of the window"
    just_before = replace(BROKEN, first=1782907204.98, last=1782907204.98)
    assert when_failed(just_before, MANIFEST) == "at 0.0 s of the window"
    axis = axis_of(evidence())
    assert axis is not None
    assert axis.zero == MANIFEST.clock.window_start


def test_moments_without_a_window_are_from_the_start_of_the_load() -> None:
    def when(**changes: None) -> str:
        clock = MANIFEST.clock.model_copy(update=changes)
        return when_failed(BROKEN, MANIFEST.model_copy(update={"clock": clock}))

    ended_in_warm_up = {"window_start": None, "window_end": None}
    assert when(**ended_in_warm_up) == "first at 3.2 s, last at 14.9 s of the load"
    assert when(**ended_in_warm_up, started=None) == ""


def test_line_has_count_moments_trace_and_answer() -> None:
    notes = found(FAILING)
    first, second = notes.of_budgets["error-ratio"]
    assert first == (
        "POST /contacts: 500 Internal Server Error, 2 of 2 (first at -1.8 s, last at 9.9 s of the"
        ' window), e.g. trace 0af7651916cd43dd8448eb211c80319c; answer: {"detail": "boom"}'
    )
    assert second == (
        'GET /contacts: check failed: "expected id 17, got 99" and similar (answered 200), 1 of 698'
        " (at 4.0 s of the window)"
    )
    (third,) = notes.others
    assert third == (
        "GET /contacts: connection refused: nothing listened at 127.0.0.1:8000,"
        " 4 outside of the window (at -2.0 s of the window)"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "V: IndexError: 0 (a.py:3) after POST /contacts answered 500",
            "V: IndexError: 0 (a.py:3)",
        ),
        ("V: IndexError: 0 (a.py:3) after POST /contacts answered 404", ""),
        ("V: IndexError: 0 (a.py:3) after GET /contacts answered 500", ""),
    ],
)
def test_exception_that_followed_is_named_as_the_consequence(text: str, shown: str) -> None:
    run = MANIFEST.model_copy(update={"consequences": (text,)})
    assert consequence_of(BROKEN, run) == (f"as a consequence: {shown}" if shown else "")


def test_failed_check_that_raised_is_named_as_the_consequence() -> None:
    text = "V: KeyError: 'id' (a.py:3) after GET /contacts failed: CatchResponseError: bad"
    run = MANIFEST.model_copy(update={"consequences": (text,)})
    assert consequence_of(UNEXPECTED, run) == "as a consequence: V: KeyError: 'id' (a.py:3)"


def test_failures_of_a_run_that_passes_are_shown_too() -> None:
    notes = found(*(replace(verdict, failing="") for verdict in PASSING))
    assert notes.of_budgets == {}
    assert len(notes.others) == 3
    assert notes.title == "Failed requests"


def test_latency_budget_shows_the_failures_of_its_request_only() -> None:
    (line,) = found(SLOW_CONTACTS).of_budgets["slow"]
    assert line.startswith("GET /contacts: check failed")


def test_failures_are_shown_once_below_the_error_ratio() -> None:
    notes = found(SLOW_CONTACTS, FAILING)
    assert set(notes.of_budgets) == {"error-ratio"}
    apart = found(SLOW_CONTACTS, FAILING, once=False)
    assert set(apart.of_budgets) == {"slow", "error-ratio"}


def test_most_frequent_kinds_are_shown_and_the_others_counted() -> None:
    notes = found(FAILING, kinds=SEVERAL)
    assert len(notes.of_budgets["error-ratio"]) == OF_BUDGET
    assert len(notes.others) == len(SEVERAL) - OF_BUDGET
    many = found(kinds=tuple(replace(BROKEN, text=str(n)) for n in range(99)))
    assert many.others[-1] == f"... and {99 - FURTHER} more kinds in results.json"


def test_run_without_failures_has_no_lines() -> None:
    assert found(FAILING, kinds=()) == FailureNotes({}, [])


def test_annotation_has_the_failures_as_data() -> None:
    hostile = replace(BROKEN, text=HOSTILE)
    (line,) = workflow_commands(
        [FAILING],
        "budgets.yaml",
        headline="",
        exit_code=3,
        notes=found(FAILING, kinds=(hostile,)).of_budgets,
    )
    assert line.count("\n") == 0
    assert line.startswith("::error file=budgets.yaml,line=31,title=FAIL error-ratio::")
    assert "%0APOST /contacts: ::error::pwned ::add-mask::x" in line
    assert "\x1b" not in line


def test_comment_is_within_its_limit_with_hostile_failures_below_each_budget() -> None:
    worst = tuple(
        replace(BROKEN, request="@" * 200 + str(n), text="@" * 500, count=1) for n in range(200)
    )
    verdicts = tuple(
        replace(
            BREACHED,
            name="@" * 200 + str(n),
            reason="@" * 900,
            advice=f"{n}" + "@" * 900,
            failing=worst[n].request,
        )
        for n in range(200)
    )
    judgement = Judgement("fail", (), verdicts)
    run = Evidence(MANIFEST, {}, (), failures=worst)
    text = comment_markdown(judgement, MANIFEST, failure_notes(judgement, run))
    assert len(text) <= COMMENT_LIMIT
    assert "@&#8203;" in text
