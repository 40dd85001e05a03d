"""All contacts as a file, written while it is read.

Each batch is a query of its own that goes on where the last one ended. A cursor of the database
would do it in one, but hold a connection, and on PostgreSQL a transaction, for as long as the
slowest client takes to read; so thirty of them would fill the pool.
"""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Sequence
from io import StringIO

from sample_app.core.database import Database
from sample_app.core.settings import ExportsSettings
from sample_app.repositories.contacts import ContactRepository
from sample_app.schemas.transfers import ContactRecord, FileFormat

COLUMNS = list(ContactRecord.model_fields)


class ExportService:
    """The use case; one instance serves all requests."""

    def __init__(self, database: Database, settings: ExportsSettings) -> None:
        self._database = database
        self._settings = settings

    async def contacts(self, form: FileFormat) -> AsyncIterator[str]:
        """The file in pieces; its first batch is read before this returns.

        So a database that does not answer is told as an error, not as half a file.
        """
        first = await self._batch(after=0)
        return self._pieces(first, form)

    async def _pieces(self, batch: Sequence[ContactRecord], form: FileFormat) -> AsyncIterator[str]:
        if form is FileFormat.CSV:
            yield _csv([COLUMNS])
        while batch:
            if form is FileFormat.CSV:
                dumped = (record.model_dump(mode="json") for record in batch)
                yield _csv([list(row.values()) for row in dumped])
            else:
                yield "".join(f"{record.model_dump_json()}\n" for record in batch)
            batch = await self._batch(after=batch[-1].id)

    async def _batch(self, after: int) -> list[ContactRecord]:
        async with self._database.reading() as session:
            rows = await ContactRepository(session).records(after, self._settings.batch)
        return [ContactRecord.model_validate(row) for row in rows]


def _csv(rows: Sequence[Sequence[object]]) -> str:
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
