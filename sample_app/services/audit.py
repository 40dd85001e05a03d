"""The audit log: who did what, when and from where.

Entries are rows, written in the transaction of the change, so that no change is without its entry
and admins can read them. After the commit each one is also a line of the logger `sample_app.audit`,
which leaves the machine: whoever can write to the database can delete rows, but not these lines.
The name of a failed log-in is not stored, since people type passwords into that field.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from sample_app.core.clock import utc_now
from sample_app.core.database.database import Database
from sample_app.core.logs.correlation import request_id
from sample_app.core.security.origin import origin
from sample_app.models.audit_entry import AuditEntry
from sample_app.repositories.audit import AuditRepository
from sample_app.schemas.audit import AuditAction, AuditOut, AuditQuery
from sample_app.schemas.cursor import CursorPage, cursor_after, place_of

_log = logging.getLogger("sample_app.audit")


class AuditService:
    """Writes and reads entries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(
        self,
        session: AsyncSession,
        action: AuditAction,
        target: str = "",
        user_id: int | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        """Add an entry to the transaction of `session`.

        Args:
            session: An open transaction.
            action: What happens.
            target: What it is done to, such as `user:7`.
            user_id: Who does it; by default the caller of the request.
            details: More about it, without personal data and secrets.
        """
        now, client = utc_now(), origin.get()
        entry = AuditEntry(
            at=now,
            action=action,
            user_id=client.user_id if user_id is None else user_id,
            target=target,
            address=client.address[:64],
            request_id=request_id.get(),
            details=dict(details or {}),
        )
        await AuditRepository(session).add(entry)
        line = {
            "action": str(action),
            "by_user": entry.user_id,
            "target": target,
            "address": entry.address,
            "details": entry.details,
        }
        event.listen(
            session.sync_session,
            "after_commit",
            lambda _: _log.info("audit", extra=line),
            once=True,
        )

    async def record(self, action: AuditAction, target: str, details: Mapping[str, object]) -> None:
        """Store an entry in a transaction of its own."""
        async with self._database.writing() as session:
            await self.note(session, action, target, details=details)

    async def page(self, query: AuditQuery) -> CursorPage[AuditOut]:
        """Entries from the newest on.

        Raises:
            InvalidError: When the cursor is not one of this service.
        """
        before = place_of(query.cursor)[1] if query.cursor else None
        async with self._database.reading() as session:
            found = await AuditRepository(session).before(before, query.size + 1)
        items = [AuditOut.model_validate(entry) for entry in found[: query.size]]
        after = cursor_after(("", items[-1].id)) if len(found) > query.size else None
        return CursorPage(items=items, size=query.size, next=after)
