"""The Redis level and both levels together, against a real server that can be killed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from redis.asyncio import Redis

from sample_app.core.cache.cache import Cache
from sample_app.core.cache.caches import Caches
from sample_app.settings import Settings
from sample_app.telemetry.cache import CacheMetrics
from tests.integration.sample_app.conftest import PATIENCE, ROWS, running, settings_for
from tests.servers import RedisServer, redis_server

pytestmark = pytest.mark.needs_redis
API = "/api/v1/contacts"


class Thing(BaseModel):
    text: str
    number: int = 1


@dataclass
class Process:
    """What one process of the service has: caches, one of them named things, and metrics."""

    caches: Caches
    things: Cache[Thing]
    registry: CollectorRegistry
    loads: int = 0

    async def get(self, key: str, text: str = "loaded") -> str:
        async def load() -> Thing:
            self.loads += 1
            await asyncio.sleep(0.01)
            return Thing(text=text)

        return (await self.things.get_or_load(key, load)).text

    def value(self, name: str, level: str = "redis", **labels: str) -> float:
        all_labels = {"cache": "things", "level": level, **labels}
        value = self.registry.get_sample_value(name, all_labels)
        assert value is not None, name
        return value


@asynccontextmanager
async def process(
    url: str,
    levels: str = "both",
    ttl: float = 60.0,
    max_size: int = 100,
    pause: float = 0.05,
    timeout: float = PATIENCE,
) -> AsyncIterator[Process]:
    redis = {"url": url, "pause": pause, "timeout": timeout}
    settings = Settings.model_validate({"redis": redis, "cache": {"levels": levels}})
    registry = CollectorRegistry()
    caches = Caches(settings, CacheMetrics(registry))
    things = caches.named("things", Thing, ttl, max_size)
    async with caches.running():
        yield Process(caches, things, registry)


async def eventually(
    condition: Callable[[], Awaitable[bool]], patience: float = 30.0, step: float = 0.02
) -> None:
    async with asyncio.timeout(patience):
        while not await condition():
            await asyncio.sleep(step)


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server that the test may stop."""
    with redis_server() as server:
        yield server


async def test_value_put_by_one_process_is_a_hit_for_another(redis_url: str) -> None:
    async with process(redis_url) as one, process(redis_url) as other:
        assert await one.get("1") == "loaded"
        assert await other.get("1", "never") == "loaded"
        assert (one.loads, other.loads) == (1, 0)
        assert other.value("cache_gets_total", result="hit") == 1
        assert await other.get("1", "never") == "loaded"  # now from memory
        assert other.value("cache_gets_total", "memory", result="hit") == 1
        assert other.value("cache_gets_total", "memory", result="miss") == 1
        assert other.value("cache_gets_total", result="hit") == 1
        assert one.value("cache_puts_total") == one.value("cache_puts_total", "memory") == 1
        assert other.value("cache_puts_total") == 0
        assert one.value("cache_size") == 1
        assert one.value("cache_operation_duration_seconds_count", operation="put") == 1
        assert one.value("cache_errors_total", operation="put") == 0


@pytest.mark.parametrize("levels", ["redis", "both"])
async def test_crowd_that_misses_at_every_level_loads_once(redis_url: str, levels: str) -> None:
    async with process(redis_url, levels) as crowd:
        answers = await asyncio.gather(*(crowd.get("1") for _ in range(50)))
        assert answers == ["loaded"] * 50
        assert crowd.loads == 1
        assert crowd.value("cache_puts_total") == 1


async def test_values_in_redis_are_json_that_ends_with_its_time(redis_url: str) -> None:
    async with process(redis_url, ttl=60) as one, Redis.from_url(redis_url) as client:
        await one.get("1")
        text = await client.get("sample-app:things:1")
        assert json.loads(text or b"") == {"text": "loaded", "number": 1}
        assert 50_000 < await client.pttl("sample-app:things:1") <= 60_000


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x80\x04K\x01.", id="a pickle"),
        pytest.param(b'{"number": 2}', id="another version's fields"),
        pytest.param(b"[1, 2", id="half of it"),
    ],
)
async def test_value_that_is_not_of_the_type_is_loaded_again(redis_url: str, text: bytes) -> None:
    async with process(redis_url) as one, Redis.from_url(redis_url) as client:
        await client.set("sample-app:things:1", text)
        assert await one.get("1") == "loaded"
        assert one.value("cache_errors_total", operation="get") == 1
        assert await client.get("sample-app:things:1") == b'{"text":"loaded","number":1}'


async def test_too_many_values_in_redis_drop_those_that_expire_first(redis_url: str) -> None:
    async with process(redis_url, "redis", max_size=3) as one:
        for key in "12345":
            await one.get(key)
        assert one.value("cache_size") == 3
        assert one.value("cache_evictions_total") == 2
        async with Redis.from_url(redis_url) as client:
            left = sorted([key async for key in client.scan_iter("sample-app:things:*")])
        assert left == [b"sample-app:things:3", b"sample-app:things:4", b"sample-app:things:5"]


async def test_expired_values_in_redis_are_misses_and_counted_as_evictions(redis_url: str) -> None:
    async with process(redis_url, "redis", ttl=0.05) as one, Redis.from_url(redis_url) as client:
        await one.get("1")

        async def gone() -> bool:
            return not await client.exists("sample-app:things:1")

        await eventually(gone)
        await one.get("1")
        await asyncio.sleep(0.06)
        await one.get("2")
        assert one.loads == 3
        assert one.value("cache_evictions_total") >= 1
        assert one.value("cache_gets_total", result="miss") == 3


async def test_keys_invalidated_by_one_process_leave_the_memory_of_the_other(
    redis_url: str,
) -> None:
    async with process(redis_url) as one, process(redis_url) as other:
        await asyncio.gather(
            *(listening(redis_url, 2), one.get("1", "old"), one.get("2", "kept")),
            one.get("3", "old"),
        )
        assert [await other.get(key) for key in "123"] == ["old", "kept", "old"]
        await one.things.invalidate("1", "3")
        assert [await one.get(key, "new") for key in "13"] == ["new", "new"]

        async def renewed() -> bool:
            return [await other.get(key, "never") for key in "13"] == ["new", "new"]

        await eventually(renewed)
        assert other.loads == 0
        assert await other.get("2", "never") == "kept"


async def test_pattern_invalidated_by_one_process_leaves_every_level_of_both(
    redis_url: str,
) -> None:
    async with process(redis_url) as one, process(redis_url) as other:
        await listening(redis_url, 2)
        for key in ("page:1", "page:2", "total", "[page:1]"):
            await one.get(key, "old")
            await other.get(key)
        await one.things.invalidate_matching("page:*")
        assert one.value("cache_size") == one.value("cache_size", "memory") == 2

        async def forgotten() -> bool:
            return other.value("cache_size", "memory") == 2

        await eventually(forgotten)
        assert [await other.get(key, "new") for key in ("page:1", "total", "[page:1]")] == [
            *("new", "old", "old")
        ]


async def test_redis_killed_is_done_without_and_used_again_when_it_is_back(
    own_redis: RedisServer,
) -> None:
    async with process(own_redis.url) as one:
        assert await one.caches.ping()
        await one.get("1")
        own_redis.stop()
        assert await one.get("1", "never") == "loaded"  # from memory
        assert await one.get("2") == "loaded"
        assert await one.get("2", "never") == "loaded"
        errors = sum(
            one.value("cache_errors_total", operation=name) for name in ("get", "put", "invalidate")
        )
        assert errors >= 1
        assert not await one.caches.ping()
        own_redis.start()

        async def used() -> bool:
            await one.things.invalidate("2")
            await one.get("2")
            async with Redis.from_url(own_redis.url) as client:
                return await client.exists("sample-app:things:2") == 1

        await eventually(used)
        assert await one.caches.ping()


async def test_value_changed_while_redis_was_away_is_not_read_from_it_afterwards(
    own_redis: RedisServer,
) -> None:
    url = own_redis.url
    async with process(url, "redis") as other, process(url, "redis", timeout=0.5) as one:
        # Again where a pause of the machine outlasts that of Redis.
        while not one.value("cache_errors_total", operation="invalidate"):
            await other.get("1", "old")
            async with Redis.from_url(own_redis.url) as client:
                # Deaf, but it keeps its data: what a cut network looks like.
                await client.client_pause(3000)
            await one.things.invalidate("1")

        async def answers() -> bool:
            return await one.caches.ping()

        await eventually(answers)
        assert await one.get("1", "new") == "new"


async def test_outage_is_felt_by_one_caller_at_a_time(own_redis: RedisServer) -> None:
    async with process(own_redis.url, pause=30.0) as one:
        own_redis.stop()
        await one.get("0")
        await asyncio.gather(*(one.get(str(number)) for number in range(1, 50)))
        failed = sum(one.value("cache_errors_total", operation=name) for name in ("get", "put"))
        assert failed == 1
        assert one.value("cache_gets_total", result="miss") == 0  # not asked is not missed


async def test_service_with_its_redis_killed_answers_and_recovers(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    redis: dict[str, object] = {"url": own_redis.url, "pause": 0.05}
    async with running(settings_for(tmp_path, redis=redis)) as service:
        get, patch = service.client.get, service.client.patch
        ready = (await get("/health/ready")).json()
        assert (ready["status"], ready["checks"]["cache"]) == ("ready", "ok")
        assert (await get(f"{API}/1")).status_code == 200
        own_redis.stop()
        for identifier in range(1, 20):
            assert (await get(f"{API}/{identifier}")).status_code == 200
            changed = await patch(f"{API}/{identifier}", json={"notes": "changed"})
            assert changed.status_code == 200
            assert (await get(f"{API}/{identifier}")).json()["notes"] == "changed"
        answer = await get("/health/ready")
        assert answer.status_code == 200
        assert answer.json()["status"] == "degraded"
        assert answer.json()["checks"]["cache"] == "failed"
        assert service.value("cache_errors_total") >= 1
        own_redis.start()

        async def recovered() -> bool:
            status = (await get("/health/ready")).json()["status"]
            return bool(status == "ready")

        await eventually(recovered)
        unread = iter(range(50, 90))
        async with Redis.from_url(own_redis.url) as client:

            async def stored() -> bool:
                # The link may pause once more, after a failure that was under way.
                identifier = next(unread)
                assert (await get(f"{API}/{identifier}")).status_code == 200
                return bool(await client.exists(f"sample-app:contact_details:{identifier}"))

            await eventually(stored)


async def test_service_started_again_does_not_remember_the_data_from_before(
    redis_url: str, tmp_path: Path
) -> None:
    seed: dict[str, object] = {"rows": ROWS, "companies": 10, "reset": True}
    settings = settings_for(tmp_path, redis={"url": redis_url}, seed=seed)
    async with running(settings) as service:
        await service.client.patch(f"{API}/1", json={"notes": "changed"})
        assert (await service.client.get(f"{API}/1")).json()["notes"] == "changed"
    async with running(settings) as service:
        assert (await service.client.get(f"{API}/1")).json()["notes"] != "changed"


@pytest.mark.parametrize("levels", ["redis", "both"])
async def test_start_without_its_redis_is_degraded_not_dead(tmp_path: Path, levels: str) -> None:
    redis: dict[str, object] = {"url": "redis://127.0.0.1:1/0"}
    async with running(settings_for(tmp_path, redis=redis, cache={"levels": levels})) as service:
        answer = await service.client.get("/health/ready")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert (await service.client.get(f"{API}/1")).status_code == 200


async def listening(url: str, number: int) -> None:
    """Wait until so many processes follow changes."""
    async with Redis.from_url(url) as client:

        async def all_listen() -> bool:
            (answer,) = await client.pubsub_numsub("sample-app:changed")
            return bool(answer[1] == number)

        await eventually(all_listen)
