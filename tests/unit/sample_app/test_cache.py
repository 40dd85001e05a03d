"""The memory cache: what it keeps, what it counts, and how it behaves under a crowd."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from sample_app.core.cache import MemoryCache
from sample_app.telemetry.cache import CacheMetrics


class Bench:
    """A cache of two entries that live ten seconds, its clock and its registry."""

    def __init__(self, max_size: int = 2) -> None:
        self.now = 0.0
        self.registry = CollectorRegistry()
        self.cache: MemoryCache[int, str] = MemoryCache(
            "names", max_size, 10.0, CacheMetrics(self.registry), clock=lambda: self.now
        )

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, {"cache": "names", "level": "memory", **labels})

    def gets(self) -> tuple[float | None, float | None]:
        """Hits and misses."""
        return self.value("cache_gets_total", result="hit"), self.value(
            "cache_gets_total", result="miss"
        )


async def test_cache_before_use_has_every_series_at_zero() -> None:
    bench = Bench()
    assert bench.gets() == (0, 0)
    assert bench.value("cache_puts_total") == 0
    assert bench.value("cache_evictions_total") == 0
    assert bench.value("cache_size") == 0
    for operation in ("get", "put", "invalidate"):
        name = "cache_operation_duration_seconds_count"
        assert bench.value(name, operation=operation) == 0


async def test_cache_hits_and_misses_are_counted_exactly() -> None:
    bench = Bench()
    assert await bench.cache.get(1) is None
    await bench.cache.put(1, "one")
    assert [await bench.cache.get(1) for _ in range(3)] == ["one"] * 3
    await bench.cache.invalidate(1)
    assert await bench.cache.get(1) is None
    assert bench.gets() == (3, 2)
    assert bench.value("cache_puts_total") == 1
    assert bench.value("cache_evictions_total") == 0  # asked for, so not an eviction
    for operation, times in {"get": 5, "put": 1, "invalidate": 1}.items():
        name = "cache_operation_duration_seconds_count"
        assert bench.value(name, operation=operation) == times
    edge = "cache_operation_duration_seconds_bucket"
    assert bench.value(edge, operation="get", le="0.01") is not None  # the budget is an edge


async def test_cache_full_drops_the_least_recently_used() -> None:
    bench = Bench()
    await bench.cache.put(1, "one")
    await bench.cache.put(2, "two")
    await bench.cache.get(1)
    await bench.cache.put(3, "three")
    assert await bench.cache.get(2) is None
    assert await bench.cache.get(1) == "one"
    assert bench.value("cache_evictions_total") == 1
    assert bench.value("cache_size") == 2


async def test_cache_entry_older_than_its_time_is_a_miss_and_an_eviction() -> None:
    bench = Bench()
    await bench.cache.put(1, "one")
    bench.now = 9.99
    assert await bench.cache.get(1) == "one"
    bench.now = 10.0
    assert await bench.cache.get(1) is None
    assert bench.gets() == (1, 1)
    assert bench.value("cache_evictions_total") == 1
    assert bench.value("cache_size") == 0


async def test_get_or_load_by_a_crowd_loads_once() -> None:
    bench = Bench()
    loads = 0

    async def load() -> str:
        nonlocal loads
        loads += 1
        await asyncio.sleep(0.01)
        return "one"

    answers = await asyncio.gather(*(bench.cache.get_or_load(1, load) for _ in range(50)))
    assert answers == ["one"] * 50
    assert loads == 1
    assert bench.gets() == (0, 50)
    assert await bench.cache.get_or_load(1, load) == "one"
    assert (loads, bench.gets()) == (1, (1, 50))


async def test_get_or_load_invalidated_while_loading_does_not_keep_the_old_value() -> None:
    bench = Bench()
    may_end = asyncio.Event()

    async def load_old() -> str:
        await may_end.wait()
        return "old"

    async def load_new() -> str:
        return "new"

    loading = asyncio.create_task(bench.cache.get_or_load(1, load_old))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await bench.cache.invalidate(1)
    may_end.set()
    assert await loading == "old"  # asked before the change: may see the old value
    assert await bench.cache.get_or_load(1, load_new) == "new"


async def test_get_or_load_that_fails_tells_everybody_and_keeps_nothing() -> None:
    bench = Bench()

    async def fail() -> str:
        await asyncio.sleep(0)
        raise LookupError("gone")

    async def load() -> str:
        return "one"

    answers = await asyncio.gather(
        *(bench.cache.get_or_load(1, fail) for _ in range(3)), return_exceptions=True
    )
    assert [str(answer) for answer in answers] == ["gone"] * 3
    assert await bench.cache.get_or_load(1, load) == "one"


async def test_get_or_load_cancelled_caller_does_not_hurt_the_others() -> None:
    bench = Bench()
    may_end = asyncio.Event()

    async def load() -> str:
        await may_end.wait()
        return "one"

    first = asyncio.create_task(bench.cache.get_or_load(1, load))
    second = asyncio.create_task(bench.cache.get_or_load(1, load))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    may_end.set()
    assert await second == "one"
