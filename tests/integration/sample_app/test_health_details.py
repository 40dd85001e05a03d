"""/health/detailed: what it says, and to whom."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sample_app.core.errors import UnavailableError
from sample_app.core.tasks.task import Step
from sample_app.repositories.tasks import TaskRepository
from sample_app.services import inspection
from sample_app.services.inspection import InspectionService
from tests.integration.sample_app.conftest import running, settings_for

PATH = "/health/detailed"
TOKEN = "/api/v1/auth/token"


async def test_details_are_those_of_dependencies_pool_and_tasks(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, tasks={"concurrency": 1})
    async with running(settings) as service:
        answer = await service.client.get(PATH)
        details = answer.json()
        assert (answer.status_code, details["status"]) == (200, "ready")
        build = (details["version"], details["commit"], details["built"])
        assert build == ("0.1.0", "unknown", "unknown")
        age = datetime.now(UTC) - datetime.fromisoformat(details["started_at"])
        assert 0 <= age.total_seconds() < 60
        states = {name: state["status"] for name, state in details["dependencies"].items()}
        assert states == {"database": "ok", "cache": "ok", "directory": "ok"}
        assert all(0 <= d["seconds"] < 60 for d in details["dependencies"].values())
        assert details["pools"] == {"main": {"used": 0, "idle": 1, "max": 30}}
        assert details["tasks"] == {"running": 0, "waiting": 0}

        go = asyncio.Event()
        background = service.app.state.services.background
        database = service.app.state.services.contacts._database
        background.register({"wait": go.wait})
        tasks = [background.plan(Step("wait")) for _ in range(3)]
        async with database.writing() as session:
            for task in tasks:
                await TaskRepository(session).add(task)
        for task in tasks:
            await background.start(task)
        async with database.writing() as session:
            await session.connection()
            details = (await service.client.get(PATH)).json()
        assert details["tasks"] == {"running": 1, "waiting": 2}
        assert details["pools"]["main"]["used"] >= 1  # a task may store its progress
        go.set()


async def down() -> bool:
    return False


async def up() -> bool:
    return True


async def refused() -> None:
    raise UnavailableError("nobody is there")


async def silent() -> bool:
    await asyncio.Event().wait()
    return True


@pytest.mark.parametrize(
    ("name", "ping", "status"),
    [
        pytest.param("cache", down, "degraded", id="a cache that is down"),
        pytest.param("directory", silent, "degraded", id="a directory that is silent"),
        pytest.param("database", refused, "unavailable", id="a database that refuses"),
        pytest.param("database", silent, "unavailable", id="a database that is silent"),
    ],
)
async def test_failed_dependency_is_named_and_the_answer_is_still_200(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, ping: object, status: str
) -> None:
    monkeypatch.setattr(inspection, "PATIENCE", 0.05)
    async with running(settings_for(tmp_path, seed={"rows": 0})) as service:
        served = service.app.state.services.inspection
        # The others answer before any time passes.
        served._asked = dict.fromkeys(served._asked, up) | {name: ping}
        answer = await service.client.get(PATH)
    assert (answer.status_code, answer.json()["status"]) == (200, status)
    failed = [n for n, d in answer.json()["dependencies"].items() if d["status"] == "failed"]
    assert failed == [name]


async def test_all_dependencies_are_asked_at_once(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path, seed={"rows": 0})) as service:
        meeting = asyncio.Barrier(3)  # passes when all three wait for the others

        async def ping() -> bool:
            return await meeting.wait() >= 0

        served = service.app.state.services.inspection
        assert isinstance(served, InspectionService)
        served._asked = dict.fromkeys(served._asked, ping)
        assert (await service.client.get(PATH)).json()["status"] == "ready"


@pytest.mark.parametrize(
    ("role", "status"), [("nobody", 401), ("reader", 403), ("editor", 403), ("admin", 200)]
)
async def test_closed_service_tells_details_to_admins_only(
    tmp_path: Path, role: str, status: int
) -> None:
    async with running(settings_for(tmp_path, auth={"anonymous": False})) as service:
        headers = {}
        if role != "nobody":
            form = {"username": f"{role}@example.com", "password": "sample-password"}
            token = (await service.client.post(TOKEN, data=form)).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
        assert (await service.client.get(PATH, headers=headers)).status_code == status
        assert (await service.client.get("/health")).status_code == 200
