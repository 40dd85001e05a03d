"""Every query on the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from sample_app.models.audit_entry import AuditEntry

BATCH: Final = 1000  # rows that one statement deletes


class AuditRepository:
    """The audit log in one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, entry: AuditEntry) -> None:
        """Store an entry."""
        self._session.add(entry)
        await self._session.flush()

    async def before(self, identifier: int | None, limit: int) -> Sequence[AuditEntry]:
        """Entries from the newest, or from the newest one before an entry."""
        query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
        if identifier is not None:
            query = query.where(AuditEntry.id < identifier)
        return (await self._session.scalars(query)).all()

    async def delete_older(self, than: datetime) -> int:
        """Delete a batch of old entries; return how many."""
        some = select(AuditEntry.id).where(AuditEntry.at < than).limit(BATCH)
        found = await self._session.scalars(
            delete(AuditEntry).where(AuditEntry.id.in_(some)).returning(AuditEntry.id)
        )
        return len(found.all())
