"""The memory cache: what it keeps, what it counts, and how it behaves under a crowd."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from sample_app.core.cache.cache import Cache
from sample_app.core.cache.cached import cached
from sample_app.core.cache.memory import MemoryLevel
from sample_app.telemetry.cache import CacheMetrics


class Bench:
    """A cache of two entries that live ten seconds, its clock and its registry."""

    def __init__(self, max_size: int = 2) -> None:
        self.now = 0.0
        self.registry = CollectorRegistry()
        self.memory: MemoryLevel[str] = MemoryLevel(
            "names", max_size, 10.0, CacheMetrics(self.registry), clock=lambda: self.now
        )
        self.cache = Cache([self.memory])

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
    assert await bench.memory.get("1") is None
    await bench.memory.put("1", "one")
    assert [await bench.memory.get("1") for _ in range(3)] == ["one"] * 3
    await bench.cache.invalidate("1")
    assert await bench.memory.get("1") is None
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
    await bench.memory.put("1", "one")
    await bench.memory.put("2", "two")
    await bench.memory.get("1")
    await bench.memory.put("3", "three")
    assert await bench.memory.get("2") is None
    assert await bench.memory.get("1") == "one"
    assert bench.value("cache_evictions_total") == 1
    assert bench.value("cache_size") == 2


async def test_cache_entry_older_than_its_time_is_a_miss_and_an_eviction() -> None:
    bench = Bench()
    await bench.memory.put("1", "one")
    bench.now = 9.99
    assert await bench.memory.get("1") == "one"
    bench.now = 10.0
    assert await bench.memory.get("1") is None
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

    answers = await asyncio.gather(*(bench.cache.get_or_load("1", load) for _ in range(50)))
    assert answers == ["one"] * 50
    assert loads == 1
    assert bench.gets() == (0, 50)
    assert await bench.cache.get_or_load("1", load) == "one"
    assert (loads, bench.gets()) == (1, (1, 50))


async def test_get_or_load_invalidated_while_loading_does_not_keep_the_old_value() -> None:
    bench = Bench()
    may_end = asyncio.Event()

    async def load_old() -> str:
        await may_end.wait()
        return "old"

    async def load_new() -> str:
        return "new"

    loading = asyncio.create_task(bench.cache.get_or_load("1", load_old))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await bench.cache.invalidate("1")
    may_end.set()
    assert await loading == "old"  # asked before the change: may see the old value
    assert await bench.cache.get_or_load("1", load_new) == "new"


async def test_get_or_load_that_fails_tells_everybody_and_keeps_nothing() -> None:
    bench = Bench()

    async def fail() -> str:
        await asyncio.sleep(0)
        raise LookupError("gone")

    async def load() -> str:
        return "one"

    answers = await asyncio.gather(
        *(bench.cache.get_or_load("1", fail) for _ in range(3)), return_exceptions=True
    )
    assert [str(answer) for answer in answers] == ["gone"] * 3
    assert await bench.cache.get_or_load("1", load) == "one"


async def test_get_or_load_cancelled_caller_does_not_hurt_the_others() -> None:
    bench = Bench()
    may_end = asyncio.Event()

    async def load() -> str:
        await may_end.wait()
        return "one"

    first = asyncio.create_task(bench.cache.get_or_load("1", load))
    second = asyncio.create_task(bench.cache.get_or_load("1", load))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    may_end.set()
    assert await second == "one"


async def test_cached_function_runs_once_for_a_crowd_and_again_after_an_invalidation() -> None:
    bench = Bench()
    calls: list[tuple[int, str]] = []

    @cached(bench.cache, key=lambda company, language: f"{company}:{language}")
    async def name_of(company: int, language: str) -> str:
        calls.append((company, language))
        await asyncio.sleep(0.01)
        return f"company {company}"

    answers = await asyncio.gather(*(name_of(1, language="en") for _ in range(50)))
    assert answers == ["company 1"] * 50
    assert calls == [(1, "en")]
    await name_of(1, "de")
    await bench.cache.invalidate("1:en")
    await name_of(1, "de")
    await name_of(1, "en")
    assert calls == [(1, "en"), (1, "de"), (1, "en")]
    assert name_of.__name__ == "name_of"


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        pytest.param("page:*", {"page", "x:page:1", "a.c"}, id="a beginning"),
        pytest.param(
            "page:?", {"page", "x:page:1", "page:10", "page:[1]", "a.c"}, id="one character"
        ),
        pytest.param("*", set(), id="everything"),
        pytest.param("a?c", {"page", "x:page:1", "page:1", "page:10", "page:[1]"}, id="a dot too"),
        pytest.param(
            "page:[1]", {"page", "x:page:1", "page:1", "page:10", "a.c"}, id="brackets are text"
        ),
        pytest.param(
            "a.*", {"page", "x:page:1", "page:1", "page:10", "page:[1]"}, id="so is a dot"
        ),
        pytest.param(
            "", {"page", "x:page:1", "page:1", "page:10", "page:[1]", "a.c"}, id="nothing"
        ),
    ],
)
async def test_invalidate_matching_forgets_what_matches_only(pattern: str, left: set[str]) -> None:
    keys = {"page", "x:page:1", "page:1", "page:10", "page:[1]", "a.c"}
    bench = Bench(max_size=10)
    for key in keys:
        await bench.memory.put(key, key)
    await bench.cache.invalidate_matching(pattern)
    assert {key for key in keys if await bench.memory.get(key)} == left


@pytest.mark.parametrize("pattern", ["*", "1"])
async def test_load_whose_key_another_process_changed_does_not_keep_the_old_value(
    pattern: str,
) -> None:
    bench = Bench()
    may_end = asyncio.Event()

    async def load_old() -> str:
        await may_end.wait()
        return "old"

    loading = asyncio.create_task(bench.cache.get_or_load("1", load_old))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await bench.cache.forget_nearest(pattern)
    may_end.set()
    assert await loading == "old"
    assert await bench.memory.get("1") is None
