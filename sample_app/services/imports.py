"""Contacts from an upload: stored in batches while it arrives.

No connection is held while the service waits for bytes, so a slow client costs no more than an idle
one. Each batch and the import's counts are one transaction, so the counts are correct also after an
interruption. Sending a file again is safe: existing contacts are rejected.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final, Literal

from opentelemetry import trace

from sample_app.core.clock import utc_now
from sample_app.core.database.database import Database
from sample_app.core.errors import AppError, NotFoundError
from sample_app.core.logs.events import BusinessEvents
from sample_app.models.contact import search_key
from sample_app.repositories.companies import CompanyRepository
from sample_app.repositories.contacts import ContactRepository
from sample_app.repositories.imports import ImportRepository
from sample_app.schemas.audit import AuditAction
from sample_app.schemas.transfers import ContactUpload, FileFormat, ImportOut, RejectedRow
from sample_app.services.audit import AuditService
from sample_app.services.events import Event
from sample_app.services.upload import UploadedRow, uploaded_rows
from sample_app.settings import ImportsSettings

PATIENCE: Final = 5.0  # seconds for the end of cancelled imports, while the service stops
_tracer = trace.get_tracer(__name__)


class ImportService:
    """The use cases; one instance serves all requests."""

    def __init__(
        self,
        database: Database,
        settings: ImportsSettings,
        audit: AuditService,
        events: BusinessEvents,
    ) -> None:
        self._database = database
        self._audit = audit
        self._settings = settings
        self._events = events
        self._under_way: set[asyncio.Future[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """At the end wait until imports that the server has cancelled are stored as broken off."""
        try:
            yield
        finally:
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=PATIENCE)

    async def run(self, chunks: AsyncIterator[bytes], form: FileFormat) -> ImportOut:
        """Store all valid rows of an upload; count the others, the first of them with a reason.

        Raises:
            InvalidError: When the header of a CSV file lacks a column.
        """
        rows = uploaded_rows(chunks, form, self._settings.max_row)
        batches = _batches(rows, self._settings.batch)
        first: list[UploadedRow] = await anext(batches, [])
        async with self._database.writing() as session:
            identifier = await ImportRepository(session).begin(utc_now())
        tally = _Tally(self._settings.max_errors)
        with self._noted():
            try:
                await self._store(identifier, first, tally)
                async for batch in batches:
                    await self._store(identifier, batch, tally)
            except BaseException:  # also when the client went away, or the time was up
                with suppress(AppError):  # the database may be the reason
                    await self._end(identifier, "broken_off", tally)
                self._happened(Event.IMPORT_BROKEN_OFF, identifier, tally)
                raise
            await self._end(identifier, "finished", tally)
        self._happened(Event.IMPORT_FINISHED, identifier, tally)
        return await self.status(identifier)

    async def status(self, identifier: int) -> ImportOut:
        """The status of an import.

        Raises:
            NotFoundError: When there is none.
        """
        async with self._database.reading_current() as session:
            found = await ImportRepository(session).get(identifier)
        if found is None:
            raise NotFoundError("This import does not exist.", {"id": identifier})
        return ImportOut.model_validate(found)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Note that an import is under way while inside."""
        end = asyncio.get_running_loop().create_future()
        self._under_way.add(end)
        try:
            yield
        finally:
            self._under_way.discard(end)
            end.set_result(None)

    def _happened(self, event: Event, identifier: int, tally: _Tally) -> None:
        counts = {"imported": tally.imported, "rejected": tally.rejected}
        self._events.happened(event, import_id=identifier, **counts)

    async def _end(
        self, identifier: int, status: Literal["finished", "broken_off"], tally: _Tally
    ) -> None:
        async with self._database.writing() as session:
            await ImportRepository(session).end(identifier, status, utc_now())
            details = {"status": status, "imported": tally.imported, "rejected": tally.rejected}
            await self._audit.note(
                session,
                AuditAction.IMPORTED,
                f"import:{identifier}",
                details=details,
            )

    @_tracer.start_as_current_span("import.batch")
    async def _store(self, identifier: int, batch: Sequence[UploadedRow], tally: _Tally) -> None:
        """One transaction: contacts, and the counts of the import."""
        trace.get_current_span().set_attribute("rows", len(batch))
        wanted: dict[str, UploadedRow] = {}
        problems: dict[int, str] = {}
        async with self._database.writing() as session:
            asked = {row.contact.company_id for row in batch if row.contact}
            companies = await CompanyRepository(session).existing(asked)
            for row in batch:
                if row.contact is None:
                    problems[row.number] = row.problem
                elif row.contact.company_id not in companies:
                    problems[row.number] = "company_id: this company does not exist"
                elif row.contact.email in wanted:
                    problems[row.number] = "email: an earlier row has this address"
                else:
                    wanted[row.contact.email] = row
            rows = _columns(row.contact for row in wanted.values() if row.contact)
            stored = await ContactRepository(session).insert_new(rows)
            for email, row in wanted.items():
                if email not in stored:
                    problems[row.number] = "email: another contact has this address"
            tally.add(len(stored), problems)
            errors = [error.model_dump() for error in tally.errors]
            note = ImportRepository(session).note
            await note(identifier, tally.imported, tally.rejected, errors)


class _Tally:
    """The counts of one import; at most `most` errors are kept."""

    def __init__(self, most: int) -> None:
        self.imported = 0
        self.rejected = 0
        self.errors: list[RejectedRow] = []
        self._most = most

    def add(self, imported: int, problems: Mapping[int, str]) -> None:
        """One more batch, with the problems of its rows by their numbers."""
        self.imported += imported
        self.rejected += len(problems)
        told = sorted(problems.items())[: self._most - len(self.errors)]
        self.errors += [RejectedRow(row=row, problem=problem) for row, problem in told]


def _columns(contacts: Iterable[ContactUpload]) -> list[dict[str, object]]:
    now = utc_now()
    return [
        contact.model_dump()
        | {
            "search_key": search_key(contact.first_name, contact.last_name),
            "created_at": now,
            "updated_at": now,
        }
        for contact in contacts
    ]


async def _batches(rows: AsyncIterator[UploadedRow], size: int) -> AsyncIterator[list[UploadedRow]]:
    batch: list[UploadedRow] = []
    async for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
