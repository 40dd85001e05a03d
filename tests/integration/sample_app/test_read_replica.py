"""A second engine for reads: who uses it, its pool, and what happens without it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.sample_app.conftest import ROWS, Service, running, settings_for, sqlite_url

API = "/api/v1"
NEW = {"first_name": "Ada", "last_name": "Zzz", "email": "ada@zzz.example", "company_id": 1}


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """A service whose replica stopped before the first request: it has the seeded data only."""
    async with running(settings_for(tmp_path)):
        pass
    shutil.copytree(tmp_path / "data", tmp_path / "replica")
    database: dict[str, object] = {
        "url": sqlite_url(tmp_path),
        "read_url": f"sqlite+aiosqlite:///{tmp_path}/replica/test.db",
    }
    async with running(settings_for(tmp_path, database=database)) as service:
        yield service


def uses(service: Service, pool: str) -> float:
    name = "db_client_connection_use_time_seconds_count"
    return service.value(name, db_client_connection_pool_name=pool)


POOL_OF_READ = {
    "/contacts": "read",
    "/contacts?cursor=": "read",
    "/contacts/search?q=a": "read",
    "/contacts/export": "main read",  # its entry in the audit log is a write
    "/contacts/7": "main",  # cached
    "/companies": "main",  # cached
    "/companies/1": "main",
    f"/tasks/{'0' * 32}": "main",  # read right after its POST, like the next one
    "/imports/1": "main",
}


async def test_reads_that_may_be_a_moment_old_go_to_the_replica(service: Service) -> None:
    used = {}
    for path in POOL_OF_READ:
        before = {name: uses(service, name) for name in ("main", "read")}
        assert (await service.client.get(f"{API}{path}")).status_code in {200, 404}
        used[path] = " ".join(name for name in before if uses(service, name) > before[name])
    assert used == POOL_OF_READ


async def test_writer_reads_its_own_write_though_the_replica_lags(service: Service) -> None:
    answer = await service.client.post(f"{API}/contacts", json=NEW)
    assert (await service.client.get(answer.headers["Location"])).json() == answer.json()
    task = await service.client.get(f"{API}/tasks/{answer.headers['X-Task-Id']}")
    assert task.status_code == 200
    changed = await service.client.patch(f"{API}/contacts/7", json={"notes": "x"})
    assert (await service.client.get(f"{API}/contacts/7")).json() == changed.json()
    await service.client.patch(f"{API}/companies/1", json={"name": "AAA"})
    first = (await service.client.get(f"{API}/companies")).json()["items"][0]
    assert first["name"] == "AAA"
    # What may be a moment old is: this replica never catches up.
    assert (await service.client.get(f"{API}/contacts")).json()["total"] == ROWS


async def test_pools_have_one_series_each_in_one_family(service: Service) -> None:
    text = (await service.client.get("/metrics")).text
    for name in ("count", "max", "high_water_mark", "used_seconds_total"):
        assert text.count(f"# TYPE db_client_connection_{name} ") == 1
    for pool in ("main", "read"):
        labels = {"db_client_connection_pool_name": pool}
        assert service.value("db_client_connection_max", **labels) == 30


async def test_readiness_without_the_replica_is_degraded(service: Service, tmp_path: Path) -> None:
    ready = await service.client.get("/health/ready")
    assert ready.json()["checks"] | {"replica": "ok"} == ready.json()["checks"]
    assert ready.json()["status"] == "ready"
    await service.app.state.services.health._database._replica.dispose()
    shutil.rmtree(tmp_path / "replica")
    ready = await service.client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["checks"]["replica"] == "failed"
    page = await service.client.get(f"{API}/contacts")
    assert (page.status_code, page.json()["code"]) == (503, "unavailable")
    assert (await service.client.get(f"{API}/contacts/7")).status_code == 200
