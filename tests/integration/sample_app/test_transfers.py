"""Exports and imports: whole, in pieces, bounded, and told exactly."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete

from harness import names
from sample_app.models.contact import Contact
from sample_app.repositories.imports import ImportRepository
from sample_app.repositories.seeding import contacts
from sample_app.schemas.transfers import FileFormat
from sample_app.settings import SeedSettings, Settings
from tests.integration.sample_app.conftest import ROWS, Service, running, settings_for
from tests.loop_clock import stop_loop_clock

CONTACTS = "/api/v1/contacts"
IMPORTS = "/api/v1/imports"
SEEDS = contacts(SeedSettings(rows=ROWS, companies=10))
CSV = {"Content-Type": "text/csv; charset=utf-8"}
JSONL = {"Content-Type": "application/x-ndjson"}
HEADER = "first_name,last_name,email,company_id,phone,notes\n"


def small(database_url: str, folder: Path, **imports: object) -> Settings:
    return settings_for(
        folder, database={"url": database_url}, exports={"batch": 50}, imports=imports
    )


async def in_pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@pytest.mark.parametrize(
    ("query", "accept", "form"),
    [
        pytest.param("", "*/*", "x-ndjson", id="JSON lines by default"),
        pytest.param("", "text/csv", "csv", id="CSV by the Accept header"),
        pytest.param("?format=csv", "*/*", "csv", id="CSV by the query"),
        pytest.param("?format=jsonl", "text/csv", "x-ndjson", id="the query before the header"),
    ],
)
async def test_export_is_every_contact_by_id_in_several_batches(
    database_url: str, tmp_path: Path, query: str, accept: str, form: str
) -> None:
    async with running(small(database_url, tmp_path)) as service:
        selects = {"db_operation_name": "SELECT"}
        before = service.value(f"{names.DB_DURATION}_count", **selects)
        answer = await service.client.get(f"{CONTACTS}/export{query}", headers={"Accept": accept})
        after = service.value(f"{names.DB_DURATION}_count", **selects)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].partition(";")[0].endswith(form)
    assert after - before == 4  # 50, 50, 20, none
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(answer.text)))
    else:
        rows = [json.loads(line) for line in answer.text.splitlines()]
    columns = ("id", "first_name", "last_name", "email", "company_id", "phone", "notes")
    if form == "csv":  # a spreadsheet would calculate +1-555-0100
        assert {row["phone"][:2] for row in rows} == {"'+"}
        rows = [row | {"phone": row["phone"][1:]} for row in rows]
    assert [[str(row[c]) for c in columns] for row in rows] == [
        [str(seed[c]) for c in columns]  # type: ignore[literal-required]
        for seed in SEEDS
    ]
    assert {row["created_at"] for row in rows} == {"2026-01-01T00:00:00Z"}


async def test_export_to_a_slow_client_holds_no_connection_and_is_timed_to_its_end(
    database_url: str, tmp_path: Path
) -> None:
    async with running(small(database_url, tmp_path)) as service:
        body = await service.app.state.services.exports.contacts(FileFormat.JSONL)
        assert len((await anext(body)).splitlines()) == 50
        used = {"db_client_connection_state": "used"}
        assert service.value("db_client_connection_count", **used) == 0
        await body.aclose()

        waits = iter([0.3, 0.0, 0.0, 0.0, 0.0])
        sent: list[bytes] = []

        async def send(message: dict[str, object]) -> None:
            if message["type"] == "http.response.body":
                sent.append(message["body"])  # type: ignore[arg-type]
                await asyncio.sleep(next(waits))

        async def receive() -> dict[str, object]:
            await asyncio.Event().wait()
            return {}

        scope = {
            "type": "http", "method": "GET", "path": f"{CONTACTS}/export", "headers": [],
            "query_string": b"", "http_version": "1.1", "scheme": "http", "client": ("t", 1),
            "server": ("t", 80), "root_path": "", "asgi": {"version": "3.0"},
        }  # fmt: skip
        await service.app(scope, receive, send)  # type: ignore[arg-type]
        assert len(b"".join(sent).splitlines()) == ROWS
        labels = {"http_route": f"{CONTACTS}/export", "http_response_status_code": "200"}
        assert service.value(f"{names.HTTP_DURATION}_count", **labels) == 1
        assert service.value(f"{names.HTTP_DURATION}_sum", **labels) >= 0.3


@pytest.mark.parametrize("piece", [1, 7, 100_000])
async def test_import_of_csv_stores_the_valid_rows_and_tells_about_the_others(
    service: Service, piece: int
) -> None:
    body = (
        "\ufeff" + HEADER + 'Ada,Lovelace,Ada@x.example,1,,"two\nlines, ""quoted"""\r\n'
        "Bad,Mail,nowhere,1,,\n"
        "\n"
        "No,Company,no@x.example,99,,\n"
        "Again,Ada,ada@x.example,1,,\n"
        f"Taken,Mail,{SEEDS[0]['email']},1,,\n"
        "Too,Few\n"
        "Zoë,Ünal,zoe@x.example,2,+1 555,"
    ).encode()
    answer = await service.client.post(IMPORTS, content=in_pieces(body, piece), headers=CSV)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["status"], told["imported"], told["rejected"]) == ("finished", 2, 5)
    assert [error["row"] for error in told["errors"]] == [2, 3, 4, 5, 6]
    problems = {error["row"]: error["problem"] for error in told["errors"]}
    assert problems[2].startswith("email: ")
    assert "nowhere" not in answer.text
    assert problems[3] == "company_id: this company does not exist"
    assert problems[4] == "email: an earlier row has this address"
    assert problems[5] == "email: another contact has this address"
    assert problems[6] == "2 cells, but the header names 6"
    assert (await service.client.get(answer.headers["Location"])).json() == told
    found = (await service.client.get(f"{CONTACTS}/search?q=lovelace")).json()["items"]
    detail = (await service.client.get(f"{CONTACTS}/{found[0]['id']}")).json()
    assert (detail["email"], detail["notes"]) == ("ada@x.example", 'two\nlines, "quoted"')
    assert detail["phone"] is None
    assert (await service.client.get(f"{CONTACTS}/search?q=ünal")).json()["total"] == 1


async def test_import_of_an_export_into_an_empty_service_brings_everybody_back(
    database_url: str, tmp_path: Path
) -> None:
    settings = small(database_url, tmp_path, batch=50)
    async with running(settings) as service:
        for form, headers in (("jsonl", JSONL), ("csv", CSV)):
            url = f"{CONTACTS}/export?format={form}"
            file = (await service.client.get(url)).content
            again = (await service.client.post(IMPORTS, content=file, headers=headers)).json()
            assert (again["imported"], again["rejected"]) == (0, ROWS)
            async with service.app.state.services.contacts._database.writing() as session:
                await session.execute(delete(Contact))
            back = (await service.client.post(IMPORTS, content=file, headers=headers)).json()
            assert (back["imported"], back["rejected"]) == (ROWS, 0)
            emails = [
                json.loads(line)["email"]
                for line in (await service.client.get(f"{CONTACTS}/export")).text.splitlines()
            ]
            assert emails == [seed["email"] for seed in SEEDS]


async def test_import_tells_only_the_first_errors_but_counts_all(
    database_url: str, tmp_path: Path
) -> None:
    async with running(small(database_url, tmp_path, max_errors=3, max_row=200)) as service:
        lines = [b"{}", b"nothing", b"[1]", b'{"a": "' + b"x" * 500 + b'"}', b"\xff", b"null"]
        body = b"\n".join(lines)
        told = (await service.client.post(IMPORTS, content=body, headers=JSONL)).json()
        assert (told["imported"], told["rejected"], len(told["errors"])) == (0, 6, 3)
        good = json.dumps(
            {"first_name": "A", "last_name": "B", "email": "a@b.example", "company_id": 1}
        ).encode()
        body = b"x" * 1000 + b"\n" + good
        told = (await service.client.post(IMPORTS, content=body, headers=JSONL)).json()
        assert (told["imported"], told["rejected"]) == (1, 1)
        assert told["errors"] == [{"row": 1, "problem": "longer than 200 bytes"}]


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        pytest.param(b"{}", {}, 415, "unsupported_media_type", id="no type"),
        pytest.param(b"{}", {"Content-Type": "application/json"}, 415, "unsupported_media_type",
                     id="JSON as one document"),
        pytest.param(b"a,b\n1,2\n", CSV, 422, "invalid", id="CSV without the needed columns"),
        pytest.param(b'"', CSV, 422, "invalid", id="CSV whose header never ends"),
        pytest.param(b"x" * 5000, JSONL, 413, "content_too_large", id="more than is allowed"),
    ],
)  # fmt: skip
async def test_import_is_refused_as_a_whole_for(
    database_url: str,
    tmp_path: Path,
    body: bytes,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    async with running(small(database_url, tmp_path, max_body=4000)) as service:
        for content in (body, in_pieces(body, 1000)):
            answer = await service.client.post(IMPORTS, content=content, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_import_that_breaks_off_keeps_and_tells_what_was_stored(
    database_url: str, tmp_path: Path
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield HEADER.encode()
        for n in range(25):
            yield f"A,B,a{n}@b.example,1,,\n".encode()
        raise httpx.ReadError("the line went dead")

    async with running(small(database_url, tmp_path, batch=10)) as service:
        with pytest.raises(httpx.ReadError):
            await service.app.state.services.imports.run(broken(), FileFormat.CSV)
        told = (await service.client.get(f"{IMPORTS}/1")).json()
        assert (told["status"], told["imported"], told["rejected"]) == ("broken_off", 20, 0)
        assert told["finished_at"] is not None
        assert (await service.client.get(CONTACTS)).json()["total"] == ROWS + 20
        assert (await service.client.get(f"{IMPORTS}/2")).status_code == 404


async def test_import_that_a_stop_cancels_is_stored_as_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, end = asyncio.Event(), ImportRepository.end

    async def stalled() -> AsyncIterator[bytes]:
        yield (HEADER + "A,B,a@b.example,1,,\n").encode()
        stored.set()
        await asyncio.Event().wait()

    async def end_slowly(*arguments: Any) -> None:
        await asyncio.sleep(0.2)  # longer than the rest of the stop
        await end(*arguments)

    monkeypatch.setattr(ImportRepository, "end", end_slowly)
    settings = settings_for(tmp_path, imports={"batch": 1})
    async with running(settings) as service:
        run = service.app.state.services.imports.run(stalled(), FileFormat.CSV)
        task = asyncio.create_task(run)
        await stored.wait()
        task.cancel()  # as the server does
    assert task.done()
    async with running(settings) as service:
        assert (await service.client.get(f"{IMPORTS}/1")).json()["status"] == "broken_off"


async def test_import_too_slow_for_the_time_out_is_a_504_and_tells_what_was_stored(
    database_url: str, tmp_path: Path
) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield (HEADER + "A,B,a@b.example,1,,\n").encode()
        pass_time(settings.http.timeout + 1)  # the row above is stored by now
        for _ in range(1000):  # the time-out's turn
            await asyncio.sleep(0)

    settings = small(database_url, tmp_path, batch=1)
    async with running(settings) as service:
        pass_time = stop_loop_clock()
        answer = await service.client.post(IMPORTS, content=slow(), headers=CSV)
        assert answer.status_code == 504
        told = (await service.client.get(f"{IMPORTS}/1")).json()
        assert (told["status"], told["imported"]) == ("broken_off", 1)
