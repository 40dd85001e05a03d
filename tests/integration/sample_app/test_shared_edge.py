"""Two replicas of the service with one Redis: limits and idempotency keys are shared."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from sample_app.api.edge.rate_limit import Rates
from sample_app.core.security.access import Access
from sample_app.settings import RateSettings, RedisSettings, Settings
from tests.integration.sample_app.conftest import ROWS, running, settings_for
from tests.servers import redis_server

pytestmark = pytest.mark.needs_redis
API = "/api/v1/contacts"
SOMEBODY = {"first_name": "A", "last_name": "B", "email": "a@b.example", "company_id": 1}
KEY = {"Idempotency-Key": "k-1"}


def sharing(folder: Path, url: str) -> Settings:
    return settings_for(folder, redis={"url": url}, rate={"address": "7/year"})  # ends in no test


async def post(client: httpx.AsyncClient, **changes: object) -> httpx.Response:
    return await client.post(API, json=SOMEBODY | changes, headers=KEY)


async def test_replicas_with_one_redis_count_together_and_answer_a_key_once(
    tmp_path: Path, redis_url: str
) -> None:
    settings = sharing(tmp_path, redis_url)
    async with running(settings) as one, running(settings) as other:
        answers = await asyncio.gather(*(post(s.client) for s in (one, other, one, other)))
        assert {a.status_code for a in answers} <= {201, 409}
        first = next(a for a in answers if a.status_code == 201)
        again = await post(other.client)
        assert (again.status_code, again.json()) == (201, first.json())
        assert again.headers["X-Task-Id"] == first.headers["X-Task-Id"]
        reused = await post(one.client, notes="x")
        assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
        last = await one.client.get(API)
        assert last.json()["total"] == ROWS + 1
        assert last.headers["X-RateLimit-Remaining"] == "0"
        assert (await other.client.get(API)).status_code == 429


async def test_services_with_prefixes_of_their_own_share_a_redis_and_no_counts(
    tmp_path: Path, redis_url: str
) -> None:
    for name in ("one", "other"):  # beside each other: production and staging
        redis: dict[str, object] = {"url": redis_url, "prefix": name}
        folder = tmp_path / name
        settings = settings_for(folder, redis=redis, rate={"address": "7/year"})
        async with running(settings) as service:
            assert (await service.client.get(API)).headers["X-RateLimit-Remaining"] == "6"
            assert (await post(service.client)).status_code == 201
    async with Redis.from_url(redis_url) as client:
        keys = {key.decode().partition(":")[0] async for key in client.scan_iter()}
    assert keys == {"one", "other"}


async def test_requests_of_a_burst_are_all_counted_in_redis(redis_url: str) -> None:
    access = Access(Settings(redis=RedisSettings(url=redis_url)))
    rates = Rates(RateSettings(address="1000/day"), access.counters)
    scope = {"type": "http", "method": "GET", "path": API, "client": ("10.0.0.1", 1)}
    try:
        counted = await asyncio.gather(*(rates.count(scope) for _ in range(200)))
    finally:
        await access.close()
    assert min(allowance.remaining for allowance in counted) == 800


async def test_replica_whose_redis_is_killed_counts_and_keeps_keys_by_itself(
    tmp_path: Path,
) -> None:
    with redis_server() as server:
        async with running(sharing(tmp_path, server.url)) as service:
            server.stop()
            first, again = await post(service.client), await post(service.client)
            assert (first.status_code, again.json()) == (201, first.json())
            statuses = [(await service.client.get(API)).status_code for _ in range(6)]
            assert statuses == [200] * 5 + [429]
