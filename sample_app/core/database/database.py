"""The engine, its explicit pool, and transactions."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from sample_app.core.database.errors import told
from sample_app.settings import DatabaseSettings
from sample_app.telemetry.metrics import Metrics
from sample_app.telemetry.pool import MeasuredPool
from sample_app.telemetry.tracing import instrument_engine

POOL_NAME = "main"


@dataclass(frozen=True, slots=True)
class PoolState:
    """How many connections of a pool are in use, idle, and allowed."""

    used: int
    idle: int
    max: int


class Database:
    """Transactions on one database; an unreachable one is an `UnavailableError`."""

    def __init__(self, settings: DatabaseSettings, metrics: Metrics) -> None:
        url = make_url(settings.url)
        sqlite = url.get_backend_name() == "sqlite"
        if sqlite and url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        self.engine = create_async_engine(
            url,
            poolclass=MeasuredPool,
            pool_size=settings.pool_size,
            max_overflow=settings.max_overflow,
            pool_timeout=settings.pool_timeout,
            pool_recycle=settings.pool_recycle,
            pool_pre_ping=settings.pool_pre_ping,
            hide_parameters=True,  # errors end up in logs and traces
            connect_args={} if sqlite else _asyncpg_limits(settings),
        )
        self._connect_errors = _connect_errors(url.get_backend_name())
        if sqlite:
            _tune_sqlite(self.engine.sync_engine, settings.busy_timeout)
        metrics.pool.watch(self.engine.sync_engine, POOL_NAME)
        metrics.queries.watch(self.engine.sync_engine, settings.slow_query)
        instrument_engine(self.engine.sync_engine)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session for queries; its connection goes back to the pool at the end."""
        with told(self._connect_errors):
            async with self._sessions() as session:
                yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """A session in one transaction: committed at the end, rolled back by an error."""
        with told(self._connect_errors):
            async with self._sessions.begin() as session:
                yield session

    def pools(self) -> dict[str, PoolState]:
        """The connections of each pool now, by its name."""
        pool = self.engine.pool
        assert isinstance(pool, MeasuredPool)
        return {POOL_NAME: PoolState(pool.checkedout(), pool.checkedin(), pool.limit() or 0)}

    async def ping(self) -> None:
        """Check that the database answers.

        Raises:
            UnavailableError: When it does not answer.
        """
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def _asyncpg_limits(settings: DatabaseSettings) -> dict[str, float]:
    """Time-outs for a silent server: asyncpg has none by default."""
    return {"timeout": settings.connect_timeout, "command_timeout": settings.statement_timeout}


def _connect_errors(backend: str) -> tuple[type[Exception], ...]:
    """What asyncpg raises while it connects, which SQLAlchemy passes on as it is."""
    if backend != "postgresql":
        return ()
    import asyncpg  # type: ignore[import-untyped]  # SQLite does without it

    return (asyncpg.PostgresError, asyncpg.InterfaceError)


def _tune_sqlite(engine: Engine, busy_timeout: float) -> None:
    """Allow readers and one writer at the same time, and enforce foreign keys.

    Python's sqlite3 opens a transaction only at the first write, so no reader's snapshot turns
    into a write, which SQLite would refuse at once whatever the busy timeout.
    """

    @event.listens_for(engine, "connect")
    def _pragmas(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={round(busy_timeout * 1000)}")
        _use_write_ahead_log(cursor, busy_timeout)
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()


def _use_write_ahead_log(cursor: DBAPICursor, timeout: float) -> None:
    """Switch the file to its write-ahead log; it stays in that mode.

    SQLite refuses the change at once, whatever the busy timeout, while another connection opens or
    changes the same new file. So services that start at the same time try again.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.01)
