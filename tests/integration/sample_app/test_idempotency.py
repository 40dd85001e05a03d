"""Idempotency keys of every POST; test_http_edge.py has what they do for contacts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from tests.integration.sample_app.conftest import ROWS, Service, running, settings_for

KEY = {"Idempotency-Key": "k-1"}
TOKENS = "/api/v1/auth/"  # answers with tokens are not stored
CSV = "first_name,last_name,email,company_id\nA,B,{}@b.example,1\n"


async def test_every_post_takes_a_key_unless_its_answer_holds_tokens(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as service:
        paths = service.app.openapi()["paths"]
    posts = {path: operations["post"] for path, operations in paths.items() if "post" in operations}
    keyed = {
        path: any(given["name"] == "Idempotency-Key" for given in post.get("parameters", ()))
        for path, post in posts.items()
    }
    assert keyed == {path: not path.startswith(TOKENS) for path in posts}
    assert sum(keyed.values()) >= 4
    assert all("409" in posts[path]["responses"] for path in posts if keyed[path])


async def test_import_with_a_key_is_done_once(service: Service) -> None:
    async def upload(name: str, kind: str = "text/csv") -> httpx.Response:
        headers = KEY | {"Content-Type": kind}
        content = CSV.format(name)
        return await service.client.post("/api/v1/imports", content=content, headers=headers)

    first, again = await upload("a"), await upload("a")
    assert (first.status_code, first.json()["imported"]) == (201, 1)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await service.client.get("/api/v1/imports/2")).status_code == 404
    for other in (await upload("longer"), await upload("a", "application/x-ndjson")):
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (await service.client.get("/api/v1/contacts")).json()["total"] == ROWS + 1


async def test_refresh_with_a_key_plans_one_task(service: Service) -> None:
    path = "/api/v1/companies/1/refresh"
    answers = [await service.client.post(path, headers=KEY) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    await service.app.state.services.background.idle()
    duration = "background_task_duration_seconds_count"
    assert service.value(duration, task="refresh_profile") == 1


async def test_registration_with_a_key_is_done_once_and_its_password_is_not_stored(
    service: Service,
) -> None:
    async def register(password: str) -> httpx.Response:
        body = {"email": "new@b.example", "password": password}
        return await service.client.post("/api/v1/users", json=body, headers=KEY)

    answers = await asyncio.gather(*(register("correct horse battery") for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    first = next(answer for answer in answers if answer.status_code == 201)
    again = await register("correct horse battery")
    assert (again.status_code, again.json()) == (201, first.json())
    other = await register("another password")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    records = list(service.app.state.idempotency._records.values())
    assert len(records) == 1
    assert "horse" not in str(records)
