"""Every report of every case, against the committed text in tests/golden/report."""

from collections.abc import Callable

import pytest

from harness.judge.model import Judgement
from harness.report.parts.failures import failure_notes
from harness.report.run.console import console_report
from harness.report.run.junit import junit_xml
from harness.report.run.markdown import comment_markdown, summary_markdown
from harness.report.run.results import results_json
from harness.runs.model import Evidence
from tests.unit.report.cases import CASES
from tests.unit.report.golden import GOLDEN, check_golden, check_names

FOLDER = GOLDEN / "report"


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
    "summary.md": lambda judgement, evidence, _: summary_markdown(judgement, evidence),
    "comment.md": lambda judgement, evidence, _: comment_markdown(
        judgement, evidence.manifest, failure_notes(judgement, evidence)
    ),
    "junit.xml": lambda judgement, evidence, _: junit_xml(
        judgement, evidence.manifest, failure_notes(judgement, evidence, once=False)
    ),
    "results.json": lambda judgement, evidence, code: results_json(
        judgement, evidence, exit_code=code
    ),
}
# What a width or colours change is the same in each case, so one case shows it.
FORMS_OF_ONE_CASE = {
    "awkward.console-60.txt": console(60, color=False),
    "fail.console-100.ansi": console(100, color=True),
}
REPORTS = {f"{case}.{form}": (case, write) for case in CASES for form, write in FORMATS.items()} | {
    name: (name.partition(".")[0], write) for name, write in FORMS_OF_ONE_CASE.items()
}


@pytest.mark.parametrize("name", REPORTS)
def test_report_of_a_case_is_the_golden(name: str) -> None:
    case, write = REPORTS[name]
    check_golden(FOLDER / name, write(*CASES[case]))


def test_goldens_all_belong_to_a_case() -> None:
    check_names(FOLDER, REPORTS)
