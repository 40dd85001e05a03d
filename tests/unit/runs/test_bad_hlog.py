"""The corpus of bad lines of latency.hlog: each is an error with its place, or is read."""

from pathlib import Path

import pytest

from harness.errors import RunFolderError
from harness.runs.latency import read_times
from tests.fuzz.corpora.hlog import FIRST, ROWS, Row

LONGEST_ERROR = 400  # characters besides the path, whatever the size of the line


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_bad_line_is_an_error_with_its_place_or_is_read_as_documented(
    tmp_path: Path, row: Row
) -> None:
    path = tmp_path / "latency.hlog"
    path.write_bytes(FIRST.encode() + row.line)
    if row.error:
        with pytest.raises(RunFolderError, match=row.error) as error:
            read_times(path, 1_800_000_000.0, 2)
        assert len(error.value.message) - len(str(path)) < LONGEST_ERROR
        assert error.value.hint
        return
    found = read_times(path, 1_800_000_000.0, 2)
    assert found.recorded == row.requests
    assert sum(times[0].count for key, times in found.intervals.items() if key.outcome) == (
        row.requests
    )


def test_corpus_has_at_least_sixty_rows() -> None:
    assert len(ROWS) >= 60
