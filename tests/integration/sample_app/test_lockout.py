"""The lock-out as a client sees it, and with two replicas that share a Redis."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from sample_app.settings import Settings
from tests.integration.sample_app.conftest import Service, running, settings_for
from tests.servers import redis_server

API = "/api/v1"
FAILURES = "auth_login_failures_total"
RIGHT, WRONG = "sample-password", "wrong"
LOCKOUT: dict[str, object] = {"attempts": 3}


async def log_in(
    service: Service, password: str, email: str = "reader@example.com", address: str = "10.6.6.6"
) -> httpx.Response:
    form = {"username": email, "password": password}
    transport = httpx.ASGITransport(service.app, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.post(f"{API}/auth/token", data=form)


@pytest.mark.parametrize("email", ["reader@example.com", "nobody@example.com"])
async def test_failed_log_ins_lock_the_address_for_the_account_known_or_not(
    tmp_path: Path, email: str
) -> None:
    async with running(settings_for(tmp_path, lockout=LOCKOUT)) as service:
        session = (await log_in(service, RIGHT)).json()
        statuses = [(await log_in(service, WRONG, email)).status_code for _ in range(3)]
        assert statuses == [401] * 3
        refused = await log_in(service, RIGHT, email)
        assert refused.status_code == 429
        left = int(refused.headers["Retry-After"])
        assert 0 < left <= 60  # a busy machine may have asked later
        assert refused.json() == {
            "code": "locked_out",
            "message": f"Too many failed log-ins. Try again in {left} s.",
            "details": {"retry_after": left},
        }
        assert (await log_in(service, RIGHT, address="10.0.0.1")).status_code == 200
        body = {"refresh_token": session["refresh_token"]}
        assert (await service.client.post(f"{API}/auth/refresh", json=body)).status_code == 200
        assert service.value(FAILURES, reason="credentials") == 3
        assert service.value(FAILURES, reason="locked_out") == 1


def sharing(folder: Path, url: str) -> Settings:
    return settings_for(folder, redis={"url": url}, lockout=LOCKOUT)


@pytest.mark.needs_redis
async def test_replicas_with_one_redis_count_failures_together(
    tmp_path: Path, redis_url: str
) -> None:
    settings = sharing(tmp_path, redis_url)
    async with running(settings) as one, running(settings) as other:
        for service in (one, other, one):
            assert (await log_in(service, WRONG)).status_code == 401
        for service in (one, other):
            answer = await log_in(service, RIGHT)
            assert answer.status_code == 429
            assert 0 < int(answer.headers["Retry-After"]) <= 60
        assert (await log_in(other, RIGHT, address="10.0.0.1")).status_code == 200


@pytest.mark.needs_redis
async def test_replica_whose_redis_is_killed_locks_by_itself(tmp_path: Path) -> None:
    with redis_server() as server:
        async with running(sharing(tmp_path, server.url)) as service:
            server.stop()
            statuses = [(await log_in(service, WRONG)).status_code for _ in range(4)]
            assert statuses == [401, 401, 401, 429]
