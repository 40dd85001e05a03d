"""The corpus of bad run folders: each gets a clear error, or the outcome that its evidence has."""

import re
from pathlib import Path

import pytest

from harness.cli import main
from tests.fuzz.corpora.folders import ROWS, Row
from tests.law.stored import healthy, place

LONGEST_ERROR = 1000  # characters, whatever the size of the file


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_bad_folder_is_a_clear_error_or_is_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], row: Row
) -> None:
    place(tmp_path, row.change(healthy()))
    with pytest.raises(SystemExit) as exit_:
        main(["check", str(tmp_path)])
    printed = capsys.readouterr()
    assert exit_.value.code == row.code, printed
    assert re.search(row.says, printed.out + printed.err)
    assert "Traceback" not in printed.err
    assert len(printed.err) < LONGEST_ERROR


def test_corpus_has_at_least_sixty_rows() -> None:
    assert len(ROWS) >= 60


@pytest.mark.parametrize(
    "command", ["check", "report", "diagnose", "history", "export --to bencher"]
)
def test_path_that_is_too_long_is_a_clear_error(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    path = "a" * 300  # a name has at most 255 bytes
    with pytest.raises(SystemExit) as exit_:
        main([*command.split(), path])
    assert exit_.value.code == 2
    first, *_ = capsys.readouterr().err.splitlines()
    assert re.fullmatch(f"error: cannot use {path}.*: File name too long", first)
