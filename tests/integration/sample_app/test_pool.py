"""Pool metrics are exact: peaks, waits, time-outs, and after things go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from sample_app.core.database.database import Database
from sample_app.core.errors import UnavailableError
from sample_app.settings import DatabaseSettings
from sample_app.telemetry.high_water import HighWater
from sample_app.telemetry.metrics import Metrics
from sample_app.telemetry.pool import MeasuredPool

POOL = "db_client_connection"


class Bench:
    """A database with at most three connections, and its metrics."""

    def __init__(self, folder: Path) -> None:
        self.registry = CollectorRegistry()
        settings = DatabaseSettings(
            url=f"sqlite+aiosqlite:///{folder}/pool.db",
            pool_size=2,
            max_overflow=1,
            pool_timeout=0.05,
        )
        self.database = Database(settings, Metrics(self.registry))

    def value(self, name: str, **labels: str) -> float | None:
        labels["db_client_connection_pool_name"] = "main"
        return self.registry.get_sample_value(f"{POOL}_{name}", labels)

    def count(self) -> tuple[float | None, float | None]:
        """Connections used and idle."""
        return (
            self.value("count", db_client_connection_state="used"),
            self.value("count", db_client_connection_state="idle"),
        )

    async def hold(self, stack: AsyncExitStack) -> None:
        """Borrow a connection until the stack ends."""
        session = await stack.enter_async_context(self.database.reading())
        await session.execute(text("SELECT 1"))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    await bench.database.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def test_pool_before_use_has_every_series(bench: Bench) -> None:
    assert bench.count() == (0, 0)
    assert bench.value("max") == 3
    for name in ("pending_requests", "timeouts_total", "used_seconds_total"):
        assert bench.value(name) == 0
    for name in ("wait_time", "use_time", "create_time"):
        assert bench.value(f"{name}_seconds_count") == 0
    for window in ("2s", "60s"):
        assert bench.value("high_water_mark", window=window) == 0


async def test_pool_three_held_are_used_and_stay_the_peak(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        for held in (1, 2, 3):
            await bench.hold(stack)
            assert bench.count() == (held, 0)
            assert bench.value("high_water_mark", window="2s") == held
    assert bench.count() == (0, 2)  # the overflow connection was closed
    assert bench.value("high_water_mark", window="60s") == 3
    assert bench.value("wait_time_seconds_count") == 3
    assert bench.value("use_time_seconds_count") == 3
    assert bench.value("create_time_seconds_count") == 3
    assert bench.value("timeouts_total") == 0


async def test_pool_integral_is_connections_times_seconds(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("sample_app.telemetry.pool.perf_counter", lambda: now)
    pool = bench.database.engine.pool
    assert isinstance(pool, MeasuredPool)
    assert pool.watch is not None
    pool.watch.in_use = HighWater(60, lambda: now)
    async with AsyncExitStack() as stack:
        await bench.hold(stack)
        now += 0.25
        await bench.hold(stack)
        now += 0.5
    now += 8.0  # nothing is in use any more
    assert bench.value("used_seconds_total") == 0.25 + 2 * 0.5
    assert bench.value("use_time_seconds_sum") == 0.25 + 2 * 0.5


async def test_pool_full_request_waits_and_is_pending_meanwhile(bench: Bench) -> None:
    bench.database.engine.pool._timeout = 30.0  # type: ignore[attr-defined]
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await bench.hold(stack)
        waiting = asyncio.create_task(bench.database.ping())
        await until(lambda: bench.value("pending_requests") == 1)
        await asyncio.sleep(0.1)
        assert not waiting.done()
    await waiting
    assert bench.value("pending_requests") == 0
    assert bench.value("wait_time_seconds_count") == 4
    assert (bench.value("wait_time_seconds_sum") or 0) >= 0.1
    assert bench.value("timeouts_total") == 0
    assert bench.value("high_water_mark", window="60s") == 3


async def test_pool_full_for_too_long_is_a_timeout_and_unavailable(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await bench.hold(stack)
        for _ in range(2):
            with pytest.raises(UnavailableError):
                await bench.database.ping()
        assert bench.value("timeouts_total") == 2
        assert bench.value("pending_requests") == 0
        assert bench.value("wait_time_seconds_count") == 3  # none was obtained
        assert bench.count() == (3, 0)


async def test_pool_after_an_invalidated_connection_still_counts_right(bench: Bench) -> None:
    async with bench.database.engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        await connection.invalidate()
    assert bench.count() == (0, 1)
    await bench.database.ping()
    assert bench.count() == (0, 1)
    assert bench.value("create_time_seconds_count") == 2
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await bench.hold(stack)
        assert bench.count() == (3, 0)
    assert bench.count() == (0, 2)


async def test_pool_after_dispose_is_still_measured(bench: Bench) -> None:
    await bench.database.ping()
    await bench.database.engine.dispose()
    assert bench.count() == (0, 0)
    await bench.database.ping()
    assert bench.count() == (0, 1)
    assert bench.value("use_time_seconds_count") == 2


async def test_pool_by_default_is_as_the_standards_ask(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    settings = DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/x.db")
    database = Database(settings, Metrics(registry))
    labels = {"db_client_connection_pool_name": "main"}
    assert registry.get_sample_value(f"{POOL}_max", labels) == 10 + 20
    assert (settings.pool_timeout, settings.pool_recycle) == (30.0, 3600.0)
    assert settings.pool_pre_ping
    async with database.reading() as session:
        journal = await session.scalar(text("PRAGMA journal_mode"))
        keys = await session.scalar(text("PRAGMA foreign_keys"))
    assert (journal, keys) == ("wal", 1)
    await database.close()
