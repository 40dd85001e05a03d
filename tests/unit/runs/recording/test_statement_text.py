import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.runs.recording.statement_text import statement_text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("SELECT a\n  FROM b", "SELECT a FROM b"),
        ("SELECT a FROM b WHERE c = 17 AND d > 1.5e-3", "SELECT a FROM b WHERE c = ? AND d > ?"),
        ("SELECT a FROM b WHERE c = 'it''s' LIMIT 20", "SELECT a FROM b WHERE c = ? LIMIT ?"),
        ("SELECT a FROM b WHERE c = '-- /*' AND d = 1", "SELECT a FROM b WHERE c = ? AND d = ?"),
        ("/* don't */ SELECT a -- it's\nFROM b", "SELECT a FROM b"),
        ("SELECT /*+ INDEX(b) */ a FROM b", "SELECT /*+ INDEX(b) */ a FROM b"),
        ("SELECT a1, t2.c3 FROM b4", "SELECT a1, t2.c3 FROM b4"),
        ("SELECT a WHERE b = $1 AND c = :2 AND d = ?3 AND e = @p4", None),
        ('SELECT "1", `2` FROM "2024"', None),
        ("SELECT a WHERE b = %(id_1)s", None),
        ("SELECT a WHERE b IN (?, ?, ?)", "SELECT a WHERE b IN (...)"),
        ("SELECT a WHERE b in ($1,$2)", "SELECT a WHERE b IN (...)"),
        ("SELECT a WHERE b IN (7, 'x') AND c", "SELECT a WHERE b IN (...) AND c"),
        ("SELECT a WHERE b IN (%(b_1)s, %(b_2)s)", "SELECT a WHERE b IN (...)"),
        ("SELECT a WHERE b IN (SELECT c FROM d)", None),
        ("INSERT INTO a (b, c) VALUES (?, ?)", None),
        (
            "INSERT INTO a VALUES (1), (2), (3) RETURNING d",
            "INSERT INTO a VALUES (?), ... RETURNING d",
        ),
        ("SELECT  1", "SELECT 1"),
        ("GET user:17", None),
        ("SELECT 'not closed", None),
        ("", None),
    ],
)
def test_text_without_values(written: str, text: str | None) -> None:
    assert statement_text(written) == (written if text is None else text)


@given(st.text(alphabet="aA1 '\"/*-\\(),?$:.\n", max_size=200))
def test_any_text_is_on_one_line(written: str) -> None:
    found = statement_text(written)
    assert "\n" not in found
    assert found == found.strip()
