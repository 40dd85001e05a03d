"""The plan of a slow statement, for the log.

The plan comes from EXPLAIN without ANALYZE, which does not execute the statement, on a connection
outside of the pool. Only SELECT is explained. The plan is the generic one, for any values: it
contains no value of the statement, and it may differ from the plan that was slow.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sized
from typing import Any, Final

from cachetools import TTLCache
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

ONCE_IN: Final = 600.0  # seconds, for the same statement
MOST: Final = 100  # statements in that time
PATIENCE: Final = 5.0  # seconds
LAST_MOMENT: Final = 1.0  # seconds for a plan, when the service ends
_log = logging.getLogger("sample_app.database")


class SlowPlans:
    """Logs plans, one at a time, and each statement's at most every ten minutes."""

    def __init__(self, url: URL, connect_args: dict[str, Any]) -> None:
        self._engine = create_async_engine(url, poolclass=NullPool, connect_args=connect_args)
        self._explained: TTLCache[str, None] = TTLCache(MOST, ONCE_IN)
        self._running: asyncio.Task[None] | None = None

    def explain(self, statement: str, parameters: object) -> None:
        """Log the plan of a statement a moment later; returns at once.

        Args:
            statement: The text with placeholders.
            parameters: Their values, of which only the number is used.
        """
        busy = self._running is not None and not self._running.done()
        known = len(self._explained) >= MOST or statement in self._explained
        if busy or known or statement.lstrip()[:6].upper() != "SELECT":
            return
        self._explained[statement] = None
        number = len(parameters) if isinstance(parameters, Sized) else 0
        self._running = asyncio.get_running_loop().create_task(self._log_plan(statement, number))

    async def close(self) -> None:
        """Wait a moment for a plan that is being made, and stop.

        A plan that is cancelled while it connects to SQLite leaves a thread that fails once the
        event loop is closed.
        """
        if self._running is not None:
            _, late = await asyncio.wait([self._running], timeout=LAST_MOMENT)
            for task in late:
                task.cancel()
                await asyncio.wait([task])

    async def _log_plan(self, statement: str, parameters: int) -> None:
        try:
            async with asyncio.timeout(PATIENCE), self._engine.connect() as connection:
                plan = await _plan(connection, statement, parameters)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            extra = {"statement": statement, "error": type(error).__name__}
            _log.warning("slow query without a plan", extra=extra)
            return
        _log.warning("slow query plan", extra={"statement": statement, "plan": plan})


async def _plan(connection: AsyncConnection, statement: str, parameters: int) -> str:
    """The lines of the plan."""
    if connection.dialect.name == "sqlite":
        nothing = (None,) * parameters  # the plan does not depend on them
        found = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", nothing)
        return "\n".join(str(row[3]) for row in found)
    # EXPLAIN (GENERIC_PLAN) exists from PostgreSQL 16 on; this is the same for older ones.
    await connection.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
    await connection.exec_driver_sql(f"PREPARE slow AS {statement}")
    nulls = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
    found = await connection.exec_driver_sql(f"EXPLAIN EXECUTE slow{nulls}")
    return "\n".join(str(row[0]) for row in found)
