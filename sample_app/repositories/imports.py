"""Every query on imports."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from sample_app.models.import_run import ImportRun


class ImportRepository:
    """Imports in one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def begin(self, time: datetime) -> int:
        """Create a running import; return its id."""
        run = ImportRun(status="running", imported=0, rejected=0, errors=[], started_at=time)
        self._session.add(run)
        await self._session.flush()
        return run.id

    async def get(self, identifier: int) -> ImportRun | None:
        """One import."""
        return await self._session.get(ImportRun, identifier)

    async def note(
        self, identifier: int, imported: int, rejected: int, errors: list[dict[str, object]]
    ) -> None:
        """Store the current numbers of stored and rejected rows."""
        await self._session.execute(
            update(ImportRun)
            .where(ImportRun.id == identifier)
            .values(imported=imported, rejected=rejected, errors=errors)
        )

    async def end(
        self, identifier: int, status: Literal["finished", "broken_off"], time: datetime
    ) -> None:
        """Mark the import as finished."""
        await self._session.execute(
            update(ImportRun)
            .where(ImportRun.id == identifier)
            .values(status=status, finished_at=time)
        )
