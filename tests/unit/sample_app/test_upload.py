"""Uploads are read the same in whatever pieces they arrive; cursors lead back to their place."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError

from sample_app.core.database.errors import told
from sample_app.core.errors import InvalidError, UnavailableError
from sample_app.schemas.cursor import cursor_after, place_of
from sample_app.schemas.transfers import ContactRecord, FileFormat
from sample_app.services.exports import COLUMNS, csv_rows
from sample_app.services.spreadsheets import safe_cell, text_of_cell
from sample_app.services.upload import UploadedRow, uploaded_rows

HEADER = ["first_name", "last_name", "email", "company_id", "notes"]
LONGEST = 500
notes = st.text(st.sampled_from('ab,"\n\r é\U0001f600'), max_size=30)


async def read(body: bytes, cuts: list[int], form: FileFormat) -> list[UploadedRow]:
    async def pieces() -> AsyncIterator[bytes]:
        start = 0
        for cut in sorted({min(cut, len(body)) for cut in cuts}):
            yield body[start:cut]
            start = cut
        yield body[start:]

    return [row async for row in uploaded_rows(pieces(), form, LONGEST)]


@given(st.lists(notes, max_size=8), st.lists(st.integers(0, 600), max_size=8))
async def test_csv_of_the_standard_writer_is_read_as_it_was_written(
    texts: list[str], cuts: list[int]
) -> None:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(HEADER)
    writer.writerows(["A", "B", f"m{n}@x.example", n + 1, text] for n, text in enumerate(texts))
    rows = await read(file.getvalue().encode(), cuts, FileFormat.CSV)
    assert [row.number for row in rows] == list(range(1, len(texts) + 1))
    assert [row.contact and row.contact.notes for row in rows] == [text or None for text in texts]


FORMULAS = ["=1+1", "+1-555-0100", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "'=1", "''=1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_cell_that_a_spreadsheet_would_run_begins_with_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    assert text_of_cell(safe_cell(text)) == text


@pytest.mark.parametrize("text", ["", "Ada", "'t Hooft", "'", "1=1", " =1", "2026-01-01T00:00:00Z"])
def test_cell_that_is_no_formula_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text
    assert text_of_cell(text) == text


@given(st.text(st.sampled_from("'=+-@\t\r\na＝"), max_size=6))
def test_cell_leads_back_to_its_text_and_is_never_a_formula(text: str) -> None:
    cell = safe_cell(text)
    assert text_of_cell(cell) == text
    assert cell[:1] not in set("=+-@\t\r\n＝")


names = st.text(st.sampled_from("'=+-@aé,\"＝"), min_size=1, max_size=6)
phones = st.none() | st.text(st.sampled_from("+-0123 ()."), min_size=1, max_size=12)


@given(
    st.lists(
        st.tuples(names, phones, st.text(st.sampled_from("'=+-@\t\r\n a,\""), max_size=12)),
        max_size=6,
    ),
    st.lists(st.integers(0, 600), max_size=6),
)
async def test_import_reads_an_export_as_it_was(
    people: list[tuple[str, str | None, str]], cuts: list[int]
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    records = [
        ContactRecord(
            id=n, first_name=name, last_name="B", email=f"m{n}@x.example", company_id=n + 1,
            phone=phone, notes=text, created_at=now, updated_at=now,
        )
        for n, (name, phone, text) in enumerate(people)
    ]  # fmt: skip
    file = f"{','.join(COLUMNS)}\r\n{csv_rows(records)}"
    for row in list(csv.reader(io.StringIO(file, newline="")))[1:]:
        assert not [cell for cell in row if cell[:1] in set("=+-@\t\r\n＝")]
    rows = await read(file.encode(), cuts, FileFormat.CSV)
    assert [row.problem for row in rows] == [""] * len(people)
    found = [(c.first_name, c.phone, c.notes) for row in rows if (c := row.contact)]
    assert found == [(name, phone, text or None) for name, phone, text in people]


@given(st.lists(notes, max_size=8), st.lists(st.integers(0, 600), max_size=8))
async def test_json_lines_are_read_as_they_were_written(texts: list[str], cuts: list[int]) -> None:
    row = {"first_name": "A", "last_name": "B", "company_id": 1}
    lines = [
        json.dumps({**row, "email": f"m{n}@x.example", "notes": text})
        for n, text in enumerate(texts)
    ]
    rows = await read("\n".join(lines).encode(), cuts, FileFormat.JSONL)
    assert [row.contact and row.contact.notes for row in rows] == texts


@given(st.binary(max_size=1200), st.lists(st.integers(0, 700), max_size=8))
async def test_any_bytes_are_rows_or_problems_the_same_in_any_pieces(
    body: bytes, cuts: list[int]
) -> None:
    whole = await read(body, [], FileFormat.JSONL)
    assert await read(body, cuts, FileFormat.JSONL) == whole
    header = f"{','.join(HEADER)}\n".encode()
    whole = await read(header + body, [], FileFormat.CSV)
    assert await read(header + body, cuts, FileFormat.CSV) == whole
    assert all(bool(row.problem) is (row.contact is None) for row in whole)


@given(
    st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=201),
    st.integers(0, 2**63 - 1),
)
def test_cursor_leads_back_to_its_place(key: str, identifier: int) -> None:
    assert place_of(cursor_after((key, identifier))) == (key, identifier)


class DriverError(Exception):
    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(OperationalError("", {}, Exception()), UnavailableError, id="operational"),
        pytest.param(InterfaceError("", {}, Exception()), UnavailableError, id="interface"),
        pytest.param(ConnectionRefusedError(), UnavailableError, id="nobody listens"),
        pytest.param(TimeoutError(), UnavailableError, id="no answer in time"),
        pytest.param(LookupError(), UnavailableError, id="what the driver raises to connect"),
        pytest.param(
            DBAPIError("", {}, Exception(), connection_invalidated=True),
            UnavailableError,
            id="a lost connection",
        ),
        *(
            pytest.param(DBAPIError("", {}, DriverError(state)), expected, id=meaning)
            for state, expected, meaning in (
                ("57P01", UnavailableError, "a server that shuts down"),
                ("53300", UnavailableError, "too many connections"),
                ("40P01", UnavailableError, "a deadlock"),
                ("22001", InvalidError, "a text that is too long"),
                ("22021", InvalidError, "a character that it does not know"),
                ("42P01", DBAPIError, "a mistake of ours"),
            )
        ),
        pytest.param(IntegrityError("", {}, DriverError("23505")), IntegrityError, id="a conflict"),
        pytest.param(ValueError(), ValueError, id="something else"),
    ],
)
def test_database_error_is_told_as(error: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected) as raised, told((LookupError,)):
        raise error
    assert type(raised.value) is expected
