"""Every query on refresh tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from sample_app.models.refresh_token import RefreshToken

BATCH: Final = 1000  # rows that one statement deletes


class RefreshTokenRepository:
    """Refresh tokens in one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, token: RefreshToken) -> None:
        """Store a new token."""
        self._session.add(token)
        await self._session.flush()

    async def get(self, digest: str) -> RefreshToken | None:
        """The token with this digest."""
        found = await self._session.scalars(
            select(RefreshToken).where(RefreshToken.digest == digest)
        )
        return found.one_or_none()

    async def rotate(self, digest: str, now: datetime) -> RefreshToken | None:
        """Mark a usable token as replaced, and return it; None if it cannot be used.

        One conditional UPDATE, so that of concurrent calls one succeeds: PostgreSQL makes the
        others wait for the row and then checks the condition again; SQLite has one writer.
        """
        query = (
            update(RefreshToken)
            .where(
                RefreshToken.digest == digest,
                RefreshToken.rotated_at.is_(None),
                RefreshToken.revoked_at.is_(None),
                RefreshToken.expires_at > now,
            )
            .values(rotated_at=now)
            .returning(RefreshToken)
        )
        return (await self._session.scalars(query)).one_or_none()

    async def end_family(self, family: str, now: datetime) -> None:
        """Revoke every token of one session."""
        await self._revoke(RefreshToken.family == family, now)

    async def end_all_of(self, user_id: int, now: datetime) -> None:
        """Revoke every token of a user."""
        await self._revoke(RefreshToken.user_id == user_id, now)

    async def ended_since(self, since: datetime) -> Sequence[str]:
        """The sessions that were ended after `since`."""
        query = select(RefreshToken.family).where(RefreshToken.revoked_at > since).distinct()
        return (await self._session.scalars(query)).all()

    async def delete_expired(self, before: datetime) -> int:
        """Delete a batch of tokens of sessions that ended before this time; return how many."""
        some = select(RefreshToken.id).where(RefreshToken.expires_at < before).limit(BATCH)
        query = delete(RefreshToken).where(RefreshToken.id.in_(some)).returning(RefreshToken.id)
        return len((await self._session.scalars(query)).all())

    async def _revoke(self, which: ColumnElement[bool], now: datetime) -> None:
        """Repeat until there is nothing left to revoke.

        A rotation in another transaction adds a token that the statement does not see. The
        statement waits for the token which that rotation replaces, and the next one sees both.
        """
        query = (
            update(RefreshToken)
            .where(which, RefreshToken.revoked_at.is_(None))
            .values(revoked_at=now)
            .returning(RefreshToken.id)
        )
        while (await self._session.scalars(query)).all():
            pass
