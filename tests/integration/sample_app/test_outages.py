"""A database that is full, silent or gone: 503 in the one shape, and recovery by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from sample_app.core.database.database import Database
from sample_app.core.errors import InvalidError, UnavailableError
from sample_app.settings import DatabaseSettings
from sample_app.telemetry.metrics import Metrics
from tests.integration.sample_app.conftest import Service, running, settings_for
from tests.servers import PostgresqlServer, postgresql_server

API = "/api/v1/contacts"
PATIENCE = 30.0  # seconds; only a hang takes that long


async def assert_unavailable(service: Service, path: str = API) -> None:
    async with asyncio.timeout(PATIENCE):
        answer = await service.client.get(path)
    assert answer.status_code == 503
    assert answer.json() == {
        "code": "unavailable",
        "message": "The database does not answer. Try again later.",
        "details": {},
    }
    assert int(answer.headers["Retry-After"]) > 0


async def test_full_pool_is_a_503_after_its_time_out_and_then_all_is_well(
    database_url: str, tmp_path: Path
) -> None:
    database = {"url": database_url, "pool_size": 2, "max_overflow": 0, "pool_timeout": 1.0}
    async with running(settings_for(tmp_path, database=database)) as service:
        pool = service.app.state.services.contacts._database
        async with pool.reading() as one, pool.reading() as two:
            await one.execute(text("SELECT 1"))
            await two.execute(text("SELECT 1"))
            await asyncio.gather(*(assert_unavailable(service) for _ in range(5)))
            assert service.value("db_client_connection_timeouts_total") == 5
            ready = await service.client.get("/health/ready")
            assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
            assert (await service.client.get("/health")).status_code == 200
        pool.engine.pool._timeout = PATIENCE
        answers = await asyncio.gather(*(service.client.get(API) for _ in range(10)))
        assert {answer.status_code for answer in answers} == {200}


@pytest.fixture
def own_postgresql() -> Iterator[PostgresqlServer]:
    with postgresql_server() as server:
        yield server


@pytest.mark.needs_postgresql
async def test_killed_postgresql_is_a_503_and_comes_back_without_a_restart_of_the_service(
    own_postgresql: PostgresqlServer, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, database={"url": own_postgresql.url})
    async with running(settings) as service:
        for end in (own_postgresql.kill, own_postgresql.stop):
            # Several idle connections in the pool, which will all be dead.
            answers = await asyncio.gather(*(service.client.get(API) for _ in range(8)))
            assert {answer.status_code for answer in answers} == {200}
            assert (await service.client.get(f"{API}/7")).status_code == 200
            await asyncio.to_thread(end)
            await asyncio.gather(*(assert_unavailable(service) for _ in range(8)))
            assert (await service.client.get(f"{API}/7")).status_code == 200  # cached
            ready = await service.client.get("/health/ready")
            assert ready.status_code == 503
            assert ready.json() == {
                "status": "unavailable",
                "checks": {"database": "failed", "cache": "ok", "directory": "ok"},
            }
            assert (await service.client.get("/health")).status_code == 200
            await asyncio.to_thread(own_postgresql.start)
            answers = await asyncio.gather(*(service.client.get(API) for _ in range(8)))
            assert {answer.status_code for answer in answers} == {200}
            ready = await service.client.get("/health/ready")
            assert (ready.status_code, ready.json()["status"]) == (200, "ready")
            used = {"db_client_connection_state": "used"}
            assert service.value("db_client_connection_count", **used) == 0


@pytest.mark.needs_postgresql
async def test_connection_cut_in_a_transaction_is_unavailable_and_stores_nothing(
    postgresql: PostgresqlServer, postgresql_url: str
) -> None:
    async with database(postgresql_url) as tested:
        async with tested.writing() as session:
            await session.execute(text("CREATE TABLE t (name varchar(3))"))

        async def write_while_it_is_cut() -> None:
            async with tested.writing() as session:
                await session.execute(text("INSERT INTO t VALUES ('a')"))
                await asyncio.to_thread(postgresql.cut)
                await session.execute(text("INSERT INTO t VALUES ('b')"))

        with pytest.raises(UnavailableError):
            await write_while_it_is_cut()
        async with tested.reading() as session:
            assert await session.scalar(text("SELECT count(*) FROM t")) == 0
        with pytest.raises(InvalidError):
            async with tested.writing() as session:
                await session.execute(text("INSERT INTO t VALUES ('longer')"))


@pytest.mark.needs_postgresql
async def test_statement_over_its_time_out_is_cancelled_and_unavailable(
    postgresql: PostgresqlServer, postgresql_url: str
) -> None:
    async with database(postgresql_url, statement_timeout=0.2, pool_size=1) as tested:
        with pytest.raises(UnavailableError):
            async with tested.reading() as session:
                await session.execute(text("SELECT pg_sleep(600)"))
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(6%'"
        async with asyncio.timeout(PATIENCE):
            while postgresql.execute(f"{sleeping} AND state = 'active'") != "0":
                await asyncio.sleep(0.01)
            while not await answers(tested):
                await asyncio.sleep(0.01)


@pytest.mark.needs_postgresql
async def test_slow_statement_is_logged_with_placeholders_and_timed(
    postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    registry = CollectorRegistry()
    async with database(postgresql_url, registry, slow_query=0.05) as tested:
        async with tested.reading() as session:
            await session.execute(text("SELECT pg_sleep(:s)"), {"s": 0.1})
            await session.execute(text("SELECT 1"))
        slow = [vars(r) for r in caplog.records if r.message == "slow query"]
        assert all(record["seconds"] > 0.05 for record in slow)  # on a busy machine, others too
        (record,) = [record for record in slow if "pg_sleep" in record["statement"]]
        assert record["seconds"] >= 0.1
        assert "0.1" not in record["statement"]
        labels = {"db_system_name": "postgresql", "db_operation_name": "SELECT", "error_type": ""}
        name = "db_client_operation_duration_seconds_sum"
        assert (registry.get_sample_value(name, labels) or 0) >= 0.1


@pytest.mark.needs_postgresql
async def test_database_that_does_not_exist_is_unavailable(postgresql_url: str) -> None:
    async with database(f"{postgresql_url}_not") as tested:
        with pytest.raises(UnavailableError):
            await tested.ping()


async def test_server_that_never_answers_is_unavailable_after_the_connect_time_out() -> None:
    async def listen_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(listen_only, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    url = f"postgresql+asyncpg://u@127.0.0.1:{port}/d"
    async with silent, database(url, connect_timeout=0.3) as tested:
        with pytest.raises(UnavailableError):
            async with asyncio.timeout(PATIENCE):
                await tested.ping()


async def answers(tested: Database) -> bool:
    try:
        await tested.ping()
    except UnavailableError:  # a busy machine took longer than the time-out
        return False
    return True


@asynccontextmanager
async def database(
    url: str, registry: CollectorRegistry | None = None, **settings: float
) -> AsyncIterator[Database]:
    given = DatabaseSettings.model_validate({"url": url, "connect_timeout": PATIENCE} | settings)
    tested = Database(given, Metrics(registry or CollectorRegistry()))
    yield tested
    await tested.close()
