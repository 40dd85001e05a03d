"""Who may do what: registration, log-in, roles, and what anonymous callers may."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from sample_app.core.logs.json_lines import JsonFormatter
from tests.integration.sample_app.conftest import Service, running, settings_for

API = "/api/v1"
PASSWORD = "sample-password"
SOMEBODY = {"first_name": "A", "last_name": "B", "email": "a@b.example", "company_id": 1}


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[Service]:
    """A service that demands tokens."""
    async with running(settings_for(tmp_path, auth={"anonymous": False})) as service:
        yield service


async def log_in(service: Service, email: str, password: str = PASSWORD) -> httpx.Response:
    form = {"username": email, "password": password}
    return await service.client.post(f"{API}/auth/token", data=form)


async def bearer(service: Service, role: str) -> dict[str, str]:
    """The header of the sample user with that role; nobody's is empty."""
    if role == "nobody":
        return {}
    answer = await log_in(service, f"{role}@example.com")
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def test_registered_user_logs_in_and_is_a_reader(service: Service) -> None:
    new = {"email": "New@Example.com", "password": "twelve letters"}
    answer = await service.client.post(f"{API}/users", json=new)
    assert answer.status_code == 201
    user = answer.json()
    assert (user["email"], user["role"]) == ("new@example.com", "reader")
    assert set(user) == {"id", "email", "role", "created_at"}
    token = (await log_in(service, "NEW@example.com", "twelve letters")).json()
    assert (token["token_type"], token["expires_in"]) == ("bearer", 900)
    assert token["refresh_expires_in"] == 14 * 24 * 3600
    header = {"Authorization": f"Bearer {token['access_token']}"}
    assert (await service.client.get(f"{API}/users/me", headers=header)).json() == user
    again = await service.client.post(f"{API}/users", json=new)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("email", "password"),
    [
        pytest.param("reader@example.com", "wrong", id="a wrong password"),
        pytest.param("nobody@example.com", PASSWORD, id="an unknown user"),
    ],
)
async def test_log_in_with_something_wrong_is_401_and_does_not_tell_what(
    service: Service, email: str, password: str
) -> None:
    answer = await log_in(service, email, password)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json() == {
        "code": "unauthenticated",
        "message": "The e-mail address or the password is wrong.",
        "details": {},
    }


REQUESTS = {
    "read": ("GET", "/contacts/1", None, 200),
    "search": ("GET", "/contacts/search?q=a", None, 200),
    "create": ("POST", "/contacts", SOMEBODY, 201),
    "change": ("PATCH", "/contacts/2", {"notes": "x"}, 200),
    "delete": ("DELETE", "/contacts/3", None, 204),
    "me": ("GET", "/users/me", None, 200),
    "users": ("GET", "/users", None, 200),
    "role": ("PATCH", "/users/1", {"role": "editor"}, 200),
}
READS, EDITS = {"read", "search"}, {"create", "change", "delete"}
CONTACTS = READS | EDITS


@pytest.mark.parametrize(
    ("role", "anonymous", "allowed"),
    [
        pytest.param("nobody", True, CONTACTS, id="nobody in development: contacts"),
        pytest.param("nobody", False, set(), id="nobody elsewhere: nothing"),
        pytest.param("reader", True, READS | {"me"}, id="a reader reads, in development too"),
        pytest.param("reader", False, READS | {"me"}, id="a reader reads"),
        pytest.param("editor", False, CONTACTS | {"me"}, id="an editor edits"),
        pytest.param("admin", False, set(REQUESTS), id="an admin does all"),
    ],
)
async def test_role_may_do_what_it_should(
    tmp_path: Path, role: str, anonymous: bool, allowed: set[str]
) -> None:
    refused = 401 if role == "nobody" else 403
    async with running(settings_for(tmp_path, auth={"anonymous": anonymous})) as service:
        headers = await bearer(service, role)
        for name, (method, path, body, success) in REQUESTS.items():
            answer = await service.client.request(method, API + path, json=body, headers=headers)
            expected = success if name in allowed else refused
            assert answer.status_code == expected, (name, answer.text)
            if expected >= 400:
                assert set(answer.json()) == {"code", "message", "details"}


OPEN = {f"POST {API}/users", "GET /health", "GET /health/ready"} | {
    f"POST {API}/auth/{name}" for name in ("token", "refresh", "logout")
}


async def test_every_operation_but_log_in_and_health_demands_a_token(closed: Service) -> None:
    """Whatever is added later, too: a route must not forget to ask."""
    operations = {
        f"{method.upper()} {path}"
        for path, methods in closed.app.openapi()["paths"].items()
        for method in methods
    }
    assert operations > OPEN
    for operation in operations - OPEN:
        method, path = operation.split()
        answer = await closed.client.request(method, path.replace("{id}", "1"))
        assert answer.status_code == 401, operation


async def test_production_demands_tokens_whatever_the_setting_says(tmp_path: Path) -> None:
    production = settings_for(tmp_path).model_copy(update={"environment": "production"})
    assert production.auth.anonymous
    async with running(production) as service:
        assert (await service.client.get(f"{API}/contacts")).status_code == 401
        assert (await service.client.get("/health")).status_code == 200
        answer = await service.client.get("/health/ready")
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_bad_token_is_refused_even_where_nobody_needs_one(service: Service) -> None:
    headers = {"Authorization": "Bearer x.y.z"}
    answer = await service.client.get(f"{API}/contacts", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert (await service.client.get("/health", headers=headers)).status_code == 200
    form = {"username": "reader@example.com", "password": PASSWORD}
    answer = await service.client.post(f"{API}/auth/token", data=form, headers=headers)
    assert answer.status_code == 200  # with an old token one can still get a new one


async def test_role_given_by_an_admin_counts_at_once_for_the_token_from_before(
    closed: Service,
) -> None:
    client = closed.client
    reader = await bearer(closed, "reader")
    me = (await client.get(f"{API}/users/me", headers=reader)).json()
    path = f"{API}/users/{me['id']}"
    admin = await bearer(closed, "admin")
    contact, edit = f"{API}/contacts/2", {"notes": "x"}
    for role, status in (("editor", 200), ("reader", 403)):
        answer = await client.patch(path, json={"role": role}, headers=admin)
        assert answer.json() == me | {"role": role}
        assert (await client.patch(contact, json=edit, headers=reader)).status_code == status
        again = await bearer(closed, "reader")
        assert (await client.patch(contact, json=edit, headers=again)).status_code == status
    answer = await client.patch(f"{API}/users/999", json={"role": "editor"}, headers=admin)
    assert (answer.status_code, answer.json()["details"]) == (404, {"id": 999})


async def test_users_are_listed_in_the_order_of_their_registration(service: Service) -> None:
    page = await service.client.get(f"{API}/users?size=2", headers=await bearer(service, "admin"))
    assert page.json() | {"items": []} == {
        "items": [], "total": 3, "page": 1, "size": 2, "pages": 2,
    }  # fmt: skip
    assert [user["role"] for user in page.json()["items"]] == ["reader", "editor"]


async def test_admin_of_the_settings_exists_after_the_start_and_is_made_once(
    tmp_path: Path,
) -> None:
    auth: dict[str, object] = {"admin_email": "Boss@corp.example", "admin_password": "x" * 16}
    settings = settings_for(tmp_path, auth=auth, seed={"rows": 0})
    for _ in range(2):
        async with running(settings) as service:
            token = (await log_in(service, "boss@corp.example", "x" * 16)).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            answer = await service.client.get(f"{API}/users", headers=headers)
            assert answer.json()["total"] == 1
            assert answer.json()["items"][0]["role"] == "admin"


async def test_logs_of_a_log_in_hold_no_secret(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    new = {"email": "shy@example.com", "password": "hush hush hush"}
    await service.client.post(f"{API}/users", json=new)
    await service.client.post(f"{API}/users", json=new)  # a conflict, which is logged below us
    answer = await log_in(service, new["email"], new["password"])
    token = answer.json()["access_token"]
    await service.client.get(f"{API}/users/me", headers={"Authorization": f"Bearer {token}"})
    refresh = answer.json()["refresh_token"]
    for path in ("refresh", "refresh", "logout"):
        await service.client.post(f"{API}/auth/{path}", json={"refresh_token": refresh})
    await log_in(service, new["email"], "a wrong hush hush")
    form = JsonFormatter()
    lines = "\n".join(form.format(record) for record in caplog.records)
    assert '"path": "/api/v1/auth/token"' in lines
    assert '"action": "log_in_failed"' in lines
    for secret in ("shy@", "hush hush", token, refresh, "$argon2"):
        assert secret not in lines
