"""Migrations: up, down and up again on both databases, and the schema is what the code expects."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from os import environ
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from sample_app.migrations.migrating import SchemaError, demand_newest, migrate
from sample_app.models import tables as models
from sample_app.models.base import Base
from sample_app.settings import Settings
from tests.integration.sample_app.conftest import PATIENCE, running, settings_for

ROOT = Path(__file__).parents[3]
TABLES = {getattr(models, name).__tablename__ for name in models.__all__}


@pytest.fixture
async def engine(database_url: str, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    (tmp_path / "data").mkdir()
    # Seconds until a database that another one holds is an error, on both kinds.
    engine = create_async_engine(database_url, connect_args={"timeout": PATIENCE})
    yield engine
    await engine.dispose()


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    return list(compare_metadata(context, Base.metadata))


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - {"alembic_version"}


async def test_up_down_and_up_again_gives_what_the_models_say(engine: AsyncEngine) -> None:
    for _ in range(2):
        await migrate(engine)
        await demand_newest(engine)
        async with engine.connect() as connection:
            assert await connection.run_sync(differences) == []
            assert await connection.run_sync(tables) == TABLES
        await migrate(engine, "base")
        async with engine.connect() as connection:
            assert await connection.run_sync(tables) == set()


async def test_constraints_of_migrated_tables_are_those_of_the_models(
    engine: AsyncEngine,
) -> None:
    """Alembic compares neither checks nor what a foreign key does on deletion."""

    def constraints(connection: Connection) -> dict[str, tuple[object, ...]]:
        look = inspect(connection)
        return {
            name: (
                sorted(str(check["name"]) for check in look.get_check_constraints(name)),
                [(key["name"], key["options"]) for key in look.get_foreign_keys(name)],
                look.get_pk_constraint(name)["name"],
                [
                    (column["name"], str(column["type"]), column["nullable"])
                    for column in look.get_columns(name)
                ],
            )
            for name in TABLES
        }

    await migrate(engine)
    async with engine.begin() as connection:
        migrated = await connection.run_sync(constraints)
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
        assert await connection.run_sync(constraints) == migrated


@pytest.mark.parametrize("revision", ["0001", "0002", "0003", "0004", "0005", "0006"])
async def test_each_step_can_be_taken_back_alone(engine: AsyncEngine, revision: str) -> None:
    await migrate(engine)
    await migrate(engine, revision)
    with pytest.raises(SchemaError, match=r"is at 000\d.*python -m sample_app.migrate"):
        await demand_newest(engine)
    await migrate(engine)
    await demand_newest(engine)


async def test_several_starts_at_once_migrate_once(engine: AsyncEngine) -> None:
    await asyncio.gather(*(migrate(engine) for _ in range(4)))
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []


@pytest.mark.needs_postgresql
async def test_index_of_a_large_table_is_made_while_others_write(postgresql_url: str) -> None:
    """CREATE INDEX would wait for the open transaction, and all later writers would wait for it."""
    row = text(
        "INSERT INTO tasks VALUES (:id, '[]', 'x', now(), 'queued', 'mail', 0, 0, 0, NULL, '',"
        " now(), NULL)"
    )
    engine = create_async_engine(postgresql_url)
    await migrate(engine, "0006")
    async with engine.begin() as open_transaction:
        await open_transaction.execute(row, {"id": "1"})
        migrating = asyncio.create_task(migrate(engine))
        waiting = text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%'")
        async with asyncio.timeout(60), engine.connect() as connection:
            while not await connection.scalar(waiting):
                await connection.rollback()
                await asyncio.sleep(0.01)
        async with engine.begin() as connection:
            await connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            await connection.execute(row, {"id": "2"})
        assert not migrating.done()
    await migrating
    async with engine.connect() as connection:
        valid = (
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_tasks_finished_at'::regclass"
        )
        assert await connection.scalar(text(valid))
    await engine.dispose()


async def test_tables_from_before_the_migrations_are_taken_over(engine: AsyncEngine) -> None:
    await migrate(engine, "0001")
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO companies (name) VALUES ('Kept')"))
        await connection.execute(text("DROP TABLE alembic_version"))
    await migrate(engine)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        assert await connection.scalar(text("SELECT name FROM companies")) == "Kept"


async def test_step_that_fails_leaves_the_schema_as_it_was(engine: AsyncEngine) -> None:
    await migrate(engine, "0001")
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE imports (id INTEGER)"))
    with pytest.raises(Exception, match="imports"):
        await migrate(engine)
    async with engine.connect() as connection:
        assert "users" not in await connection.run_sync(tables)  # made by the step before
        assert await connection.scalar(text("SELECT version_num FROM alembic_version")) == "0001"


async def test_company_that_goes_takes_its_contacts_along(settings: Settings) -> None:
    async with running(settings) as service:
        engine = service.app.state.services.contacts._database.engine
        async with engine.begin() as connection:
            await connection.execute(text("DELETE FROM companies WHERE id = 1"))
            count = text("SELECT count(*) FROM contacts WHERE company_id = 1")
            assert await connection.scalar(count) == 0
        with pytest.raises(IntegrityError):
            async with engine.begin() as connection:
                await connection.execute(text("UPDATE contacts SET company_id = 1"))


@pytest.mark.needs_postgresql
async def test_start_where_migrating_is_a_command_refuses_an_old_schema(
    postgresql_url: str, tmp_path: Path
) -> None:
    database = {"url": postgresql_url, "migrate": False}
    settings = settings_for(tmp_path, database=database)
    with pytest.raises(SchemaError, match="is at nothing"):
        async with running(settings):
            pass
    assert command(postgresql_url).returncode == 0
    async with running(settings) as service:
        assert (await service.client.get("/health/ready")).status_code == 200


def test_settings_migrate_at_the_start_outside_production_and_always_on_sqlite() -> None:
    database: dict[str, object] = {"url": "postgresql+asyncpg://h/d"}
    settings = settings_for(Path(), database=database, seed={"rows": 0})
    assert settings.migrates
    assert not settings.model_copy(update={"environment": "production"}).migrates
    embedded = settings_for(Path(), seed={"rows": 0})
    assert embedded.model_copy(update={"environment": "production"}).migrates


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["9999"], 1, "not migrated: ", id="a revision that does not exist"),
        pytest.param(["--help"], 2, "sample_app.migrate [REVISION]", id="a call for help"),
        pytest.param(["0001", "0002"], 2, "[REVISION]", id="too many words"),
    ],
)
def test_command_with(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    ended = command(f"sqlite+aiosqlite:///{tmp_path}/x.db", *arguments)
    assert (ended.returncode, "Traceback" in ended.stderr) == (code, False)
    assert words in ended.stderr


def test_command_goes_to_the_newest_revision_and_down_to_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    for arguments, expected in (((), TABLES), (("base",), set())):
        ended = command(f"sqlite+aiosqlite:///{path}", *arguments)
        assert ended.returncode == 0, ended.stderr
        with closing(sqlite3.connect(path)) as database:
            found = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            names = {name for (name,) in found}
        assert names - {"alembic_version", "sqlite_sequence"} == expected


def command(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sample_app.migrate", *arguments],
        cwd=ROOT,
        env=environ | {"SAMPLE_APP_DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
