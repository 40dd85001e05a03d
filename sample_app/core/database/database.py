"""The engine, its explicit pool, and transactions; a second engine for reads as an option."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import ConnectionPoolEntry

from sample_app.core.database.errors import told
from sample_app.core.database.plans import SlowPlans
from sample_app.settings import DatabaseSettings
from sample_app.telemetry.metrics import Metrics
from sample_app.telemetry.pool import MeasuredPool
from sample_app.telemetry.tracing import instrument_engine

POOL_NAME: Final = "main"
READ_POOL_NAME: Final = "read"


@dataclass(frozen=True, slots=True)
class PoolState:
    """How many connections of a pool are in use, idle, and allowed."""

    used: int
    idle: int
    max: int


class Database:
    """Transactions on one database; an unreachable one is an `UnavailableError`.

    With `read_url`, `reading` uses a second engine on a read replica. Its pool has the same limits
    and its own metrics.
    """

    def __init__(self, settings: DatabaseSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._plans: list[SlowPlans] = []
        self.engine = self._engine(settings.url, POOL_NAME)
        self._connect_errors = _connect_errors(self.engine.dialect.name)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        # SQLite has one writer. The others would poll for its lock, in no order, and some of them
        # until their time-out; here they wait in order, and without a connection.
        self._turn: AbstractAsyncContextManager[None] = nullcontext()
        if self.engine.dialect.name == "sqlite":
            self._turn = asyncio.Lock()
        self._replica: AsyncEngine | None = None
        self._reading = self._sessions
        if settings.read_url:
            self._replica = self._engine(settings.read_url, READ_POOL_NAME)
            self._reading = async_sessionmaker(self._replica, expire_on_commit=False)

    @property
    def replicated(self) -> bool:
        """Whether there is a read replica."""
        return self._replica is not None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session for queries; its connection goes back to the pool at the end.

        With a replica the data may be a moment old. That suits lists, searches and exports. It does
        not suit what a client reads after its own write, what is put into a cache, and what decides
        about access: those use `reading_current`.
        """
        with told(self._connect_errors):
            async with self._reading() as session:
                yield session

    @asynccontextmanager
    async def reading_current(self) -> AsyncIterator[AsyncSession]:
        """Like `reading`, but sees every committed change, with a replica too."""
        with told(self._connect_errors):
            async with self._sessions() as session:
                yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """A session in one transaction: committed at the end, rolled back by an error."""
        with told(self._connect_errors):
            async with self._turn, self._sessions.begin() as session:
                yield session

    def pools(self) -> dict[str, PoolState]:
        """The connections of each pool now, by its name."""
        engines = {POOL_NAME: self.engine}
        if self._replica is not None:
            engines[READ_POOL_NAME] = self._replica
        return {name: _state_of(engine) for name, engine in engines.items()}

    async def ping(self) -> None:
        """Check that the database answers.

        Raises:
            UnavailableError: When it does not answer.
        """
        async with self.reading_current() as session:
            await session.execute(text("SELECT 1"))

    async def ping_replica(self) -> None:
        """Check that the read replica answers; without one, the database.

        Raises:
            UnavailableError: When it does not answer.
        """
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        for plans in self._plans:
            await plans.close()
        await self.engine.dispose()
        if self._replica is not None:
            await self._replica.dispose()

    def _engine(self, address: str, pool: str) -> AsyncEngine:
        """An engine whose pool and statements are measured."""
        settings, url = self._settings, make_url(address)
        sqlite = url.get_backend_name() == "sqlite"
        if sqlite and url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        connect_args: dict[str, Any] = {} if sqlite else _asyncpg_limits(settings)
        engine = create_async_engine(
            url,
            poolclass=MeasuredPool,
            pool_size=settings.pool_size,
            max_overflow=settings.max_overflow,
            pool_timeout=settings.pool_timeout,
            pool_recycle=settings.pool_recycle,
            # An open file answers always, and each ping would be three turns of its thread.
            pool_pre_ping=settings.pool_pre_ping and not sqlite,
            hide_parameters=True,  # errors end up in logs and traces
            connect_args=connect_args,
        )
        if sqlite:
            _tune_sqlite(engine.sync_engine, settings.busy_timeout)
        plans = SlowPlans(url, connect_args)
        self._plans.append(plans)
        self._metrics.pool.watch(engine.sync_engine, pool)
        self._metrics.queries.watch(engine.sync_engine, settings.slow_query, plans.explain)
        instrument_engine(engine.sync_engine)
        return engine


def _state_of(engine: AsyncEngine) -> PoolState:
    pool = engine.pool
    assert isinstance(pool, MeasuredPool)
    return PoolState(pool.checkedout(), pool.checkedin(), pool.limit() or 0)


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
