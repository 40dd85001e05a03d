"""Every report of every case, against the committed text in tests/golden/report.

After a wanted change rewrite the goldens and read their diff:
`make goldens && git diff tests/golden`.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.judge.model import Judgement
from harness.report.run.console import console_report
from harness.report.run.junit import junit_xml
from harness.report.run.markdown import comment_markdown, summary_markdown
from harness.report.run.results import results_json
from harness.runs.model import Evidence
from tests.unit.report.cases import CASES

GOLDEN = Path(__file__).parents[3] / "golden" / "report"


def console(width: int, *, color: bool) -> Callable[[Judgement, Evidence, int], str]:
    def write(judgement: Judgement, evidence: Evidence, exit_code: int) -> str:
        return console_report(
            judgement,
            evidence,
            width=width,
            color=color,
            exit_code=exit_code,
            folder="runs/2026-07-01T120000Z-smoke",
        )

    return write


FORMATS: dict[str, Callable[[Judgement, Evidence, int], str]] = {
    "console-100.txt": console(100, color=False),
    "console-60.txt": console(60, color=False),
    "console-100.ansi": console(100, color=True),
    "summary.md": lambda judgement, evidence, _: summary_markdown(judgement, evidence),
    "comment.md": lambda judgement, evidence, _: comment_markdown(judgement, evidence.manifest),
    "junit.xml": lambda judgement, evidence, _: junit_xml(judgement, evidence.manifest),
    "results.json": lambda judgement, evidence, code: results_json(
        judgement, evidence, exit_code=code
    ),
}
NAMES = [f"{case}.{form}" for case in CASES for form in FORMATS]


@pytest.mark.parametrize("name", NAMES)
def test_report_of_a_case_is_the_golden(name: str) -> None:
    case, form = name.split(".", 1)
    text = FORMATS[form](*CASES[case])
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDENS"):
        path.write_bytes(text.encode())
    assert text.encode() == path.read_bytes()


def test_goldens_all_belong_to_a_case() -> None:
    assert sorted(path.name for path in GOLDEN.iterdir()) == sorted(NAMES)
