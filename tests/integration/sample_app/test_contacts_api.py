"""The contacts API as a client sees it."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from sample_app.core.database.database import Database
from sample_app.repositories.seeding import contacts
from sample_app.settings import SeedSettings
from tests.integration.sample_app.conftest import ROWS, Service, running, settings_for

API = "/api/v1/contacts"
SEEDS = contacts(SeedSettings(rows=ROWS, companies=10))
SOMEBODY = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "email": "Ada@Example.com",
    "company_id": 3,
}


@pytest.mark.parametrize(
    ("query", "page", "size"),
    [
        pytest.param("", 1, 20, id="the first page of twenty by default"),
        pytest.param("page=2&size=50", 2, 50, id="a page in the middle"),
        pytest.param("page=3&size=50", 3, 50, id="a last page that is not full"),
        pytest.param("size=100", 1, 100, id="the largest page"),
        pytest.param("page=7&size=20", 7, 20, id="a page after the last is empty"),
        pytest.param("size=1", 1, 1, id="the smallest page"),
    ],
)
async def test_list_page_is_that_part_of_all(
    service: Service, query: str, page: int, size: int
) -> None:
    body = (await service.client.get(f"{API}?{query}")).json()
    ordered = sorted(SEEDS, key=lambda seed: (seed["search_key"], seed["id"]))
    part = ordered[(page - 1) * size : page * size]
    assert [item["id"] for item in body["items"]] == [seed["id"] for seed in part]
    assert [item["company"]["id"] for item in body["items"]] == [s["company_id"] for s in part]
    assert {k: v for k, v in body.items() if k != "items"} == {
        "total": ROWS,
        "page": page,
        "size": size,
        "pages": math.ceil(ROWS / size),
    }


@pytest.mark.parametrize(
    "q", ["a", "smi", "SMITH", "zhang z", "ada.", "nobody", "100%", "_", "'; --", "\U0010ffff"]
)
async def test_search_finds_who_begins_so(service: Service, q: str) -> None:
    body = (await service.client.get(f"{API}/search", params={"q": q, "size": 100})).json()
    found = {
        seed["id"]
        for seed in SEEDS
        if seed["search_key"].startswith(q.lower()) or seed["email"].startswith(q.lower())
    }
    assert {item["id"] for item in body["items"]} == found
    assert body["total"] == len(found)
    assert body["pages"] == (1 if found else 0)


async def test_detail_is_the_whole_contact_with_times_in_utc(service: Service) -> None:
    body = (await service.client.get(f"{API}/7")).json()
    seed = SEEDS[6]
    for field in ("id", "first_name", "last_name", "email", "phone", "notes"):
        assert body[field] == seed[field]
    assert body["company"]["id"] == seed["company_id"]
    assert body["created_at"] == "2026-01-01T00:00:00Z"


async def test_create_answers_201_and_the_contact_can_be_read_and_found(service: Service) -> None:
    before = datetime.now(UTC)
    answer = await service.client.post(API, json=SOMEBODY)
    assert answer.status_code == 201
    body = answer.json()
    assert answer.headers["Location"] == f"{API}/{body['id']}"
    assert body["email"] == "ada@example.com"
    assert before <= datetime.fromisoformat(body["created_at"]) <= datetime.now(UTC)
    assert (await service.client.get(answer.headers["Location"])).json() == body
    found = (await service.client.get(f"{API}/search?q=lovelace")).json()
    assert [item["id"] for item in found["items"]] == [body["id"]]


async def test_update_changes_what_was_sent_and_the_cached_detail(service: Service) -> None:
    before = (await service.client.get(f"{API}/7")).json()
    sent = {"last_name": "Hopper", "company_id": 2}
    answer = await service.client.patch(f"{API}/7", json=sent)
    assert answer.status_code == 200
    after = (await service.client.get(f"{API}/7")).json()
    assert after == answer.json()
    assert (after["last_name"], after["company"]["id"]) == ("Hopper", 2)
    assert after["first_name"] == before["first_name"]
    assert after["updated_at"] > before["updated_at"]
    found = (await service.client.get(f"{API}/search?q=hopper")).json()
    assert [item["id"] for item in found["items"]] == [7]


async def test_replace_overwrites_every_field(service: Service) -> None:
    answer = await service.client.put(f"{API}/7", json=SOMEBODY)
    assert answer.status_code == 200
    after = (await service.client.get(f"{API}/7")).json()
    assert (after["last_name"], after["phone"], after["notes"]) == ("Lovelace", None, None)


async def test_delete_answers_204_once_and_404_after(service: Service) -> None:
    assert (await service.client.get(f"{API}/7")).status_code == 200
    answer = await service.client.delete(f"{API}/7")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await service.client.get(f"{API}/7")).status_code == 404
    assert (await service.client.delete(f"{API}/7")).status_code == 404
    assert (await service.client.get(API)).json()["total"] == ROWS - 1


BAD = [
    ("GET", f"{API}/99999", None, 404, "not_found"),
    ("GET", f"{API}/x", None, 422, "validation_failed"),
    ("GET", f"{API}/0", None, 422, "validation_failed"),
    ("GET", f"{API}/99999999999999999999", None, 422, "validation_failed"),
    ("GET", f"{API}?size=101", None, 422, "validation_failed"),
    ("GET", f"{API}?page=0", None, 422, "validation_failed"),
    ("GET", f"{API}?pages=1", None, 422, "validation_failed"),
    ("GET", f"{API}/search", None, 422, "validation_failed"),
    ("GET", f"{API}/search?q=", None, 422, "validation_failed"),
    ("GET", "/api/v1/nothing", None, 404, "not_found"),
    ("DELETE", API, None, 405, "method_not_allowed"),
    ("POST", API, {}, 422, "validation_failed"),
    ("POST", API, {**SOMEBODY, "first_name": "  "}, 422, "validation_failed"),
    ("POST", API, {**SOMEBODY, "email": "nowhere"}, 422, "validation_failed"),
    ("POST", API, {**SOMEBODY, "company_id": 999}, 422, "invalid"),
    ("POST", API, {**SOMEBODY, "email": SEEDS[0]["email"]}, 409, "conflict"),
    ("PATCH", f"{API}/2", {"email": SEEDS[0]["email"]}, 409, "conflict"),
    ("PATCH", f"{API}/2", {"first_name": None}, 422, "validation_failed"),
    ("PATCH", f"{API}/2", {"company_id": 999}, 422, "invalid"),
    ("PATCH", f"{API}/99999", {"notes": "x"}, 404, "not_found"),
    ("PUT", f"{API}/99999", SOMEBODY, 404, "not_found"),
]


async def test_every_error_has_the_one_shape_and_changes_nothing(service: Service) -> None:
    before = (await service.client.get(f"{API}?size=100")).json()
    second = (await service.client.get(f"{API}/2")).json()
    for method, path, body, status, code in BAD:
        answer = await service.client.request(method, path, json=body)
        case = f"{method} {path} {body}"
        assert answer.status_code == status, case
        assert set(answer.json()) == {"code", "message", "details"}, case
        assert answer.json()["code"] == code, case
        assert answer.headers["X-Request-ID"], case
        lower = answer.text.lower()
        for internal in ("sqlite", "traceback", "insert into", "sample_app", "constraint"):
            assert internal not in lower, case
    assert (await service.client.get(f"{API}?size=100")).json() == before
    assert (await service.client.get(f"{API}/2")).json() == second


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        (API, "GET, POST"),
        (f"{API}/1", "DELETE, GET, PATCH, PUT"),
        ("/metrics", "GET, HEAD"),
    ],
)
async def test_method_that_is_not_allowed_says_which_are(
    service: Service, path: str, methods: str
) -> None:
    answer = await service.client.request("BREW", path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, methods)


async def test_unexpected_error_tells_nothing_but_keeps_the_correlation_id(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    @service.app.get("/broken")
    async def broken() -> None:
        raise LookupError("the secret table")

    answer = await service.client.get("/broken", headers={"X-Request-ID": "mine-1"})
    assert answer.status_code == 500
    assert answer.json() == {
        "code": "internal_error",
        "message": "Something went wrong on our side.",
        "details": {},
    }
    assert answer.headers["X-Request-ID"] == "mine-1"
    assert "the secret table" in caplog.text


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("abc-123", True, id="a plain id is kept"),
        pytest.param("x" * 129, False, id="a long one is replaced"),
        pytest.param('a" b', False, id="one that could forge a log line is replaced"),
    ],
)
async def test_correlation_id_goes_in_and_out(service: Service, given: str, kept: bool) -> None:
    answer = await service.client.get("/health", headers={"X-Request-ID": given})
    assert (answer.headers["X-Request-ID"] == given) is kept
    assert answer.headers["X-Request-ID"]


async def test_parallel_writes_all_succeed(service: Service) -> None:
    answers = await asyncio.gather(
        *(
            service.client.post(API, json={**SOMEBODY, "email": f"p{n}@example.com"})
            for n in range(40)
        ),
        *(service.client.patch(f"{API}/{n}", json={"notes": "x"}) for n in range(1, 41)),
    )
    assert {answer.status_code for answer in answers} == {200, 201}
    assert (await service.client.get(API)).json()["total"] == ROWS + 40


@pytest.mark.needs_postgresql
@pytest.mark.slow
async def test_patches_of_both_names_at_once_leave_a_contact_that_is_found(
    tmp_path: Path, postgresql_url: str
) -> None:
    """On SQLite there is one writer at a time."""
    waiting = (
        "SELECT 1 FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with running(settings_for(tmp_path, database={"url": postgresql_url})) as service:
        database: Database = service.app.state.services.contacts._database
        changed = {"first_name": "Zora", "search_key": f"{SEEDS[6]['last_name']} zora".lower()}
        async with database.writing() as first:
            change = "UPDATE contacts SET first_name = :first_name, search_key = :search_key"
            await first.execute(text(f"{change} WHERE id = 7"), changed)
            patch = service.client.patch(f"{API}/7", json={"last_name": "Zimt"})
            second = asyncio.create_task(patch)
            async with asyncio.timeout(30), database.engine.connect() as other:
                while not await other.scalar(text(waiting)):
                    await other.rollback()  # a transaction sees the activity of its first look
                    await asyncio.sleep(0.01)
        answer = (await second).json()
        assert (answer["first_name"], answer["last_name"]) == ("Zora", "Zimt")
        found = (await service.client.get(f"{API}/search", params={"q": "zimt zora"})).json()
        assert [contact["id"] for contact in found["items"]] == [7]
