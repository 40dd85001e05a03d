"""Every report of every comparison, against the committed text in tests/golden/compare."""

from collections.abc import Callable

import pytest

from harness.judge.compare.model import Comparison, Setting
from harness.report.compare.console import compare_report
from harness.report.compare.junit import compare_junit
from harness.report.compare.live import compare_line
from harness.report.compare.markdown import compare_comment, compare_markdown
from harness.report.compare.results import compare_json
from tests.unit.report.compare.cases import CASES
from tests.unit.report.golden import GOLDEN, check_golden, check_names

FOLDER = GOLDEN / "compare"


def console(width: int, *, color: bool) -> Callable[[Comparison, Setting, int], str]:
    def write(comparison: Comparison, setting: Setting, exit_code: int) -> str:
        return compare_report(
            comparison,
            setting,
            width=width,
            color=color,
            exit_code=exit_code,
            folder="runs/2026-07-01T120000Z-compare",
        )

    return write


FORMATS: dict[str, Callable[[Comparison, Setting, int], str]] = {
    "console-100.txt": console(100, color=False),
    "summary.md": lambda comparison, setting, _: compare_markdown(comparison, setting),
    "comment.md": lambda comparison, setting, _: compare_comment(comparison, setting),
    "junit.xml": lambda comparison, setting, code: compare_junit(
        comparison, setting, exit_code=code
    ),
    "compare.json": lambda comparison, setting, code: compare_json(
        comparison, setting, exit_code=code
    ),
    "live.txt": lambda comparison, *_: f"{compare_line(comparison, 100)}\n",
}
# What a width or colours change is the same in each case, so one case shows it.
FORMS_OF_ONE_CASE = {
    "fail.console-160.txt": console(160, color=False),
    "awkward.console-60.txt": console(60, color=False),
    "awkward.console-100.ansi": console(100, color=True),
}
REPORTS = {f"{case}.{form}": (case, write) for case in CASES for form, write in FORMATS.items()} | {
    name: (name.partition(".")[0], write) for name, write in FORMS_OF_ONE_CASE.items()
}


@pytest.mark.parametrize("name", REPORTS)
def test_report_of_a_comparison_is_the_golden(name: str) -> None:
    case, write = REPORTS[name]
    check_golden(FOLDER / name, write(*CASES[case]))


def test_goldens_all_belong_to_a_case() -> None:
    check_names(FOLDER, REPORTS)


def test_documented_example_is_the_beginning_of_a_golden() -> None:
    text = (GOLDEN.parents[1] / "docs" / "statistics.md").read_text()
    example = text.split("<!-- example -->\n```\n")[1].split("```\n<!-- /example -->")[0]
    assert (FOLDER / "fail.console-100.txt").read_text().startswith(example)
