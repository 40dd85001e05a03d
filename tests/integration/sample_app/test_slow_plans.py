"""The plan of a slow statement in the log: once, without values, and only of reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from sample_app.core.database.database import Database
from sample_app.settings import DatabaseSettings
from sample_app.telemetry.metrics import Metrics

LEAST = 1_424_242_424  # so long that no time and no id of a log record holds it
FIND = "SELECT name FROM people WHERE name = :name AND id > :least"
PLANS = {"sqlite": "SEARCH people USING", "postgresql": " on people "}


@asynccontextmanager
async def people(url: str) -> AsyncIterator[Database]:
    """A database with a table, where every statement is slow."""
    settings = DatabaseSettings(url=url, slow_query=1e-9)
    database = Database(settings, Metrics(CollectorRegistry()))
    async with database.writing() as session:
        await session.execute(text("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT)"))
        await session.execute(text("CREATE INDEX names ON people (name)"))
    try:
        yield database
    finally:
        await database.close()


async def find(database: Database, name: str) -> None:
    async with database.reading() as session:
        await session.execute(text(FIND), {"name": name, "least": LEAST})


async def planned(database: Database) -> None:
    """Wait for the plan that is being made."""
    (plans,) = database._plans
    if plans._running is not None:
        await plans._running


def plans(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [vars(r) for r in caplog.records if r.message.startswith("slow query ")]


async def test_plan_of_a_slow_statement_is_logged_once_and_without_values(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with people(database_url) as database:
        caplog.clear()
        for name in ("smith", "jones", "smith"):
            await find(database, name)
            await planned(database)
        (line,) = plans(caplog)
        assert line["message"] == "slow query plan"
        assert str(line["statement"]).startswith("SELECT name FROM people WHERE")
        assert PLANS[database.engine.dialect.name] in str(line["plan"])
        for value in ("smith", "jones", str(LEAST)):
            assert value not in caplog.text + str([vars(record) for record in caplog.records])
        assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


async def test_statements_that_write_have_no_plan(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with people(database_url) as database:
        caplog.clear()
        async with database.writing() as session:
            for statement in (
                "INSERT INTO people VALUES (1, 'a')",
                "UPDATE people SET name = 'b'",
                "WITH old AS (SELECT 1) DELETE FROM people",
            ):
                await session.execute(text(statement))
                await planned(database)
        assert plans(caplog) == []
        assert "slow query" in caplog.text


async def test_plan_that_cannot_be_made_is_told_and_disturbs_nobody(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with people(database_url) as database:
        caplog.clear()
        (plan,) = database._plans
        plan.explain("SELECT nothing FROM nowhere", ())
        await planned(database)
        (line,) = plans(caplog)
        assert line["message"] == "slow query without a plan"
        await find(database, "smith")


async def test_one_plan_is_made_at_a_time(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with people(database_url) as database:
        caplog.clear()
        (plan,) = database._plans
        for number in range(5):
            plan.explain(f"SELECT {number} FROM people", ())
        await planned(database)
        assert [line["statement"] for line in plans(caplog)] == ["SELECT 0 FROM people"]
        plan.explain("SELECT 1 FROM people", ())
        await asyncio.sleep(0)  # it begins to connect
    assert [line["statement"] for line in plans(caplog)][1:] == ["SELECT 1 FROM people"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_plan_that_takes_long_is_stopped_at_the_end(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sample_app.core.database.plans.LAST_MOMENT", 0.01)
    async with people(database_url) as database:
        await planned(database)
        (plan,) = database._plans
        monkeypatch.setattr(plan, "_log_plan", lambda *_: asyncio.sleep(3600))
        plan.explain("SELECT 1 FROM people", ())
    assert asyncio.all_tasks() == {asyncio.current_task()}
