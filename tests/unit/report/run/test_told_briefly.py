"""How many lines the reports have for breaches whose causes are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from harness.diagnose.model import Cause, Diagnosis, Explanation
from harness.judge.model import Judgement, Verdict, guard
from harness.report.parts.causes import with_causes
from harness.report.parts.failures import FailureNotes
from harness.report.run.console import console_report
from harness.report.run.markdown import comment_markdown
from harness.runs.model import Evidence
from harness.units import Unit
from tests.unit.report.cases import CASES, MANIFEST

STATEMENT = (
    "SELECT companies.name, companies.city FROM companies WHERE companies.id = ? AND deleted"
)
REPEAT = "harness run smoke --rate 20/s --duration 60s"
CAUSES = tuple(
    Cause(
        *("statement", f"{STATEMENT} = {number}", share, share - 0.05, share + 0.05),
        "20 times in such a request, 8.62 ms each",
        place="sample/very/long/path/to/a/module/contacts.py:85",
        advice="load the rows of all items with one statement",
    )
    for number, share in enumerate((0.4, 0.3, 0.25))
)
FAILURE = (
    "GET /items: 500 Internal Server Error, 12 of 120 (first at 0.4 s, last at 59.1 s), e.g. trace "
    'd86fae1df22de4cd9f70fd88f5fe7332; answer: {"detail":"not found in the configured source"}'
)


def breached(count: int, others: int = 0) -> tuple[Judgement, FailureNotes]:
    """Budgets that are breached, each with three causes and three kinds of failures."""
    (passed,) = [v for v in CASES["pass"][0].verdicts if v.outcome == "pass"][:1]

    def verdicts() -> Iterator[Verdict]:
        for number in range(count):
            name = f"budget-{number}"
            yield replace(
                passed,
                name=name,
                outcome="fail",
                margin=-0.4,
                reason=f"p95 latency of GET /items/{number} is 183 ms, 83% over the max of 100 ms;"
                " 12% of 1200 samples are over it",
                advice="compare with the service's own times to see which part is slow",
            )
        for number in range(others):
            yield replace(passed, name=f"other-{number}")

    found = tuple(verdicts())
    explanations = tuple(
        Explanation(v.name, f"the time of 25 slow requests (GET /items/{n}, 183 ms)", CAUSES, 0.05)
        for n, v in enumerate(found[:count])
    )
    notes = FailureNotes({v.name: [FAILURE] * 3 for v in found[:count]}, [FAILURE] * 6)
    tripped = tuple(
        guard(f"guard-{n}", "too slow", tripped=True, value=1.0, limit=0.5, unit=Unit.RATIO)
        for n in range(3)
    )
    return Judgement("fail", tripped, found), with_causes(notes, Diagnosis(explanations, 9, 9, 9))


@pytest.mark.parametrize("width", [80, 100, 160])
@pytest.mark.parametrize("count", [1, 5])
def test_terminal_has_at_most_eight_lines_for_a_breach(count: int, width: int) -> None:
    judgement, notes = breached(count)
    text = console_report(
        *(judgement, Evidence(MANIFEST, {}, ())),
        width=width,
        color=False,
        exit_code=3,
        notes=notes,
        repeat=REPEAT,
    )
    blocks = [block.split("\n") for block in text.split("\n\n") if block.startswith("FAIL budget")]
    assert len(blocks) == count
    for block in blocks:
        assert len(block) <= 8, "\n".join(block)
        whole = " ".join(block)
        assert "cause: 40% of the time of 25 slow requests" in whole
        assert "next: compare with the service's own times" in whole
        assert all(len(line) <= width for line in block)
    assert f"Repeat with: {REPEAT}\n" in text


@pytest.mark.parametrize(("count", "others"), [(1, 0), (1, 24), (5, 0), (5, 20), (12, 30), (0, 40)])
def test_comment_has_at_most_twenty_lines(count: int, others: int) -> None:
    judgement, notes = breached(count, others)
    text = comment_markdown(judgement, MANIFEST, notes, REPEAT if count else "")
    shown = [line for line in text.split("\n") if line and not line.startswith(("<!--", "| ---"))]
    assert len(shown) <= 20, text
    for number in range(min(count, 5 if count == 5 else 4)):
        assert f"**fail** `budget-{number}`" in text
    assert text.count("cause: 40% of the time") == {0: 0, 1: 1, 5: 5}.get(count, 4)
    left_out = "... and 3 more guards and further failed requests in results.json"
    assert (left_out in text) is (count > 1)
    assert (f"`{REPEAT}`" in text) is bool(count)


def test_comment_has_the_whole_command_that_repeats_the_run() -> None:
    judgement, notes = breached(1)
    command = f"harness run smoke --budgets {'load/' * 60}budgets.yaml --rate 20/s"
    text = comment_markdown(judgement, MANIFEST, notes, command)
    assert text.endswith(f"Repeat with `{command}`\n")


def test_comment_shows_all_that_fits() -> None:
    judgement, notes = breached(1)
    text = comment_markdown(replace(judgement, guards=()), MANIFEST, notes)
    assert "and: 25%" in text
    assert "... and" not in text
