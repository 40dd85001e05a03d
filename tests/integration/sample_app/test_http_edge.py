"""What clients see of the HTTP edge: limits, conditional requests, idempotency, headers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from tests.integration.sample_app.conftest import ROWS, Service, running, settings_for

API = "/api/v1/contacts"
TOKEN = "/api/v1/auth/token"


def somebody(name: str = "a") -> dict[str, object]:
    email = f"{name}@b.example"
    return {"first_name": "A", "last_name": "B", "email": email, "company_id": 1}


async def test_rate_of_an_address_and_of_a_user_are_counted_apart(tmp_path: Path) -> None:
    # Windows begin at multiples of their length: one of an hour may end within the test.
    rate: dict[str, object] = {"address": "3/year", "user": "2/year", "login": "2/year"}
    async with running(settings_for(tmp_path, rate=rate)) as service:
        client = service.client
        left = [(await client.get(API)).headers["X-RateLimit-Remaining"] for _ in range(3)]
        assert left == ["2", "1", "0"]
        refused = await client.get(API)
        assert refused.status_code == 429
        assert refused.json()["code"] == "too_many_requests"
        assert refused.headers["X-RateLimit-Limit"] == "3"
        assert refused.headers["X-RateLimit-Remaining"] == "0"
        assert refused.headers["Retry-After"] == refused.headers["X-RateLimit-Reset"]
        assert 0 < int(refused.headers["Retry-After"]) <= 360 * 24 * 3600
        assert refused.headers["X-Request-ID"]
        # A token that proves nothing is counted with the address, so it opens no way around.
        forged = {"Authorization": "Bearer a.b.c"}
        assert (await client.get(API, headers=forged)).status_code == 429
        form = {"username": "reader@example.com", "password": "sample-password"}
        token = (await client.post(TOKEN, data=form)).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        statuses = [(await client.get(API, headers=headers)).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        # Guesses at passwords have a limit of their own, which no token lifts.
        answers = [await client.post(TOKEN, data=form, headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 429]
        for path in ("/health", "/health/ready", "/metrics"):
            assert (await client.get(path)).status_code == 200
        for limit, count in {"address": 2, "user": 1, "login": 1}.items():
            assert service.value("http_server_rate_limited_total", limit=limit) == count


async def test_body_over_the_limit_is_413_and_nothing_is_stored(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path, http={"max_body": 300})) as service:

        async def parts() -> AsyncIterator[bytes]:
            for _ in range(400):
                yield b" "

        json = {"Content-Type": "application/json"}
        long = await service.client.post(API, json=somebody() | {"notes": "x" * 300})
        slow = await service.client.post(API, content=parts(), headers=json)
        for answer in (long, slow):
            assert answer.status_code == 413
            assert answer.json()["code"] == "content_too_large"
        assert (await service.client.get(API)).json()["total"] == ROWS


async def test_answers_over_a_kilobyte_are_compressed_and_small_ones_not(service: Service) -> None:
    page = await service.client.get(f"{API}?size=50")
    assert page.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in page.headers["Vary"]
    assert int(page.headers["Content-Length"]) < len(page.content) / 2
    assert "Content-Encoding" not in (await service.client.get(f"{API}?size=1")).headers
    plain = await service.client.get(f"{API}?size=50", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert plain.json() == page.json()


async def test_answer_that_the_client_has_is_304_until_it_changes(service: Service) -> None:
    for path in (f"{API}/2", API, f"{API}/search?q=b"):
        await _holds_until_it_changes(service.client, path)


async def _holds_until_it_changes(client: httpx.AsyncClient, path: str) -> None:
    first = await client.get(path)
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    for given in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = await client.get(path, headers={"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == tag
        assert again.headers["Cache-Control"] == "private, no-cache"
    other = await client.get(path, headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.json()) == (200, first.json())
    found = first.json()
    identifier = found["id"] if "id" in found else found["items"][0]["id"]
    changed = {"first_name": f"B{identifier}", "last_name": f"Ba{len(path)}"}
    assert (await client.patch(f"{API}/{identifier}", json=changed)).status_code == 200
    fresh = await client.get(path, headers={"If-None-Match": tag})
    assert fresh.status_code == 200
    assert fresh.headers["ETag"] != tag


async def test_error_has_no_tag_and_is_not_kept(service: Service) -> None:
    answer = await service.client.get(f"{API}/99999", headers={"If-None-Match": "*"})
    assert answer.status_code == 404
    assert "ETag" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


async def test_post_with_the_same_key_happens_once(service: Service) -> None:
    key = {"Idempotency-Key": "k-1"}
    first = await service.client.post(API, json=somebody(), headers=key)
    again = await service.client.post(API, json=somebody(), headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await service.client.get(API)).json()["total"] == ROWS + 1
    other = await service.client.post(API, json=somebody("c"), headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    new = await service.client.post(API, json=somebody("c"), headers={"Idempotency-Key": "k-2"})
    assert new.status_code == 201


async def test_post_that_failed_may_be_tried_again_with_its_key(service: Service) -> None:
    key = {"Idempotency-Key": "k-1"}
    bad = somebody() | {"company_id": 999}
    assert (await service.client.post(API, json=bad, headers=key)).status_code == 422
    assert (await service.client.post(API, json=somebody(), headers=key)).status_code == 201


async def test_posts_with_the_same_key_at_once_store_one_contact(service: Service) -> None:
    async def post() -> httpx.Response:
        key = {"Idempotency-Key": "k-1"}
        return await service.client.post(API, json=somebody(), headers=key)

    answers = await asyncio.gather(*(post() for _ in range(10)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    bodies = {answer.text for answer in answers if answer.status_code == 201}
    assert len(bodies) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "idempotency_in_progress"
            assert answer.headers["Retry-After"] == "1"
    assert (await service.client.get(API)).json()["total"] == ROWS + 1


async def test_key_of_somebody_else_is_another_key(service: Service) -> None:
    form = {"username": "editor@example.com", "password": "sample-password"}
    token = (await service.client.post(TOKEN, data=form)).json()["access_token"]
    key = {"Idempotency-Key": "k-1"}
    mine = await service.client.post(API, json=somebody("a"), headers=key)
    headers = key | {"Authorization": f"Bearer {token}"}
    theirs = await service.client.post(API, json=somebody("c"), headers=headers)
    assert (mine.status_code, theirs.status_code) == (201, 201)


async def test_origins_are_exact(tmp_path: Path) -> None:
    mine = "https://app.example.com"
    async with running(settings_for(tmp_path, http={"origins": [mine]})) as service:

        async def preflight(origin: str, method: str = "POST") -> httpx.Response:
            headers = {"Origin": origin, "Access-Control-Request-Method": method}
            return await service.client.options(API, headers=headers)

        good = await preflight(mine)
        assert good.status_code == 200
        assert good.headers["Access-Control-Allow-Origin"] == mine
        for origin in ("https://evil.example", f"{mine}.evil.example", "http://app.example.com"):
            bad = await preflight(origin)
            assert (bad.status_code, bad.json()["code"]) == (400, "cors_refused")
            assert "Access-Control-Allow-Origin" not in bad.headers
            read = await service.client.get(API, headers={"Origin": origin})
            assert "Access-Control-Allow-Origin" not in read.headers
        read = await service.client.get(API, headers={"Origin": mine})
        assert read.headers["Access-Control-Allow-Origin"] == mine
        assert "ETag" in read.headers["Access-Control-Expose-Headers"]


async def test_every_answer_has_the_security_headers(service: Service) -> None:
    for path in (API, f"{API}/99999", "/health", "/nothing", "/docs"):
        headers = (await service.client.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert ("Content-Security-Policy" in headers) is (path != "/docs"), path
        assert "Strict-Transport-Security" not in headers  # development speaks http


JSON, FORM = "application/json", "application/x-www-form-urlencoded"
BROKEN = [
    ("POST", API, b"{", JSON, 422),
    ("POST", API, b"[" * 100_000, JSON, 400),
    ("POST", API, b"\xff", JSON, 400),
    ("POST", API, b"null", JSON, 422),
    ("POST", API, b"{}", "text/plain", 422),
    ("POST", API, b'{"\\ud800": 1}', JSON, 422),
    ("PATCH", f"{API}/1", b'{"notes": "\\u0000"}', JSON, 422),
    ("PATCH", f"{API}/1", b'{"company_id": 1e400}', JSON, 422),
    ("GET", f"{API}/search?q=%00", b"", "", 422),
    ("GET", f"{API}/%00", b"", "", 422),
    ("POST", TOKEN, b"", FORM, 422),
    ("POST", TOKEN, b"username=%00&password=x", FORM, 422),
    ("POST", TOKEN, b"--x", "multipart/form-data; boundary=x", 422),
    ("POST", TOKEN, b"x", "multipart/form-data", 400),
    ("BREW", API, b"", "", 405),
]


async def test_input_that_is_broken_gets_the_one_shape(service: Service) -> None:
    for method, path, body, kind, status in BROKEN:
        headers = {"Content-Type": kind} if kind else {}
        answer = await service.client.request(method, path, content=body, headers=headers)
        case = f"{method} {path} {body[:30]!r}"
        assert answer.status_code == status, case
        assert set(answer.json()) == {"code", "message", "details"}, case
        assert answer.headers["X-Request-ID"], case
    odd = await service.client.get(f"{API}/search?q=%FF")  # read as U+FFFD, which nobody has
    assert (odd.status_code, odd.json()["total"]) == (200, 0)


async def test_bad_idempotency_key_is_refused(service: Service) -> None:
    headers = {"Idempotency-Key": "x" * 129}
    answer = await service.client.post(API, json=somebody(), headers=headers)
    assert answer.status_code == 422
    assert (await service.client.get(API)).json()["total"] == ROWS


async def test_document_has_an_example_of_every_error_and_body(service: Service) -> None:
    document = service.app.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                if int(status) >= 400 and path != "/health/ready":
                    assert "example" in answer["content"]["application/json"], (path, status)
            if path.startswith("/api/"):
                assert {"429", "500", "503", "504"} <= operation["responses"].keys(), path
            if method in {"post", "put", "patch"} and path.startswith(API):
                assert {"401", "403", "409", "413", "422"} <= operation["responses"].keys()
    for name in ("ContactIn", "ContactPatch", "UserIn", "RoleIn"):
        assert document["components"]["schemas"][name]["examples"]
