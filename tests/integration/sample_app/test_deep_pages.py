"""Pages by number: how far they reach, and how far they count."""

from __future__ import annotations

import pytest

from sample_app.repositories import counting
from tests.integration.sample_app.conftest import ROWS, Service

pytestmark = pytest.mark.untraced  # test_contacts_api.py runs the same lines

API = "/api/v1"


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("/contacts?", "begin with `GET /api/v1/contacts?cursor=` and follow `next`"),
        ("/contacts/search?q=a&", "search for a longer beginning"),
        ("/companies?", "there are no pages beyond"),
    ],
)
async def test_page_that_begins_beyond_the_reach_is_refused_with_the_way_to_go_on(
    service: Service, path: str, advice: str
) -> None:
    for page, size in ((101, 100), (10_000, 2), (334, 30)):
        answer = await service.client.get(f"{API}{path}page={page}&size={size}")
        begins = (page - 1) * size + 1
        if begins <= 10_000:
            assert (answer.status_code, answer.json()["items"]) == (200, [])
            continue
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
        (problem,) = answer.json()["details"]["problems"]
        assert f"begin at item {begins}," in problem["problem"]
        assert problem["problem"].endswith(f"reaches is 10000: {advice}")
    answer = await service.client.get(f"{API}{path}page=10001&size=1")
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("cap", "total"),
    [
        pytest.param(ROWS + 1, ROWS, id="fewer rows than the cap: exact"),
        pytest.param(ROWS, ROWS, id="as many"),
        pytest.param(50, 50, id="more: the cap"),
    ],
)
async def test_count_of_a_page_ends_at_the_cap(
    service: Service, monkeypatch: pytest.MonkeyPatch, cap: int, total: int
) -> None:
    monkeypatch.setattr(counting, "REACH", cap)
    for page in (1, 9):  # with items, and after the last
        body = (await service.client.get(f"{API}/contacts?page={page}")).json()
        assert (body["total"], body["pages"]) == (total, -(-total // 20))


async def test_count_of_a_search_ends_at_the_cap(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = (await service.client.get(f"{API}/contacts/search?q=a")).json()["total"]
    assert every > 3
    monkeypatch.setattr(counting, "REACH", every - 1)
    assert (await service.client.get(f"{API}/contacts/search?q=a")).json()["total"] == every - 1


async def test_count_of_the_contacts_of_a_company_ends_at_the_cap(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{API}/companies"
    exact = {c["id"]: c["contacts"] for c in (await service.client.get(path)).json()["items"]}
    assert len(set(exact.values())) > 1
    assert sum(exact.values()) == ROWS
    cap = sorted(exact.values())[len(exact) // 2]
    monkeypatch.setattr(counting, "REACH", cap)
    for number, contacts in exact.items():
        company = (await service.client.get(f"{path}/{number}")).json()
        assert company["contacts"] == min(contacts, cap)
    page = (await service.client.get(f"{path}?size=100")).json()  # another one, not in the cache
    capped = {company["id"]: company["contacts"] for company in page["items"]}
    assert capped == {number: min(contacts, cap) for number, contacts in exact.items()}
