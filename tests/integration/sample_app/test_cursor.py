"""Pages after a cursor, companies, and the number of statements of every list."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

import pytest

from harness import names
from sample_app.repositories.seeding import contacts
from sample_app.settings import SeedSettings
from tests.integration.sample_app.conftest import ROWS, Service

pytestmark = pytest.mark.untraced  # test_contacts_api.py runs the same lines

CONTACTS = "/api/v1/contacts"
COMPANIES = "/api/v1/companies"
SEEDS = contacts(SeedSettings(rows=ROWS, companies=10))
ORDERED = [s["id"] for s in sorted(SEEDS, key=lambda s: (s["search_key"], s["id"]))]


async def walk(service: Service, size: int) -> list[int]:
    cursor, seen = "", []
    while True:
        query: dict[str, str | int] = {"cursor": cursor, "size": size}
        page = (await service.client.get(CONTACTS, params=query)).json()
        assert set(page) == {"items", "size", "next"}
        assert page["size"] == size
        assert len(page["items"]) == size or page["next"] is None
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            return seen
        cursor = page["next"]


@pytest.mark.parametrize("size", [7, 40, 100])
async def test_walk_by_cursor_sees_everybody_once_in_order(service: Service, size: int) -> None:
    assert await walk(service, size) == ORDERED


async def test_walk_while_others_are_inserted_and_deleted_repeats_and_loses_nobody(
    service: Service,
) -> None:
    first = (await service.client.get(f"{CONTACTS}?cursor=&size=30")).json()
    body = {"first_name": "A", "last_name": "Aaa", "email": "a@a.example", "company_id": 1}
    await service.client.post(CONTACTS, json=body)  # before all others
    await service.client.delete(f"{CONTACTS}/{ORDERED[3]}")
    query = {"cursor": first["next"], "size": 100}
    rest = (await service.client.get(CONTACTS, params=query)).json()
    assert [item["id"] for item in rest["items"]] == ORDERED[30:]
    assert len(first["next"]) < 200


async def test_cursor_page_has_twenty_by_default(service: Service) -> None:
    page = (await service.client.get(f"{CONTACTS}?cursor=")).json()
    assert [item["id"] for item in page["items"]] == ORDERED[:20]
    assert page["items"][0]["company"]["id"] == SEEDS[ORDERED[0] - 1]["company_id"]


def token(content: object) -> str:
    return urlsafe_b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param("x", id="not base64"),
        pytest.param("ü", id="not ASCII"),
        pytest.param(token("smith"), id="not a pair"),
        pytest.param(token([1, "smith"]), id="a pair the wrong way round"),
        pytest.param(token(["smith", True]), id="no number"),
        pytest.param(token(["smith", 2**63]), id="an id that no database holds"),
        pytest.param(token(["a\0", 1]), id="text that no PostgreSQL takes"),
        pytest.param(token(["\ud800", 1]), id="text that is no text"),
    ],
)
async def test_cursor_that_is_not_ours_is_refused(service: Service, cursor: str) -> None:
    answer = await service.client.get(CONTACTS, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize("query", ["cursor=&page=2", "cursor=&size=101", "cursor=&size=0"])
async def test_cursor_query_that_is_not_allowed_is_refused(service: Service, query: str) -> None:
    answer = await service.client.get(f"{CONTACTS}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_companies_are_listed_by_name_with_the_number_of_their_contacts(
    service: Service,
) -> None:
    page = (await service.client.get(f"{COMPANIES}?size=4&page=2")).json()
    assert {k: v for k, v in page.items() if k != "items"} == {
        "total": 10, "page": 2, "size": 4, "pages": 3,
    }  # fmt: skip
    every = (await service.client.get(f"{COMPANIES}?size=100")).json()["items"]
    assert every[4:8] == page["items"]
    assert [c["name"] for c in every] == sorted(c["name"] for c in every)
    for company in every:
        expected = sum(seed["company_id"] == company["id"] for seed in SEEDS)
        assert company["contacts"] == expected
        detail = (await service.client.get(f"{COMPANIES}/{company['id']}")).json()
        assert company.items() <= detail.items()


async def test_company_that_does_not_exist_is_404(service: Service) -> None:
    answer = await service.client.get(f"{COMPANIES}/11")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_company_without_contacts_has_none(service: Service) -> None:
    for seed in SEEDS:
        if seed["company_id"] == 3:
            await service.client.delete(f"{CONTACTS}/{seed['id']}")
    assert (await service.client.get(f"{COMPANIES}/3")).json()["contacts"] == 0


@pytest.mark.parametrize(
    "path",
    [f"{CONTACTS}?", f"{CONTACTS}/search?q=a&", f"{CONTACTS}?cursor=&", f"{COMPANIES}?"],
    ids=["a page", "a search", "a page after a cursor", "companies"],
)
async def test_statements_of_a_list_are_as_many_for_one_as_for_a_hundred(
    service: Service, path: str
) -> None:
    """N+1 queries would be two statements for one item and a hundred and one for a hundred."""
    counts = []
    for size in (1, 20, 100):
        before = service.value(f"{names.DB_DURATION}_count")
        answer = await service.client.get(f"{path}size={size}")
        assert len(answer.json()["items"]) >= min(size, 4)
        counts.append(service.value(f"{names.DB_DURATION}_count") - before)
    assert counts[0] == counts[1] == counts[2] <= 2
