"""What each POST costs in statements, transactions and hashes, with its background task.

The numbers are the same on every machine, unlike times. Each statement of aiosqlite takes four
turns of a thread, and each transaction of PostgreSQL two round trips more than its statements.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, NamedTuple

import pytest
from prometheus_client import CollectorRegistry
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.engine.interfaces import DBAPIConnection

from sample_app.core.database.database import Database
from sample_app.settings import Settings
from sample_app.telemetry.metrics import Metrics
from tests.integration.sample_app.conftest import Service

CONTACT = {"first_name": "A", "last_name": "B", "email": "a@b.example", "company_id": 1}
FORM = {"username": "editor@example.com", "password": "sample-password"}
USER = {"email": "c@d.example", "password": "sample-password"}
AUTH = "/api/v1/auth"


class Work(NamedTuple):
    """What a request and its task have done."""

    statements: int
    transactions: int
    hashes: int


async def create(service: Service) -> int:
    return (await service.client.post("/api/v1/contacts", json=CONTACT)).status_code


async def refresh_company(service: Service) -> int:
    return (await service.client.post("/api/v1/companies/1/refresh")).status_code


async def log_in(service: Service) -> int:
    return (await service.client.post(f"{AUTH}/token", data=FORM)).status_code


async def refresh(service: Service) -> int:
    answer = await service.client.post(f"{AUTH}/token", data=FORM)
    token = {"refresh_token": answer.json()["refresh_token"]}
    return (await service.client.post(f"{AUTH}/refresh", json=token)).status_code


async def register(service: Service) -> int:
    return (await service.client.post("/api/v1/users", json=USER)).status_code


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often passwords were hashed, to store them or to compare them."""
    counted: Counter[str] = Counter()
    for name in ("hash", "verify"):
        method = getattr(Argon2Hasher, name)

        @wraps(method)
        def count(*arguments: Any, _method: Any = method, **named: Any) -> Any:
            counted["all"] += 1
            return _method(*arguments, **named)

        monkeypatch.setattr(Argon2Hasher, name, count)
    return counted


@pytest.mark.parametrize(
    ("post", "status", "work"),
    [
        # The company, the contact and its task; then the note that it was welcomed and the end of
        # the task in one transaction.
        pytest.param(create, 201, Work(5, 2, 0), id="create a contact"),
        pytest.param(refresh_company, 202, Work(3, 2, 0), id="refresh a company"),
        pytest.param(log_in, 200, Work(3, 2, 1), id="log in"),
        pytest.param(refresh, 200, Work(6, 3, 1), id="log in and refresh"),
        pytest.param(register, 201, Work(2, 1, 1), id="register"),
    ],
)
async def test_post_does_no_more_than_it_must(
    service: Service,
    hashed: Counter[str],
    post: Callable[[Service], Awaitable[int]],
    status: int,
    work: Work,
) -> None:
    def now() -> Work:
        statements = service.value("db_client_operation_duration_seconds_count")
        transactions = service.value("db_client_connection_use_time_seconds_count")
        return Work(int(statements), int(transactions), hashed["all"])

    before = now()
    assert await post(service) == status
    await service.app.state.services.background.idle()
    assert Work(*(a - b for a, b in zip(now(), before, strict=True))) == work


async def test_connection_is_tested_before_use_except_to_a_file(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(settings.database, Metrics(CollectorRegistry()))
    dialect, pings = database.engine.dialect, 0
    ping = dialect.do_ping

    def count(connection: DBAPIConnection) -> bool:
        nonlocal pings
        pings += 1
        return ping(connection)

    monkeypatch.setattr(dialect, "do_ping", count)
    for _ in range(3):
        await database.ping()
    await database.close()
    # A new connection needs no test.
    assert pings == (0 if dialect.name == "sqlite" else 2)
