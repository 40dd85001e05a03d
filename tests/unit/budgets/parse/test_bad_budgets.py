"""Each file in tests/bad_budgets says in a comment, on the wrong line, what is bad there."""

from datetime import date
from pathlib import Path

import pytest

from harness.budgets.parse.parse import parse_plan
from harness.errors import EXIT_USAGE, BudgetsError

FOLDER = Path(__file__).parents[3] / "bad_budgets"
ENVIRONMENT = {"BASE_URL": "http://127.0.0.1:8000", "UNITLESS": "200"}


def expected_problems(path: Path) -> list[str]:
    """`<file>:<line>: <text>` for each text after `# bad: `, several being parted by ` | `."""
    return [
        f"{path}:{number}: {text}"
        for number, line in enumerate(path.read_text().split("\n"), 1)
        if "# bad: " in line
        for text in line.partition("# bad: ")[2].split(" | ")
    ]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_bad_file_is_refused_with_every_problem_at_its_line(path: Path) -> None:
    expected = expected_problems(path)
    assert expected
    with pytest.raises(BudgetsError) as refused:
        parse_plan(path.read_text(), path, ENVIRONMENT, date(2026, 11, 20))
    assert refused.value.message.split("\n") == expected
    assert refused.value.exit_code == EXIT_USAGE


def test_folder_of_bad_files_is_not_empty() -> None:
    assert len(list(FOLDER.glob("*.yaml"))) > 25
