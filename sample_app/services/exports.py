"""All contacts as a file that is generated while the client reads it.

Each batch is a separate query that continues after the previous one. A database cursor would need
one query, but hold a connection, and on PostgreSQL a transaction, until the slowest client has read
the file; thirty such clients would exhaust the pool.
"""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Sequence
from io import StringIO

from opentelemetry import trace

from sample_app.core.database.database import Database
from sample_app.repositories.contacts import ContactRepository
from sample_app.schemas.audit import AuditAction
from sample_app.schemas.transfers import ContactRecord, FileFormat
from sample_app.services.audit import AuditService
from sample_app.settings import ExportsSettings

COLUMNS = list(ContactRecord.model_fields)
_tracer = trace.get_tracer(__name__)


class ExportService:
    """The use case; one instance serves all requests."""

    def __init__(self, database: Database, settings: ExportsSettings, audit: AuditService) -> None:
        self._database = database
        self._audit = audit
        self._settings = settings

    async def contacts(self, form: FileFormat) -> AsyncIterator[str]:
        """The file in pieces; its first batch is read before this returns.

        So an unavailable database causes an error, not a partial file.
        """
        first = await self._batch(after=0)
        await self._audit.record(AuditAction.EXPORTED, "contacts", {"format": form})
        return self._pieces(first, form)

    async def _pieces(self, batch: Sequence[ContactRecord], form: FileFormat) -> AsyncIterator[str]:
        if form is FileFormat.CSV:
            yield _csv([COLUMNS])
        while batch:
            yield _written(batch, form)
            batch = await self._batch(after=batch[-1].id)

    async def _batch(self, after: int) -> list[ContactRecord]:
        async with self._database.reading() as session:
            rows = await ContactRepository(session).records(after, self._settings.batch)
        return [ContactRecord.model_validate(row) for row in rows]


@_tracer.start_as_current_span("export.write")
def _written(batch: Sequence[ContactRecord], form: FileFormat) -> str:
    trace.get_current_span().set_attribute("rows", len(batch))
    if form is FileFormat.CSV:
        dumped = (record.model_dump(mode="json") for record in batch)
        return _csv([list(row.values()) for row in dumped])
    return "".join(f"{record.model_dump_json()}\n" for record in batch)


def _csv(rows: Sequence[Sequence[object]]) -> str:
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
