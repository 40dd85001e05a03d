"""Business events are counted and logged, with the user who caused them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sample_app.core.logs.json_lines import JsonFormatter
from sample_app.services.events import Event
from sample_app.services.imports import ImportService
from tests.integration.sample_app.conftest import ROWS, Service, running, settings_for

API = "/api/v1"
SOMEBODY = {"first_name": "A", "last_name": "B", "email": "a@b.example", "company_id": 1}
JSONL = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the service writes to its log from level INFO on, as JSON lines."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("sample_app")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield text
    logger.removeHandler(handler)
    logger.setLevel(before)


def lines(log: io.StringIO, logger: str) -> list[dict[str, object]]:
    every = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in every if line["logger"] == logger]


def counted(service: Service) -> dict[str, float]:
    every = {event: service.value("business_events_total", event=event) for event in Event}
    return {event: count for event, count in every.items() if count}


async def editor(client: httpx.AsyncClient) -> dict[str, str]:
    form = {"username": "editor@example.com", "password": "sample-password"}
    token = (await client.post(f"{API}/auth/token", data=form)).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


async def test_each_event_is_counted_and_logged_once_with_its_user(
    tmp_path: Path, log: io.StringIO
) -> None:
    async with running(settings_for(tmp_path)) as service:
        client = service.client
        assert counted(service) == {}
        new = {"email": "new@example.com", "password": "twelve letters"}
        assert (await client.post(f"{API}/users", json=new)).status_code == 201
        client.headers.update(await editor(client))
        user = (await client.get(f"{API}/users/me")).json()["id"]
        made = await client.post(f"{API}/contacts", json=SOMEBODY)
        assert (await client.post(f"{API}/contacts", json=SOMEBODY)).status_code == 409
        mine = f"{API}/contacts/{made.json()['id']}"
        await client.patch(mine, json={"notes": "x"})
        await client.put(mine, json=SOMEBODY)
        await client.delete(mine)
        assert (await client.delete(mine)).status_code == 404
        await client.patch(f"{API}/companies/1", json={"name": "Another"})
        rows = json.dumps(SOMEBODY) + "\nnothing\n"
        await client.post(f"{API}/imports", content=rows, headers=JSONL)
        await client.get(f"{API}/contacts/export")
        assert counted(service) == {
            "user_registered": 1, "contact_created": 1, "contact_changed": 2,
            "contact_deleted": 1, "company_renamed": 1, "import_finished": 1, "export_finished": 1,
        }  # fmt: skip
    told = lines(log, "sample_app.business")
    assert [line["message"] for line in told] == [
        "user_registered", "contact_created", "contact_changed", "contact_changed",
        "contact_deleted", "company_renamed", "import_finished", "export_finished",
    ]  # fmt: skip
    assert "user_id" not in told[0]
    assert {line["user_id"] for line in told[1:]} == {user}
    assert all(line["request_id"] and line["level"] == "INFO" for line in told)
    assert (told[1]["contact_id"], told[1]["function"]) == (made.json()["id"], "create")
    assert (told[-2]["imported"], told[-2]["rejected"]) == (1, 1)
    assert told[-1]["exported"] == ROWS + 1
    assert "example.com" not in log.getvalue()


async def test_import_that_breaks_off_is_an_event(
    tmp_path: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr(ImportService, "_store", broken)
    async with running(settings_for(tmp_path)) as service:
        answer = await service.client.post(f"{API}/imports", content="{}", headers=JSONL)
        assert answer.status_code == 500
        assert counted(service) == {"import_broken_off": 1}


async def test_lines_of_a_request_name_its_user_also_after_an_unexpected_error(
    tmp_path: Path, log: io.StringIO
) -> None:
    async with running(settings_for(tmp_path)) as service:

        @service.app.get("/broken")
        async def broken() -> None:
            raise LookupError

        headers = await editor(service.client)
        user = (await service.client.get(f"{API}/users/me", headers=headers)).json()["id"]
        log.truncate(0)
        log.seek(0)
        await service.client.get("/broken", headers=headers)
        await service.client.get(f"{API}/contacts/1")
        (error,) = lines(log, "sample_app.errors")
        mine, anonymous = lines(log, "sample_app.access")
        assert error["user_id"] == mine["user_id"] == user
        assert "user_id" not in anonymous
