"""Reads rows from an upload as it arrives: memory for one row, however long the upload."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from sample_app.core.errors import InvalidError
from sample_app.schemas.transfers import ContactUpload, FileFormat
from sample_app.services.spreadsheets import text_of_cell

_MARK: Final = b"\xef\xbb\xbf"  # spreadsheets begin UTF-8 files with it


@dataclass(frozen=True, slots=True)
class UploadedRow:
    """One row: the contact, or its errors."""

    number: int
    contact: ContactUpload | None
    problem: str = ""


async def uploaded_rows(
    chunks: AsyncIterator[bytes], form: FileFormat, longest: int
) -> AsyncIterator[UploadedRow]:
    """Every row of an upload, numbered from 1; blank lines do not count.

    Args:
        chunks: The upload in any pieces.
        form: Its format.
        longest: Bytes that a row may have.

    Raises:
        InvalidError: When the header of a CSV file lacks a column.
    """
    header: list[str] | None = None
    number = 0
    async for record in _records(chunks, longest, quotes=form is FileFormat.CSV):
        if record is not None and not record.strip():
            continue
        if form is FileFormat.CSV and header is None:
            header = _header(record)
            continue
        number += 1
        if record is None:
            yield UploadedRow(number, None, f"longer than {longest} bytes")
            continue
        try:
            contact = _from_csv(record, header) if header else _from_json(record)
            yield UploadedRow(number, contact)
        except ValidationError as error:
            yield UploadedRow(number, None, _told(error))
        except (ValueError, csv.Error) as error:
            yield UploadedRow(number, None, str(error))


async def _records(
    chunks: AsyncIterator[bytes], longest: int, *, quotes: bool
) -> AsyncIterator[bytes | None]:
    """Lines, or with `quotes` CSV records, which may hold line ends; None for a too long one."""
    record, too_long, quoted = bytearray(), False, False
    first = True
    async for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for part in [*ended, None]:
            piece = rest if part is None else part
            quoted ^= bool(quotes and piece.count(b'"') % 2)
            if not too_long:
                record += piece
                too_long = len(record) > longest
            if part is None:
                break
            if quoted and not too_long:
                record += b"\n"
                continue
            yield None if too_long else bytes(record.removeprefix(_MARK) if first else record)
            record.clear()
            too_long = quoted = first = False
    if record:
        yield None if too_long else bytes(record.removeprefix(_MARK) if first else record)


def _header(record: bytes | None) -> list[str]:
    try:
        names = next(csv.reader([(record or b"").decode()], strict=True))
    except (ValueError, csv.Error):
        names = []
    needed = {name for name, field in ContactUpload.model_fields.items() if field.is_required()}
    if missing := sorted(needed - set(names)):
        text = "The first line must name the columns; some are missing."
        raise InvalidError(text, {"missing": missing})
    return names


def _from_csv(record: bytes, header: list[str]) -> ContactUpload:
    try:
        cells = next(csv.reader([record.decode()], strict=True))
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    if len(cells) != len(header):
        message = f"{len(cells)} cells, but the header names {len(header)}"
        raise ValueError(message)
    # An empty cell is an absent value.
    named = zip(header, cells, strict=True)
    filled = {name: text_of_cell(cell) for name, cell in named if cell}
    return ContactUpload.model_validate(filled)


def _from_json(record: bytes) -> ContactUpload:
    return ContactUpload.model_validate_json(record)


def _told(error: ValidationError) -> str:
    """All problems in a line, without the values: they may be personal."""
    problems = error.errors(include_input=False, include_url=False)
    return "; ".join(
        ": ".join(filter(None, (".".join(map(str, one["loc"])), one["msg"]))) for one in problems
    )
