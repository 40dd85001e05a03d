"""Writers of one process on SQLite, which has one writer at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from sample_app.core.database.database import Database
from sample_app.settings import DatabaseSettings
from sample_app.telemetry.metrics import Metrics

WRITERS = 20


async def test_writers_take_turns_without_a_connection_and_none_is_refused(tmp_path: Path) -> None:
    # So short that a writer which meets another one's lock is refused at once.
    settings = DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/x.db", busy_timeout=0.001)
    database = Database(settings, Metrics(CollectorRegistry()))
    async with database.writing() as session:
        await session.execute(text("CREATE TABLE numbers (n INTEGER PRIMARY KEY)"))
    used: list[int] = []

    async def write(number: int) -> None:
        async with database.writing() as session:
            await session.execute(text(f"INSERT INTO numbers VALUES ({number})"))
            await asyncio.sleep(0.002)
            used.append(database.pools()["main"].used)
            if number == 3:
                raise LookupError

    ended = await asyncio.gather(*map(write, range(WRITERS)), return_exceptions=True)
    assert [number for number, error in enumerate(ended) if error] == [3]
    assert isinstance(ended[3], LookupError)
    assert used == [1] * WRITERS
    async with database.reading() as session:
        stored = await session.scalars(text("SELECT n FROM numbers"))
    assert set(stored) == set(range(WRITERS)) - {3}
    await database.close()


async def test_readers_do_not_wait_and_a_cancelled_writer_gives_its_turn_back(
    tmp_path: Path,
) -> None:
    settings = DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/x.db")
    database = Database(settings, Metrics(CollectorRegistry()))
    async with asyncio.timeout(30), database.writing() as session:
        await session.execute(text("CREATE TABLE numbers (n INTEGER PRIMARY KEY)"))
        await database.ping()
    begun = asyncio.Event()

    async def write() -> None:
        async with database.writing():
            begun.set()
            await asyncio.Event().wait()

    writer = asyncio.create_task(write())
    await begun.wait()
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer
    async with asyncio.timeout(30), database.writing() as session:
        await session.execute(text("INSERT INTO numbers VALUES (1)"))
    await database.close()
