"""A contacts service on a small database of its own, with a registry to look into."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from sample_app.app import create_app
from sample_app.core.database import plans
from sample_app.core.security import counters, passwords
from sample_app.services import health, imports, inspection
from sample_app.settings import Settings

ROWS = 120
PATIENCE = 60.0  # seconds; only a hang takes that long


@dataclass
class Service:
    """A running service.

    Attributes:
        client: Speaks to it without a socket.
        registry: Its metrics.
    """

    app: FastAPI
    client: httpx.AsyncClient
    registry: CollectorRegistry

    def value(self, name: str, **labels: str) -> float:
        """The sum of all samples of that name that have these labels; absent is an error."""
        values = [
            sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        assert values, f"no sample {name} {labels}"
        return sum(values)

    def names(self) -> set[str]:
        """Every sample's name."""
        return {s.name for family in self.registry.collect() for s in family.samples}


def sqlite_url(folder: Path) -> str:
    """Where a small service in `folder` has its database by default."""
    return f"sqlite+aiosqlite:///{folder}/data/test.db"


def settings_for(folder: Path, **groups: dict[str, object]) -> Settings:
    """Settings of a small service in `folder`."""
    # A pause of the machine is no outage.
    database = {"url": sqlite_url(folder), "busy_timeout": PATIENCE, "connect_timeout": PATIENCE}
    # No look for waiting tasks during a test: it would be among the statements that tests count.
    tasks = {"poll": 3600.0, "lease": 4 * 3600.0}
    defaults: dict[str, dict[str, object]] = {
        "database": database | groups.pop("database", {}),
        "seed": {"rows": ROWS, "companies": 10},
        "welcome": {"delay": 0.0},
        # No queries that no request made, and no limits but those of the test.
        "auth": {"recheck": 3600.0} | groups.pop("auth", {}),
        "rate": dict.fromkeys(("user", "address", "login"), "9000/second") | groups.pop("rate", {}),
        "tasks": tasks | groups.pop("tasks", {}),
        "redis": {"timeout": PATIENCE} | groups.pop("redis", {}),
        "directory": {"timeout": PATIENCE, "deadline": PATIENCE} | groups.pop("directory", {}),
    }
    return Settings.model_validate(defaults | groups)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    """A service with these settings, between its start and its end."""
    registry = CollectorRegistry()
    app = create_app(settings, registry)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield Service(app, client, registry)


@pytest.fixture(autouse=True)
def _no_settings_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the environment nor an `.env` file may change what is tested."""
    for name in os.environ:
        if name.startswith("SAMPLE_APP_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes at the least cost of Argon2; tests/unit/sample_app/test_passwords.py has the real."""
    monkeypatch.setattr(passwords, "MEMORY", 8)
    monkeypatch.setattr(passwords, "PASSES", 1)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs that no pause of the machine reaches; a test of one sets its own."""
    for module in (counters, health, imports, inspection, plans):
        monkeypatch.setattr(module, "PATIENCE", PATIENCE)


POSTGRESQL = pytest.param("postgresql", marks=[pytest.mark.needs_postgresql, pytest.mark.slow])


@pytest.fixture(params=["sqlite", POSTGRESQL])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of the test's own; the test runs once with each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    url = request.getfixturevalue("postgresql_url")
    assert isinstance(url, str)
    return url


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings of a service with 120 contacts of 10 companies, on SQLite and on PostgreSQL."""
    return settings_for(tmp_path, database={"url": database_url})


@pytest.fixture(scope="session")
def filled_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a service that was started once; its database is copied."""
    return tmp_path_factory.mktemp("filled")


@pytest.fixture
async def service(
    settings: Settings, tmp_path: Path, filled_folder: Path
) -> AsyncIterator[Service]:
    """A service with 120 contacts of 10 companies."""
    if settings.database.url == sqlite_url(tmp_path):
        # Migrations and rows are most of a start; test_start.py and test_migrations.py have both.
        if not (filled_folder / "data").exists():
            async with running(settings_for(filled_folder)):
                pass
        shutil.copytree(filled_folder / "data", tmp_path / "data")
    async with running(settings) as service:
        yield service
