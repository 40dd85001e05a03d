"""The lines of causes in the terminal, in comments and in annotations."""

from __future__ import annotations

from dataclasses import replace

from harness.diagnose.model import Cause, Diagnosis, Explanation
from harness.report.parts.causes import cause_lines, with_causes
from harness.report.parts.failures import failure_notes
from tests.unit.report.cases import BREACHED, BROKEN, evidence, judged

SORT = Cause(
    *("statement", "SELECT a FROM b ORDER BY c", 0.5, 0.4, 0.6, "once in such a request"),
    advice="look at its plan",
    sign="it takes 20 ms at least, 26 times the typical 700 µs",
)


def test_cause_with_its_sign() -> None:
    found = Explanation("p95", "the time of 9 requests", (SORT,), 0.5)
    assert "\n".join(cause_lines(found)) == (
        "cause: 50% of the time of 9 requests: SELECT a FROM b ORDER BY c\n"
        "  once in such a request (95%: 40% to 60%); it takes 20 ms at least, 26 times the "
        "typical 700 µs; look at its plan\n"
        "other: 50%, in parts that are each too small"
    )


def test_largest_parts_stand_where_there_is_no_cause() -> None:
    render = Cause("function", "render()", 0.3, 0.25, 0.35, "30 of 100 samples", "pages.py:85")
    found = Explanation("p95", note="no single cause found", parts=(SORT, render))
    assert list(cause_lines(found)) == [
        "cause: not known; no single cause found",
        "the largest parts: 50% SELECT a FROM b ORDER BY c; 30% render() in pages.py:85",
    ]


def test_failed_requests_below_no_budget_are_not_further_ones() -> None:
    slow = replace(BREACHED, request="GET /contacts", failing="GET /contacts")
    run = replace(evidence(), failures=(BROKEN,))  # of POST /contacts
    notes = failure_notes(judged("fail", slow), run)
    explained = with_causes(notes, Diagnosis((Explanation(slow.name, causes=(SORT,)),), 1, 1, 1))
    assert list(explained.of_budgets) == [slow.name]
    assert (len(explained.others), explained.title) == (1, "Failed requests")
