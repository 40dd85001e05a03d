"""Exact metrics of a SQLAlchemy connection pool, after OpenTelemetry's `db.client.connection.*`.

The stock instrumentation tallies events, drifts after an invalidated connection, and has
neither waits nor time-outs, because SQLAlchemy fires no event before a wait. So the pool itself
measures: its counts are read, not tallied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine, event
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import (
    AsyncAdaptedQueuePool,
    ConnectionPoolEntry,
    PoolProxiedConnection,
)

from sample_app.telemetry.high_water import HighWater

# fmt: off
BUCKETS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)
# fmt: on
WINDOWS: Final = (2, 60)  # seconds
_POOL: Final = "db_client_connection_pool_name"
_STATE: Final = "db_client_connection_state"


class PoolMetrics:
    """The pool metrics of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._state = _PoolState()
        histogram: Callable[[str, str], Histogram] = lambda name, text: Histogram(  # noqa: E731
            name, text, (_POOL,), buckets=BUCKETS, registry=registry
        )
        self.wait = histogram(
            "db_client_connection_wait_time_seconds",
            "Time to obtain an open connection, whether from the pool, new, or after a wait.",
        )
        self.use = histogram(
            "db_client_connection_use_time_seconds",
            "Time between borrowing a connection and returning it.",
        )
        self.create = histogram(
            "db_client_connection_create_time_seconds", "Time to open a new connection."
        )
        self.pending = Gauge(
            "db_client_connection_pending_requests",
            "Requests that wait for a connection now.",
            (_POOL,),
            registry=registry,
        )
        self.timeouts = Counter(
            "db_client_connection_timeouts_total",
            "Requests that gave up waiting for a connection.",
            (_POOL,),
            registry=registry,
        )

    def watch(self, engine: Engine, name: str) -> None:
        """Measure the pool of `engine`, which must be a `MeasuredPool`, from now on.

        Raises:
            TypeError: When the engine has another kind of pool.
        """
        pool = engine.pool
        if not isinstance(pool, MeasuredPool):
            message = f"create the engine with poolclass=MeasuredPool, not {type(pool).__name__}"
            raise TypeError(message)
        pool.watch = PoolWatch(self, name)
        if not self._state.pools:
            self._registry.register(self._state)
        self._state.pools[name] = (engine, pool.watch)

        @event.listens_for(engine, "do_connect")
        def _timed_connect(
            dialect: Dialect,
            record: ConnectionPoolEntry,
            arguments: list[object],
            parameters: dict[str, object],
        ) -> DBAPIConnection:
            started = perf_counter()
            connection = dialect.connect(*arguments, **parameters)
            self.create.labels(name).observe(perf_counter() - started)
            return connection


class PoolWatch:
    """The metrics of one pool."""

    def __init__(self, metrics: PoolMetrics, name: str) -> None:
        self.wait = metrics.wait.labels(name)
        self.use = metrics.use.labels(name)
        self.pending = metrics.pending.labels(name)
        self.timeouts = metrics.timeouts.labels(name)
        metrics.create.labels(name)
        self.in_use = HighWater(max(WINDOWS))
        self.borrowed: dict[ConnectionPoolEntry, float] = {}


class MeasuredPool(AsyncAdaptedQueuePool):
    """SQLAlchemy's async queue pool, which also reports its events to its `watch`.

    An engine calls `connect`; all acquisitions and releases of SQLAlchemy's pools, including
    invalidations, go through `_do_get` and `_do_return_conn`.
    """

    watch: PoolWatch | None = None

    def connect(self) -> PoolProxiedConnection:
        """Borrow a connection, counting the wait for it."""
        if self.watch is None:
            return super().connect()
        started = perf_counter()
        with self.watch.pending.track_inprogress():
            try:
                connection = super().connect()
            except PoolTimeoutError:
                self.watch.timeouts.inc()
                raise
        self.watch.wait.observe(perf_counter() - started)
        return connection

    def _do_get(self) -> ConnectionPoolEntry:
        entry = super()._do_get()
        if self.watch is not None:
            self.watch.borrowed[entry] = perf_counter()
            self.watch.in_use.set(self.checkedout())
        return entry

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        super()._do_return_conn(record)
        if self.watch is not None:
            self.watch.in_use.set(self.checkedout())
            since = self.watch.borrowed.pop(record, None)
            if since is not None:
                self.watch.use.observe(perf_counter() - since)

    def recreate(self) -> MeasuredPool:
        """A new pool like this one, still watched: `engine.dispose()` asks for it."""
        pool = super().recreate()
        assert isinstance(pool, MeasuredPool)
        pool.watch = self.watch
        return pool

    def limit(self) -> int | None:
        """Connections that may be open at once; None when there is no limit."""
        return None if self._max_overflow < 0 else self.size() + self._max_overflow


class _PoolState(Collector):
    """Reads the counts of all pools at each scrape; each family once, whatever the number."""

    def __init__(self) -> None:
        self.pools: dict[str, tuple[Engine, PoolWatch]] = {}

    def collect(self) -> Iterator[Metric]:
        """The gauges, and the integral."""
        count = GaugeMetricFamily(
            "db_client_connection_count", "Open connections, by state.", labels=(_POOL, _STATE)
        )
        limits = GaugeMetricFamily(
            "db_client_connection_max", "Connections that may be open at once.", labels=(_POOL,)
        )
        peak = GaugeMetricFamily(
            "db_client_connection_high_water_mark",
            "The most connections in use at once during the last `window`.",
            labels=(_POOL, "window"),
        )
        used = CounterMetricFamily(
            "db_client_connection_used_seconds",
            "Connections in use times seconds; its rate is the exact mean in use.",
            labels=(_POOL,),
        )
        for name, (engine, watch) in self.pools.items():
            pool = engine.pool
            assert isinstance(pool, MeasuredPool)
            count.add_metric((name, "used"), pool.checkedout())
            count.add_metric((name, "idle"), pool.checkedin())
            if (limit := pool.limit()) is not None:
                limits.add_metric((name,), limit)
            for window in WINDOWS:
                peak.add_metric((name, f"{window}s"), watch.in_use.peak(window))
            used.add_metric((name,), watch.in_use.integral())
        yield count
        if limits.samples:
            yield limits
        yield peak
        yield used
