"""Keeps `Standings` like the database, and deletes what has expired.

A change by this process counts at once, because the process reads again after it. A change by
another process counts after at most `SAMPLE_APP_AUTH_RECHECK` seconds. Two small indexed queries
each time are cheaper than a query for each request, and need no Redis.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final, NoReturn

from sample_app.core.clock import utc_now
from sample_app.core.database.database import Database
from sample_app.core.errors import UnavailableError
from sample_app.core.security.access import MARGIN, Access
from sample_app.core.security.roles import Role
from sample_app.repositories.audit import AuditRepository
from sample_app.repositories.refresh_tokens import RefreshTokenRepository
from sample_app.repositories.users import UserRepository
from sample_app.settings import Settings

PRUNE: Final = 3600.0  # seconds between two deletions
_log = logging.getLogger("sample_app.standings")


class StandingService:
    """Reads role changes and ended sessions again and again."""

    def __init__(self, database: Database, access: Access, settings: Settings) -> None:
        self._database = database
        self._standings = access.standings
        self._recheck = settings.auth.recheck
        self._life = timedelta(seconds=settings.auth.token_life + MARGIN)
        self._keep = timedelta(seconds=settings.audit.keep)
        self._read_at: datetime | None = None
        self._one = asyncio.Lock()  # an earlier read must not overwrite a later one

    async def reread(self) -> None:
        """Read the changes that matter for tokens that are still valid.

        Raises:
            UnavailableError: When the database does not answer.
        """
        async with self._one:
            now = utc_now()
            since = now - self._life
            new = since if self._read_at is None else self._read_at - timedelta(seconds=MARGIN)
            async with self._database.reading_current() as session:
                roles = await UserRepository(session).roles_changed_since(since)
                ended = await RefreshTokenRepository(session).ended_since(new)
            self._standings.update({user: Role(role) for user, role in roles.items()}, ended, now)
            self._read_at = now

    async def changed(self) -> None:
        """Read again after a change by this process, which must not fail because of the read."""
        try:
            await self.reread()
        except UnavailableError:
            _log.warning("roles and sessions were not read", exc_info=True)

    async def prune(self) -> None:
        """Delete refresh tokens of sessions that are over, and old entries of the audit log.

        The end of a session matters for as long as its access tokens are valid. Deletes are in
        batches with a transaction each, so that no lock lasts. Several replicas may do it at once.
        """
        now = utc_now()

        async def tokens() -> int:
            async with self._database.writing() as session:
                return await RefreshTokenRepository(session).delete_expired(now - self._life)

        async def entries() -> int:
            async with self._database.writing() as session:
                return await AuditRepository(session).delete_older(now - self._keep)

        for delete in (tokens, entries):
            await _repeat(delete)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep reading and deleting while inside; the first read is before."""
        await self.reread()
        # Two tasks: a change must not wait until a million old rows are deleted.
        tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._tidy())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _follow(self) -> NoReturn:
        while True:
            await asyncio.sleep(self._recheck)
            try:
                await self.reread()
            except Exception:  # noqa: BLE001 - the next round must take place
                _log.warning("roles and sessions were not read", exc_info=True)

    async def _tidy(self) -> NoReturn:
        await asyncio.sleep(self._recheck)  # not PRUNE: a process may never live for an hour
        while True:
            try:
                await self.prune()
            except Exception:  # noqa: BLE001 - the next round must take place
                _log.warning("old rows were not deleted", exc_info=True)
            await asyncio.sleep(PRUNE)


async def _repeat(delete: Callable[[], Awaitable[int]]) -> None:
    while await delete():
        pass
