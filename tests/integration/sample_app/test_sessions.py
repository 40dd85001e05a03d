"""Sessions: refresh tokens are used once, a stolen one ends its session, and ends are ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import bindparam, text

from sample_app.core.clock import utc_now
from sample_app.core.errors import UnavailableError
from sample_app.core.security.access import MARGIN
from sample_app.models.base import UtcDateTime
from sample_app.models.refresh_token import RefreshToken
from sample_app.repositories.refresh_tokens import RefreshTokenRepository
from sample_app.services.standings import StandingService
from sample_app.settings import Settings
from tests.integration.sample_app.conftest import Service, running, settings_for

API = "/api/v1"
FAILURES = "auth_login_failures_total"
Tokens = dict[str, Any]


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[Service]:
    """A service on SQLite, for what does not depend on the database."""
    async with running(settings_for(tmp_path)) as service:
        yield service


async def log_in(service: Service, role: str = "editor") -> Tokens:
    form = {"username": f"{role}@example.com", "password": "sample-password"}
    answer = await service.client.post(f"{API}/auth/token", data=form)
    assert answer.status_code == 200
    return dict(answer.json())


async def send(service: Service, path: str, tokens: Tokens) -> httpx.Response:
    body = {"refresh_token": tokens["refresh_token"]}
    return await service.client.post(f"{API}/auth/{path}", json=body)


async def status_of(service: Service, tokens: Tokens) -> int:
    """The status of a request with the access token."""
    return (await service.client.get(f"{API}/users/me", headers=bearer(tokens))).status_code


def bearer(tokens: Tokens) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def query(service: Service, statement: str, **values: object) -> list[Any]:
    engine = service.app.state.services.contacts._database.engine
    async with engine.begin() as connection:
        times = [
            bindparam(name, type_=UtcDateTime)
            for name, value in values.items()
            if isinstance(value, datetime)
        ]
        result = await connection.execute(text(statement).bindparams(*times), values)
        return list(result.scalars()) if result.returns_rows else []


async def test_refresh_gives_new_tokens_whose_session_ends_at_the_same_time(
    service: Service,
) -> None:
    first = await log_in(service)
    second = (await send(service, "refresh", first)).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert len(second["refresh_token"]) == 43  # 256 bits
    assert second["expires_in"] == first["expires_in"]
    assert await status_of(service, second) == await status_of(service, first) == 200
    assert len(set(await query(service, "SELECT expires_at FROM refresh_tokens"))) == 1
    assert second["refresh_expires_in"] <= first["refresh_expires_in"]


async def test_stored_is_only_the_digest_of_a_refresh_token(embedded: Service) -> None:
    token = (await log_in(embedded))["refresh_token"]
    (stored,) = await query(embedded, "SELECT digest FROM refresh_tokens")
    assert stored == sha256(token.encode()).hexdigest()


async def test_use_of_a_replaced_token_ends_its_session_and_no_other(service: Service) -> None:
    stolen, other = await log_in(service), await log_in(service)
    second = (await send(service, "refresh", stolen)).json()
    third = (await send(service, "refresh", second)).json()
    answer = await send(service, "refresh", stolen)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert (await send(service, "refresh", third)).status_code == 401
    for tokens in (stolen, second, third):
        assert await status_of(service, tokens) == 401
    assert await status_of(service, other) == 200
    assert (await send(service, "refresh", other)).status_code == 200
    assert service.value(FAILURES, reason="refresh_reused") == 1
    assert service.value(FAILURES, reason="refresh_invalid") == 1


async def test_concurrent_refreshes_of_one_token_give_one_success_and_end_the_session(
    service: Service,
) -> None:
    tokens = await log_in(service)
    answers = await asyncio.gather(*(send(service, "refresh", tokens) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    (winner,) = (answer.json() for answer in answers if answer.status_code == 200)
    assert (await send(service, "refresh", winner)).status_code == 401
    assert await status_of(service, winner) == 401
    assert service.value(FAILURES, reason="refresh_reused") >= 1
    assert await query(service, "SELECT 1 FROM refresh_tokens WHERE revoked_at IS NULL") == []


@pytest.mark.needs_postgresql
@pytest.mark.slow
async def test_end_of_a_session_includes_the_token_of_a_refresh_in_progress(
    tmp_path: Path, postgresql_url: str
) -> None:
    """On SQLite there is one writer at a time."""
    waiting = (
        "SELECT 1 FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with running(settings_for(tmp_path, database={"url": postgresql_url})) as service:
        token = (await log_in(service))["refresh_token"]
        database = service.app.state.services.contacts._database

        async def end(family: str) -> None:
            async with database.writing() as session:
                await RefreshTokenRepository(session).end_family(family, utc_now())

        async with database.writing() as session:
            tokens = RefreshTokenRepository(session)
            used = await tokens.rotate(sha256(token.encode()).hexdigest(), utc_now())
            assert used
            ending = asyncio.create_task(end(used.family))
            async with asyncio.timeout(30):
                while not await query(service, waiting):
                    await asyncio.sleep(0.01)
            following = RefreshToken(
                digest="next",
                family=used.family,
                user_id=used.user_id,
                issued_at=used.issued_at,
                expires_at=used.expires_at,
            )
            await tokens.add(following)
        await ending
        assert await query(service, "SELECT id FROM refresh_tokens WHERE revoked_at IS NULL") == []


async def test_refresh_with_a_bad_body(embedded: Service) -> None:
    for body, status in (
        ({"refresh_token": "x" * 43}, 401),
        ({"refresh_token": ""}, 422),
        ({"refresh_token": "x" * 201}, 422),
        ({"refresh_token": 5}, 422),
        ({}, 422),
    ):
        answer = await embedded.client.post(f"{API}/auth/refresh", json=body)
        assert answer.status_code == status, body
        assert "x" * 43 not in answer.text


async def test_refresh_after_the_end_of_the_session_is_401_and_no_theft(embedded: Service) -> None:
    tokens = await log_in(embedded)
    await send(embedded, "refresh", tokens)
    past = utc_now() - timedelta(days=1)
    await query(embedded, "UPDATE refresh_tokens SET expires_at = :past", past=past)
    assert (await send(embedded, "refresh", tokens)).status_code == 401
    assert embedded.value(FAILURES, reason="refresh_reused") == 0
    assert embedded.value(FAILURES, reason="refresh_invalid") == 1


async def test_log_out_ends_the_session_and_may_be_repeated(embedded: Service) -> None:
    tokens, other = await log_in(embedded), await log_in(embedded)
    for _ in range(2):
        assert (await send(embedded, "logout", tokens)).status_code == 204
    assert (await send(embedded, "logout", {"refresh_token": "unknown"})).status_code == 204
    assert (await send(embedded, "refresh", tokens)).status_code == 401
    assert await status_of(embedded, tokens) == 401
    assert await status_of(embedded, other) == 200


async def test_admin_ends_all_sessions_of_a_user(service: Service) -> None:
    admin = await log_in(service, "admin")
    one, two = await log_in(service), await log_in(service)
    me = (await service.client.get(f"{API}/users/me", headers=bearer(one))).json()
    path = f"{API}/users/{me['id']}/sessions"
    assert (await service.client.delete(path, headers=bearer(one))).status_code == 403
    assert (await service.client.delete(path, headers=bearer(admin))).status_code == 204
    for tokens in (one, two):
        assert await status_of(service, tokens) == 401
        assert (await send(service, "refresh", tokens)).status_code == 401
    assert await status_of(service, admin) == 200
    assert await status_of(service, await log_in(service)) == 200
    missing = await service.client.delete(f"{API}/users/999/sessions", headers=bearer(admin))
    assert missing.status_code == 404


async def test_refresh_gives_the_role_of_now(embedded: Service) -> None:
    tokens = await log_in(embedded, "reader")
    await query(embedded, "UPDATE users SET role = 'admin' WHERE email = 'reader@example.com'")
    users = f"{API}/users"
    assert (await embedded.client.get(users, headers=bearer(tokens))).status_code == 403
    fresh = (await send(embedded, "refresh", tokens)).json()
    assert (await embedded.client.get(users, headers=bearer(fresh))).status_code == 200


async def test_other_process_learns_of_changed_roles_and_ended_sessions_at_its_next_read(
    settings: Settings,
) -> None:
    async with running(settings) as one, running(settings) as other:
        admin, reader = await log_in(one, "admin"), await log_in(one, "reader")
        gone = await log_in(one)
        identifier = (await one.client.get(f"{API}/users/me", headers=bearer(reader))).json()["id"]
        path, headers = f"{API}/users/{identifier}", bearer(admin)
        await one.client.patch(path, json={"role": "admin"}, headers=headers)
        await send(one, "logout", gone)
        users = f"{API}/users"
        assert (await one.client.get(users, headers=bearer(reader))).status_code == 200
        assert (await other.client.get(users, headers=bearer(reader))).status_code == 403
        assert await status_of(other, gone) == 200
        await other.app.state.services.standings.reread()
        assert (await other.client.get(users, headers=bearer(reader))).status_code == 200
        assert await status_of(other, gone) == 401
    async with running(settings) as restarted:  # a new process reads before its first request
        assert (await restarted.client.get(users, headers=bearer(reader))).status_code == 200
        assert await status_of(restarted, gone) == 401


async def test_process_reads_changes_and_deletes_what_expired_by_itself(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as one:
        tokens, old = await log_in(one), await log_in(one)
        past = utc_now() - timedelta(days=400)
        digest = sha256(old["refresh_token"].encode()).hexdigest()
        expire = "UPDATE refresh_tokens SET expires_at = :past WHERE digest = :digest"
        await query(one, expire, past=past, digest=digest)
        await query(one, "UPDATE audit_log SET at = :past WHERE id = 1", past=past)
        quick = settings_for(tmp_path, auth={"recheck": 0.01})
        async with running(quick) as other:
            await send(one, "logout", tokens)
            async with asyncio.timeout(30):
                while await status_of(other, tokens) != 401:
                    await asyncio.sleep(0.01)
                while len(await query(one, "SELECT id FROM refresh_tokens")) > 1:
                    await asyncio.sleep(0.01)
                while 1 in await query(one, "SELECT id FROM audit_log"):
                    await asyncio.sleep(0.01)
        assert len(await query(one, "SELECT id FROM audit_log")) == 2


async def test_process_reads_changes_while_it_deletes_what_expired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleting = asyncio.Event()

    async def delete_for_ever(_: StandingService) -> None:
        deleting.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(StandingService, "prune", delete_for_ever)
    quick = settings_for(tmp_path, auth={"recheck": 0.01})
    async with running(settings_for(tmp_path)) as one, running(quick) as other:
        tokens = await log_in(one)
        async with asyncio.timeout(30):
            await deleting.wait()
            await send(one, "logout", tokens)
            while await status_of(other, tokens) != 401:
                await asyncio.sleep(0.01)


async def test_end_of_a_session_is_kept_as_long_as_its_access_tokens_are_valid(
    tmp_path: Path,
) -> None:
    settings = settings_for(tmp_path)
    expire = "UPDATE refresh_tokens SET expires_at = :time"
    async with running(settings) as one, running(settings) as other:
        tokens = await log_in(one)
        await send(one, "logout", tokens)
        await query(one, expire, time=utc_now() - timedelta(seconds=settings.auth.token_life))
        await one.app.state.services.standings.prune()
        await other.app.state.services.standings.reread()
        assert await status_of(other, tokens) == 401
        past = utc_now() - timedelta(seconds=settings.auth.token_life + MARGIN)
        await query(one, expire, time=past)
        await one.app.state.services.standings.prune()
        assert await query(one, "SELECT id FROM refresh_tokens") == []


async def test_read_that_fails_does_not_fail_the_change_and_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failed = "roles and sessions were not read"
    async with running(settings_for(tmp_path, auth={"recheck": 0.01})) as service:
        tokens = await log_in(service)

        async def fail(*_: object) -> None:
            raise UnavailableError("The database does not answer.")

        with monkeypatch.context() as broken:
            broken.setattr(RefreshTokenRepository, "ended_since", fail)
            async with asyncio.timeout(30):
                while failed not in caplog.messages:  # the read before has ended
                    await asyncio.sleep(0.01)
            caplog.clear()
            assert (await send(service, "logout", tokens)).status_code == 204
            assert await status_of(service, tokens) == 200  # the last state holds
        assert failed in caplog.messages
        async with asyncio.timeout(30):
            while await status_of(service, tokens) != 401:
                await asyncio.sleep(0.01)
