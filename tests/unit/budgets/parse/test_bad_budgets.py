"""Each file in tests/bad_budgets says in a comment, on the wrong line, what is bad there.

A comment `# bad: text` is about its own line, `# bad@7: text` about line 7, for files in which the
wrong line can have no comment. ` | ` parts several texts about one line.
"""

import re
from datetime import date
from pathlib import Path

import pytest

from harness.budgets.parse.parse import MOST_BYTES, decoded, parse_plan
from harness.errors import EXIT_USAGE, BudgetsError

FOLDER = Path(__file__).parents[3] / "bad_budgets"
ENVIRONMENT = {"BASE_URL": "http://127.0.0.1:8000", "UNITLESS": "200", "BYTES": "a\udcff"}
TODAY = date(2026, 11, 20)
FILES = sorted(FOLDER.rglob("*.yaml"))


def expected_problems(path: Path) -> list[str]:
    """`<file>:<line>: <text>` for each text, in the order of the lines."""
    found = []
    for number, line in enumerate(path.read_text(errors="replace").split("\n"), 1):
        if match := re.search(r"# bad(?:@(\d+))?: (.*)", line):
            at = int(match[1] or number)
            found += [(at, f"{path}:{at}: {text}") for text in match[2].split(" | ")]
    return [text for _, text in sorted(found, key=lambda one: one[0])]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_bad_file_is_refused_with_every_problem_at_its_line(path: Path) -> None:
    expected = expected_problems(path)
    assert expected
    with pytest.raises(BudgetsError) as refused:
        parse_plan(decoded(path.read_bytes(), path), path, ENVIRONMENT, TODAY)
    assert refused.value.message.split("\n") == expected
    assert refused.value.exit_code == EXIT_USAGE


def test_corpus_of_bad_files_is_large() -> None:
    assert len(FILES) >= 250


@pytest.mark.parametrize(
    ("data", "line", "text"),
    [
        ("version: 1\n".encode("utf-16"), 1, "the byte 0xff is not UTF-8; save the file as UTF-8"),
        (b"version: 1\n" * MOST_BYTES, 1, "has more than 250,000 bytes; no budgets file needs"),
    ],
    ids=["UTF-16", "a huge file"],
)
def test_file_that_no_comment_fits_into_is_refused(data: bytes, line: int, text: str) -> None:
    with pytest.raises(BudgetsError) as refused:
        decoded(data, Path("budgets.yaml"))
    assert refused.value.message.startswith(f"budgets.yaml:{line}: {text}")
