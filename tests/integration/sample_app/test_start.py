"""Start-up: the known data set, readiness."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from sample_app.repositories.seeding import contacts, seed
from sample_app.settings import SeedSettings, Settings
from tests.integration.sample_app.conftest import ROWS, Service, running, settings_for

API = "/api/v1/contacts"


async def rows(url: str, table: str = "contacts") -> list[tuple[object, ...]]:
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        found = await connection.execute(text(f"SELECT * FROM {table} ORDER BY id"))
        every = [tuple(row) for row in found]
    await engine.dispose()
    return every


async def test_seed_twice_inserts_once(settings: Settings) -> None:
    url = settings.database.url
    async with running(settings_for(Path(), database={"url": url}, seed={"rows": 0})):
        assert await rows(url) == []
    engine = create_async_engine(url)
    seeds = SeedSettings(rows=300, companies=7)
    assert await seed(engine, seeds) == 300
    first = await rows(url)
    assert await seed(engine, seeds) == 0
    assert await rows(url) == first
    await engine.dispose()


async def test_several_services_that_start_at_once_seed_once(settings: Settings) -> None:
    """On an empty database, as the workers of one service or two gates side by side do."""

    async def start() -> None:
        async with running(settings):
            pass

    await asyncio.gather(*(start() for _ in range(4)))
    url = settings.database.url
    assert [row[0] for row in await rows(url)] == list(range(1, ROWS + 1))
    assert len(await rows(url, "users")) == 3


def test_seeded_contacts_of_the_same_number_are_the_same_and_of_another_differ() -> None:
    assert contacts(SeedSettings(rows=50)) == contacts(SeedSettings(rows=50))
    assert contacts(SeedSettings(rows=50)) == contacts(SeedSettings(rows=80))[:50]
    assert contacts(SeedSettings(rows=50)) != contacts(SeedSettings(rows=50, random=2))


async def change(service: Service) -> None:
    """Add a contact, change one, and delete one."""
    body = {"first_name": "A", "last_name": "B", "email": "a@b.example", "company_id": 1}
    assert (await service.client.post(API, json=body)).status_code == 201
    assert (await service.client.patch(f"{API}/3", json={"notes": "x"})).status_code == 200
    assert (await service.client.delete(f"{API}/4")).status_code == 204


async def test_start_after_changes_keeps_them_and_adds_what_is_missing(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    url = settings.database.url
    async with running(settings) as service:
        known = await rows(url)
        await change(service)
        await service.app.state.services.background.idle()
    changed = await rows(url)
    for _ in range(2):
        async with running(settings):
            pass
        assert await rows(url) == [*changed[:3], known[3], *changed[3:]]
    assert len(known) == ROWS
    assert "not seeded" not in caplog.text


async def test_start_with_reset_after_changes_restores_the_known_state(settings: Settings) -> None:
    url = settings.database.url
    seeds = settings.seed.model_copy(update={"reset": True})
    settings = settings.model_copy(update={"seed": seeds})
    async with running(settings) as service:
        known = await rows(url)
        await change(service)
    assert await rows(url) != known
    async with running(settings) as service:
        assert (await service.client.get(API)).json()["total"] == ROWS
    assert await rows(url) == known


FEW = SeedSettings(rows=20, companies=5)
COMPANY = "INSERT INTO companies (id, name) VALUES ({}, '{}')"
CONTACT = (
    "INSERT INTO contacts (id, company_id, first_name, last_name, search_key, email, created_at,"
    " updated_at) VALUES ({}, 500, 'O', 'Other', 'other o', '{}', '2025-02-03', '2025-02-03')"
)


@pytest.mark.parametrize(
    ("statements", "problem"),
    [
        pytest.param([CONTACT.format(7, "o@b.example")], "contact 7 is not a seeded one", id="id"),
        pytest.param(
            [CONTACT.format(9000, contacts(FEW)[8]["email"])],
            "contact 9000 has the e-mail address of a seeded one",
            id="e-mail address",
        ),
        pytest.param([COMPANY.format(2, "Mine")], "company 2 is not a seeded one", id="company id"),
        pytest.param(
            [COMPANY.format(77, "Clark Consulting 2")],
            "company 77 is not a seeded one",
            id="company name",
        ),
        pytest.param([CONTACT.format(9000, "o@b.example")], "", id="nothing in common"),
    ],
)
async def test_rows_of_others_are_never_touched(
    settings: Settings, statements: list[str], problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = settings.database.url
    engine = create_async_engine(url)
    async with running(settings_for(Path(), database={"url": url}, seed={"rows": 0})) as service:
        async with engine.begin() as connection:
            for statement in [COMPANY.format(500, "Others"), *statements]:
                await connection.execute(text(statement))
        before = await rows(url), await rows(url, "companies")
        for _ in range(2):
            inserted = await seed(engine, FEW)
        after = await rows(url), await rows(url, "companies")
        if problem:
            assert after == before
            (record, _) = [r for r in caplog.records if r.message.startswith("not seeded")]
            assert record.__dict__["problem"] == problem
        else:
            assert (len(after[0]), inserted) == (21, 0)
            assert set(before[0]) < set(after[0])
            # New rows are numbered after all others.
            body = {"first_name": "A", "last_name": "B", "email": "a@b.example", "company_id": 1}
            assert (await service.client.post(API, json=body)).json()["id"] > 9000
    await engine.dispose()


async def test_start_with_no_rows_to_seed_leaves_the_data_alone(
    settings: Settings, tmp_path: Path
) -> None:
    async with running(settings) as service:
        await service.client.delete(f"{API}/4")
    unseeded = settings_for(tmp_path, database={"url": settings.database.url}, seed={"rows": 0})
    async with running(unseeded) as service:
        assert (await service.client.get(API)).json()["total"] == ROWS - 1


async def test_health_says_version_commit_and_build_time(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, seed={"rows": 0})
    told = {"status": "ok", "version": "0.1.0", "commit": "unknown", "built": "unknown"}
    async with running(settings) as service:
        assert (await service.client.get("/health")).json() == told
        built = datetime(2026, 1, 31, 12, tzinfo=UTC)
        service.app.state.commit, service.app.state.built = "abc123", built
        told |= {"commit": "abc123", "built": "2026-01-31T12:00:00Z"}
        assert (await service.client.get("/health")).json() == told


async def test_ready_with_its_database_is_200(service: Service) -> None:
    answer = await service.client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ready", "checks": {"database": "ok", "cache": "ok", "directory": "ok"}},
    )


async def test_ready_without_its_database_is_503_and_health_still_200(
    tmp_path: Path,
) -> None:
    async with running(settings_for(tmp_path)) as service:
        services = service.app.state.services
        await services.health._database.engine.dispose()
        for file in (tmp_path / "data").iterdir():
            file.unlink()
        (tmp_path / "data").rmdir()
        answer = await service.client.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json() == {
            "status": "unavailable",
            "checks": {"database": "failed", "cache": "ok", "directory": "ok"},
        }
        assert (await service.client.get("/health")).status_code == 200
        answer = await service.client.get(API)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


@pytest.mark.parametrize(("environment", "status"), [("development", 200), ("production", 404)])
async def test_docs_outside_production_only(tmp_path: Path, environment: str, status: int) -> None:
    settings = settings_for(tmp_path, seed={"rows": 0})
    settings = settings.model_copy(update={"environment": environment})
    async with running(settings) as service:
        for path in ("/docs", "/openapi.json"):
            assert (await service.client.get(path)).status_code == status
        assert (await service.client.get("/health")).status_code == 200
