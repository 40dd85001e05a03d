"""The corpus of bad expositions: each gets a clear error or a documented reading."""

import pytest

from harness.observe.exposition import read_exposition
from harness.observe.fetch import Answer
from harness.runs.openmetrics import series_text
from tests.fuzz.corpora.expositions import ROWS, Row

LONGEST_ERROR = 400  # characters, whatever the size of the line


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_bad_exposition_is_a_clear_error_or_is_read_as_documented(row: Row) -> None:
    answer = Answer(200, row.body, row.end_known)
    if row.error:
        with pytest.raises(ValueError, match=row.error) as error:
            read_exposition(answer)
        assert len(str(error.value)) < LONGEST_ERROR
        return
    found = {series_text(one.name, one.labels): one.value for one in read_exposition(answer)}
    assert found == pytest.approx(dict(row.read), rel=0, abs=0, nan_ok=True)


def test_corpus_has_at_least_sixty_rows() -> None:
    assert len(ROWS) >= 60
