"""The audit log: who did what, when and from where; never a secret."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from sample_app.core.logs.json_lines import JsonFormatter
from sample_app.schemas.audit import AuditAction
from tests.integration.sample_app.conftest import Service, running, settings_for

API = "/api/v1"
CSV = "first_name,last_name,email,company_id\nAda,L,ada@example.com,1\nBad,,x,1\n"


async def log_in(service: Service, email: str, password: str = "sample-password") -> dict[str, Any]:
    form = {"username": email, "password": password}
    return dict((await service.client.post(f"{API}/auth/token", data=form)).json())


async def everything(service: Service) -> tuple[dict[str, str], dict[str, Any]]:
    """Cause each event once, and some twice; the admin's header, and the ids of the users."""
    client = service.client
    new = {"email": "new@example.com", "password": "hush hush hush"}
    registered = (await client.post(f"{API}/users", json=new)).json()["id"]
    await log_in(service, "new@example.com", "a hush as a password")
    await log_in(service, "hush as a name")
    tokens = await log_in(service, "new@example.com", new["password"])
    body = {"refresh_token": tokens["refresh_token"]}
    for path in ("refresh", "refresh"):
        await client.post(f"{API}/auth/{path}", json=body)
    leaving = await log_in(service, "new@example.com", new["password"])
    body = {"refresh_token": leaving["refresh_token"]}
    await client.post(f"{API}/auth/logout", json=body)
    admin = await log_in(service, "admin@example.com")
    header = {"Authorization": f"Bearer {admin['access_token']}", "X-Request-ID": "r-1"}
    user = f"{API}/users/{registered}"
    await client.patch(user, json={"role": "editor"}, headers=header)
    await client.delete(f"{user}/sessions", headers=header)
    csv = {"Content-Type": "text/csv"} | header
    answer = await client.post(f"{API}/imports", content=CSV, headers=csv)
    await client.get(f"{API}/contacts/export?format=csv", headers=header)
    me = (await client.get(f"{API}/users/me", headers=header)).json()["id"]
    return header, {"new": registered, "admin": me, "import": answer.json()["id"]}


async def test_every_event_is_a_row_and_a_line_with_who_what_when_and_from_where(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sample_app.audit")
    header, ids = await everything(service)
    page = (await service.client.get(f"{API}/audit?size=100", headers=header)).json()
    rows = page["items"][::-1]
    new, admin = ids["new"], ids["admin"]
    seen = [(row["action"], row["user_id"], row["target"].split(":")[0]) for row in rows]
    assert seen == [
        ("registered", None, "user"),
        ("log_in_failed", new, ""),
        ("log_in_failed", None, ""),
        ("log_in", new, ""),
        ("refresh_reused", new, "family"),
        ("log_in", new, ""),
        ("log_out", new, "family"),
        ("log_in", admin, ""),
        ("role_changed", admin, "user"),
        ("sessions_revoked", admin, "user"),
        ("imported", admin, "import"),
        ("exported", admin, "contacts"),
    ]
    assert {row["action"] for row in rows} == set(AuditAction)
    changed, _, imported, exported = rows[-4:]
    assert (changed["target"], changed["request_id"]) == (f"user:{new}", "r-1")
    assert changed["details"] == {"before": "reader", "after": "editor"}
    assert imported["target"] == f"import:{ids['import']}"
    assert imported["details"] == {"status": "finished", "imported": 1, "rejected": 1}
    assert exported["details"] == {"format": "csv"}
    assert {row["address"] for row in rows} == {"127.0.0.1"}
    form = JsonFormatter()
    lines = [json.loads(form.format(r)) for r in caplog.records if r.name == "sample_app.audit"]
    assert [(line["action"], line["by_user"], line["target"]) for line in lines] == [
        (row["action"], row["user_id"], row["target"]) for row in rows
    ]
    assert "hush" not in json.dumps([rows, lines])
    assert "@" not in json.dumps([rows, lines])


async def test_pages_hold_each_entry_once_newest_first_and_are_for_admins(tmp_path: Path) -> None:
    async with running(settings_for(tmp_path)) as service:
        header, _ = await everything(service)
        pages, cursor = [], ""
        while cursor is not None:
            path = f"{API}/audit?size=5&cursor={cursor}"
            page = (await service.client.get(path, headers=header)).json()
            pages.append([entry["id"] for entry in page["items"]])
            cursor = page["next"]
        assert [len(page) for page in pages] == [5, 5, 2]
        flat = [identifier for page in pages for identifier in page]
        assert flat == sorted(set(flat), reverse=True)
        editor = await log_in(service, "editor@example.com")
        headers = {"Authorization": f"Bearer {editor['access_token']}"}
        assert (await service.client.get(f"{API}/audit", headers=headers)).status_code == 403
        bad = await service.client.get(f"{API}/audit?cursor=x", headers=header)
        assert (bad.status_code, bad.json()["details"]) == (422, {"field": "cursor"})


async def test_change_that_fails_has_no_entry_and_no_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sample_app.audit")
    async with running(settings_for(tmp_path)) as service:
        new = {"email": "reader@example.com", "password": "twelve letters"}
        assert (await service.client.post(f"{API}/users", json=new)).status_code == 409
        admin = await log_in(service, "admin@example.com")
        header = {"Authorization": f"Bearer {admin['access_token']}"}
        role = {"role": "editor"}
        missing = await service.client.patch(f"{API}/users/99", json=role, headers=header)
        assert missing.status_code == 404
        page = (await service.client.get(f"{API}/audit", headers=header)).json()
        assert [entry["action"] for entry in page["items"]] == ["log_in"]
    assert [r.name for r in caplog.records].count("sample_app.audit") == 1
