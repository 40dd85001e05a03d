"""Companies: cached pages, profiles from the directory, renaming, and tasks with a status."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from harness import names
from tests.integration.sample_app.conftest import ROWS, Service, running, settings_for
from tests.integration.sample_app.directory import directory_server

API = "/api/v1/companies"
DB = f"{names.DB_DURATION}_count"


async def ended(service: Service, path: str) -> dict[str, object]:
    """The task at `path`, when it has ended."""
    async with asyncio.timeout(30):
        while True:
            task = (await service.client.get(path)).json()
            if task["finished_at"]:
                assert isinstance(task, dict)
                return task
            await asyncio.sleep(0.01)


async def test_list_is_a_page_by_name_and_comes_from_the_cache_the_second_time(
    service: Service,
) -> None:
    page = (await service.client.get(f"{API}?size=4&page=2")).json()
    assert (page["total"], page["pages"], page["page"], page["size"]) == (10, 3, 2, 4)
    everything = (await service.client.get(f"{API}?size=100")).json()["items"]
    shown = [company["name"] for company in everything]
    assert shown == sorted(shown)
    assert page["items"] == everything[4:8]
    assert sum(company["contacts"] for company in everything) == ROWS
    before = service.value(DB)
    for _ in range(9):
        assert (await service.client.get(f"{API}?size=4&page=2")).json() == page
    assert service.value(DB) == before
    assert service.value(names.CACHE_GETS, cache="company_pages", result="hit") == 9


async def test_list_with_profiles_has_for_each_company_what_it_has_alone(service: Service) -> None:
    plain = (await service.client.get(f"{API}?size=4&page=2")).json()
    page = (await service.client.get(f"{API}?size=4&page=2&profiles=true")).json()
    alone = [
        (await service.client.get(f"{API}/{company['id']}")).json() for company in plain["items"]
    ]
    assert page == plain | {"items": alone}
    assert all(company["profile"]["employees"] > 0 for company in page["items"])


async def test_list_with_profiles_of_a_directory_that_is_too_slow_has_none(tmp_path: Path) -> None:
    slow: dict[str, object] = {"stub_delay": 60, "timeout": 0.01, "attempts": 1}
    async with running(settings_for(tmp_path, directory=slow)) as service:
        answer = await service.client.get(f"{API}?size=3&profiles=true")
        assert answer.status_code == 200
        assert [company["profile"] for company in answer.json()["items"]] == [None] * 3
        calls = {"peer": "directory", "error_type": "ReadTimeout"}
        assert service.value("http_client_request_duration_seconds_count", **calls) == 3


@pytest.mark.parametrize("method", ["get", "patch", "post"])
async def test_company_that_does_not_exist_is_404(service: Service, method: str) -> None:
    path = f"{API}/999/refresh" if method == "post" else f"{API}/999"
    body = {"json": {"name": "New"}} if method == "patch" else {}
    answer = await service.client.request(method, path, **body)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_rename_is_seen_at_once_in_every_page_and_every_contact(service: Service) -> None:
    contact = (await service.client.get("/api/v1/contacts/1")).json()
    identifier = contact["company"]["id"]
    for size in (5, 100):
        await service.client.get(f"{API}?size={size}")
    answer = await service.client.patch(f"{API}/{identifier}", json={"name": "  AAA first "})
    assert (answer.status_code, answer.json()["name"]) == (200, "AAA first")
    for size in (5, 100):
        first = (await service.client.get(f"{API}?size={size}")).json()["items"][0]
        assert (first["id"], first["name"]) == (identifier, "AAA first")
    contact = (await service.client.get("/api/v1/contacts/1")).json()
    assert contact["company"]["name"] == "AAA first"
    assert (await service.client.get(f"{API}/{identifier}")).json()["name"] == "AAA first"


@pytest.mark.parametrize(("most", "kept"), [(1000, 1), (0, 0)])
async def test_rename_keeps_the_contacts_of_other_companies_in_the_cache(
    service: Service, monkeypatch: pytest.MonkeyPatch, most: int, kept: int
) -> None:
    monkeypatch.setattr("sample_app.services.companies._MOST_KEYS", most)  # above it, all go
    contacts = [(await service.client.get(f"/api/v1/contacts/{n}")).json() for n in range(1, 9)]
    own = contacts[0]
    other = next(one for one in contacts if one["company"] != own["company"])
    await service.client.patch(f"{API}/{own['company']['id']}", json={"name": "AAA first"})
    hits = service.value(names.CACHE_GETS, result="hit", cache="contact_details")
    for contact in (own, other):
        await service.client.get(f"/api/v1/contacts/{contact['id']}")
    assert service.value(names.CACHE_GETS, result="hit", cache="contact_details") == hits + kept


async def test_save_without_a_change_empties_no_cache(service: Service) -> None:
    contact = (await service.client.get("/api/v1/contacts/1")).json()
    pages = await service.client.get(API)
    company = contact["company"]
    body = {"name": f" {company['name']} "}
    answer = await service.client.patch(f"{API}/{company['id']}", json=body)
    assert (answer.status_code, answer.json()) == (200, company)
    misses = service.value(names.CACHE_GETS, result="miss")
    assert (await service.client.get("/api/v1/contacts/1")).json() == contact
    assert (await service.client.get(API)).json() == pages.json()
    assert service.value(names.CACHE_GETS, result="miss") == misses
    assert service.value("business_events_total", event="company_renamed") == 0


async def test_rename_to_a_name_that_is_taken_is_409(service: Service) -> None:
    taken = (await service.client.get(f"{API}/2")).json()["name"]
    answer = await service.client.patch(f"{API}/1", json={"name": taken})
    assert (answer.status_code, answer.json()["details"]) == (409, {"field": "name"})


@pytest.mark.parametrize("body", [{}, {"name": " "}, {"name": "x" * 201}, {"name": "x", "y": 1}])
async def test_rename_to_nonsense_is_422(service: Service, body: dict[str, object]) -> None:
    assert (await service.client.patch(f"{API}/1", json=body)).status_code == 422


async def test_company_of_the_stub_has_a_profile_that_is_cached(service: Service) -> None:
    company = (await service.client.get(f"{API}/1")).json()
    assert company["profile"]["employees"] >= 1
    assert (await service.client.get(f"{API}/1")).json() == company
    assert service.value(names.CACHE_GETS, cache="company_profiles", result="hit") == 1
    assert service.value(f"{names.CLIENT_DURATION}_count", error_type="") == 1


async def test_company_whose_directory_fails_has_no_profile_and_readiness_says_degraded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with directory_server() as directory:
        quick = {"url": directory.url, "retry_wait": 0.001, "failures": 3, "pause": 600.0}
        async with running(settings_for(tmp_path, directory=quick)) as service:
            directory.status = 500
            for identifier in range(1, 8):
                answer = await service.client.get(f"{API}/{identifier}")
                assert (answer.status_code, answer.json()["profile"]) == (200, None)
            assert len(directory.asked) == 3
            ready = await service.client.get("/health/ready")
            assert ready.status_code == 200
            assert ready.json()["status"] == "degraded"
            assert ready.json()["checks"]["directory"] == "failed"
            assert service.value(names.BREAKER_STATE, state="opened") == 1
            directory.status = 200
            now = time.time
            for clock in ("time.time", "sample_app.core.resilience.breaker.time"):
                monkeypatch.setattr(clock, lambda: now() + 601)
            assert (await service.client.get(f"{API}/1")).json()["profile"] is not None
            assert (await service.client.get("/health/ready")).json()["status"] == "ready"


async def test_refresh_asks_the_directory_again_in_the_background(tmp_path: Path) -> None:
    async with directory_server() as directory:
        quick: dict[str, object] = {"url": directory.url, "retry_wait": 0.001, "attempts": 1}
        tasks: dict[str, object] = {"retry_wait": 0.001}
        settings = settings_for(tmp_path, directory=quick, tasks=tasks)
        async with running(settings) as service:
            path = f"{API}/1"
            assert (await service.client.get(path)).json()["profile"]["industry"] == "mining"
            directory.knows("fishing")
            answer = await service.client.post(f"{path}/refresh")
            assert (answer.status_code, answer.json()["status"]) == (202, "running")
            task = await ended(service, answer.headers["Location"])
            assert (task["id"], task["status"]) == (answer.json()["id"], "succeeded")
            assert (await service.client.get(path)).json()["profile"]["industry"] == "fishing"
            directory.status = 500
            answer = await service.client.post(f"{path}/refresh")
            task = await ended(service, answer.headers["Location"])
            assert (task["status"], task["error"]) == ("failed", "unavailable")
            assert task["attempts"] == 3
            # What was known is still known.
            assert (await service.client.get(path)).json()["profile"]["industry"] == "fishing"
            assert service.value(names.TASK_FAILURES, task="refresh_profile") == 1
            assert service.value(names.TASK_RETRIES, task="refresh_profile") == 2


async def test_new_contact_tells_the_task_that_welcomes_them(service: Service) -> None:
    body = {"first_name": "A", "last_name": "B", "email": "a@b.example", "company_id": 1}
    answer = await service.client.post("/api/v1/contacts", json=body)
    task = await ended(service, f"/api/v1/tasks/{answer.headers['X-Task-Id']}")
    assert (task["status"], task["step"]) == ("succeeded", "note_welcome")


@pytest.mark.parametrize(
    ("identifier", "status"), [("0" * 32, 404), ("1", 422), ("0" * 31 + "g", 422)]
)
async def test_task_that_nobody_knows_is_an_error(
    service: Service, identifier: str, status: int
) -> None:
    assert (await service.client.get(f"/api/v1/tasks/{identifier}")).status_code == status
