"""Time of every statement of a SQLAlchemy engine, as `db.client.operation.duration`.

Each statement also counts as work of the request that runs it. Async dialects fetch all rows inside
`execute`, so the time from before to after the cursor's execution includes the transfer of the
rows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Histogram
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext, ExecutionContext
from sqlalchemy.engine.interfaces import DBAPICursor

from sample_app.telemetry.work import current_work

# The convention's boundaries, with the 100 ms and the 1 s budgets among them.
BUCKETS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
EXPECTED: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")
_KNOWN: Final = frozenset((*EXPECTED, "PRAGMA", "CREATE", "DROP", "ALTER", "WITH", "MERGE"))
_STARTED: Final = "_telemetry_started"

_log = logging.getLogger("sample_app.database")


class QueryMetrics:
    """The statement metrics of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.duration = Histogram(
            "db_client_operation_duration_seconds",
            "Time of one statement, rows included, without the wait for a connection.",
            ("db_system_name", "db_operation_name", "error_type"),
            buckets=BUCKETS,
            registry=registry,
        )

    def watch(
        self, engine: Engine, slow: float, on_slow: Callable[[str, object], None] = lambda *_: None
    ) -> None:
        """Measure every statement of `engine` from now on; log those over `slow` seconds.

        Args:
            engine: The engine.
            slow: Seconds.
            on_slow: Called with each slow statement and its parameters, which it must not log.
        """
        system = engine.dialect.name
        for operation in EXPECTED:
            self.duration.labels(system, operation, "")

        def observe(statement: str, parameters: object, context: object, error_type: str) -> None:
            seconds = self._observe(system, statement, context, error_type)
            if seconds is not None and seconds > slow:  # the text holds placeholders, no values
                extra = {"statement": statement, "seconds": round(seconds, 6)}
                _log.warning("slow query", extra=extra)
                on_slow(statement, parameters)

        @event.listens_for(engine, "before_cursor_execute")
        def _before(  # noqa: PLR0917 - SQLAlchemy's signature
            connection: Connection,
            cursor: object,
            statement: str,
            parameters: object,
            context: ExecutionContext,
            executemany: bool,
        ) -> None:
            setattr(context, _STARTED, perf_counter())

        @event.listens_for(engine, "after_cursor_execute")
        def _after(  # noqa: PLR0917 - SQLAlchemy's signature
            connection: Connection,
            cursor: DBAPICursor,
            statement: str,
            parameters: object,
            context: ExecutionContext,
            executemany: bool,
        ) -> None:
            _count_columns(cursor)
            observe(statement, parameters, context, "")

        @event.listens_for(engine, "handle_error")
        def _failed(context: ExceptionContext) -> None:
            error = type(context.original_exception).__name__
            statement, parameters = context.statement or "", context.parameters
            observe(statement, parameters, context.execution_context, error)

    def _observe(
        self, system: str, statement: str, context: object, error_type: str
    ) -> float | None:
        """Count a statement that has ended; returns its seconds, None when it never began."""
        started = getattr(context, _STARTED, None)
        if started is None:
            return None
        seconds: float = perf_counter() - started
        if (work := current_work.get()) is not None:
            work.queries += 1
        self.duration.labels(system, operation_of(statement), error_type).observe(seconds)
        return seconds


def _count_columns(cursor: DBAPICursor) -> None:
    if (work := current_work.get()) is not None:
        work.columns += len(cursor.description or ())


def operation_of(statement: str) -> str:
    """The first word of a statement when it is a known one, else `_OTHER`."""
    word = statement.lstrip()[:8].split(None, 1)
    operation = word[0].upper() if word else ""
    return operation if operation in _KNOWN else "_OTHER"
