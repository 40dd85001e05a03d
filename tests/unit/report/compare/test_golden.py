"""Every report of every comparison, against the committed text in tests/golden/compare.

After a wanted change rewrite the goldens and read their diff:
`UPDATE_GOLDENS=1 uv run pytest tests/unit/report/compare/test_golden.py`.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.judge.compare.model import Comparison, Setting
from harness.report.compare.console import compare_report
from harness.report.compare.junit import compare_junit
from harness.report.compare.live import compare_line
from harness.report.compare.markdown import compare_comment, compare_markdown
from harness.report.compare.results import compare_json
from tests.unit.report.compare.cases import CASES

GOLDEN = Path(__file__).parents[3] / "golden" / "compare"


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
    "console-160.txt": console(160, color=False),
    "console-100.txt": console(100, color=False),
    "console-60.txt": console(60, color=False),
    "console-100.ansi": console(100, color=True),
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
NAMES = [f"{case}.{form}" for case in CASES for form in FORMATS]


@pytest.mark.parametrize("name", NAMES)
def test_report_of_a_comparison_is_the_golden(name: str) -> None:
    case, form = name.split(".", 1)
    text = FORMATS[form](*CASES[case])
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDENS"):
        path.write_bytes(text.encode())
    assert text.encode() == path.read_bytes()


def test_goldens_all_belong_to_a_case() -> None:
    assert sorted(path.name for path in GOLDEN.iterdir()) == sorted(NAMES)


def test_documented_example_is_the_beginning_of_a_golden() -> None:
    text = (GOLDEN.parents[2] / "docs" / "statistics.md").read_text()
    example = text.split("<!-- example -->\n```\n")[1].split("```\n<!-- /example -->")[0]
    assert (GOLDEN / "fail.console-100.txt").read_text().startswith(example)
