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
from sample_app.core.logs.events import BusinessEvents
from sample_app.repositories.contacts import ContactRepository
from sample_app.schemas.audit import AuditAction
from sample_app.schemas.transfers import ContactRecord, FileFormat
from sample_app.services.audit import AuditService
from sample_app.services.events import Event
from sample_app.services.spreadsheets import safe_cell
from sample_app.settings import ExportsSettings

COLUMNS = list(ContactRecord.model_fields)
_tracer = trace.get_tracer(__name__)


class ExportService:
    """The use case; one instance serves all requests."""

    def __init__(
        self,
        database: Database,
        settings: ExportsSettings,
        audit: AuditService,
        events: BusinessEvents,
    ) -> None:
        self._database = database
        self._audit = audit
        self._settings = settings
        self._events = events

    async def contacts(self, form: FileFormat) -> AsyncIterator[str]:
        """The file in pieces; its first batch is read before this returns.

        So an unavailable database causes an error, not a partial file.
        """
        first = await self._batch(after=0)
        await self._audit.record(AuditAction.EXPORTED, "contacts", {"format": form})
        return self._pieces(first, form)

    async def _pieces(self, batch: Sequence[ContactRecord], form: FileFormat) -> AsyncIterator[str]:
        exported = 0
        if form is FileFormat.CSV:
            yield ",".join(COLUMNS) + "\r\n"
        while batch:
            yield _written(batch, form)
            exported += len(batch)
            batch = await self._batch(after=batch[-1].id)
        self._events.happened(Event.EXPORT_FINISHED, exported=exported)

    async def _batch(self, after: int) -> list[ContactRecord]:
        async with self._database.reading() as session:
            rows = await ContactRepository(session).records(after, self._settings.batch)
        return [ContactRecord.model_validate(row) for row in rows]


@_tracer.start_as_current_span("export.write")
def _written(batch: Sequence[ContactRecord], form: FileFormat) -> str:
    trace.get_current_span().set_attribute("rows", len(batch))
    if form is FileFormat.CSV:
        return csv_rows(batch)
    return "".join(f"{record.model_dump_json()}\n" for record in batch)


def csv_rows(records: Sequence[ContactRecord]) -> str:
    """The records as lines of a CSV file (RFC 4180), safe to open in a spreadsheet."""
    text = StringIO()
    writer = csv.writer(text)
    for record in records:
        values = record.model_dump(mode="json").values()
        writer.writerow(safe_cell(v) if isinstance(v, str) else v for v in values)
    return text.getvalue()
