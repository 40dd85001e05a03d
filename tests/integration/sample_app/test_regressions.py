"""What each planted regression does, in exact figures where it has any."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from sample_app.clients.directory_stub import StubDirectory
from sample_app.regressions import connection_leak
from sample_app.regressions.catalogue import plant
from sample_app.repositories import contacts
from sample_app.settings import Settings
from tests.integration.sample_app.conftest import ROWS, Service, running, settings_for

CONTACTS = "/api/v1/contacts"
COMPANIES = "/api/v1/companies"
QUERIES = "db_client_operation_duration_seconds_count"
NEW = {"first_name": "A", "last_name": "B", "email": "a@b.example", "company_id": 1}
Planted = Callable[[str], AbstractAsyncContextManager[Service]]


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planted:
    """A service with mistakes in it, which leave this process with the test."""
    return planting(settings_for(tmp_path), monkeypatch)


@pytest.fixture
def planted_on_each(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Planted:
    """The same, on each kind of database in turn."""
    return planting(settings, monkeypatch)


def planting(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Planted:
    @asynccontextmanager
    async def start(names: str) -> AsyncIterator[Service]:
        with monkeypatch.context() as patch:
            wanted = settings.model_copy(update={"regressions": names})
            async with running(plant(wanted, patch.setattr)) as service:
                yield service

    return start


@pytest.mark.parametrize(("names", "more"), [("", 1), ("n_plus_one", 1 + 20)])
async def test_n_plus_one_asks_for_each_row(planted: Planted, names: str, more: int) -> None:
    async with planted(names) as service:
        before = service.value(QUERIES)
        assert len((await service.client.get(CONTACTS)).json()["items"]) == 20
        assert service.value(QUERIES) - before == more


async def test_missing_index_gives_the_same_answers(planted_on_each: Planted) -> None:
    urls = [f"{CONTACTS}?page=3", f"{CONTACTS}/search?q=a", f"{CONTACTS}/search?q=zhang%20x"]
    async with planted_on_each("") as service:
        right = [(await service.client.get(url)).json() for url in urls]
    async with planted_on_each("missing_index") as service:
        assert [(await service.client.get(url)).json() for url in urls] == right


@pytest.mark.parametrize(("names", "hits"), [("", 2), ("cold_cache", 0)])
async def test_cold_cache_never_hits(planted: Planted, names: str, hits: int) -> None:
    async with planted(names) as service:
        for _ in range(3):
            assert (await service.client.get(f"{CONTACTS}/7")).status_code == 200
        assert service.value("cache_gets_total", result="hit", cache="contact_details") == hits


@pytest.mark.parametrize(("names", "overwrites"), [("", 0), ("cache_stampede", 3)])
async def test_cache_stampede_loads_for_each_caller(
    planted: Planted, names: str, overwrites: int
) -> None:
    async with planted(names) as service:
        await asyncio.gather(*(service.client.get(f"{CONTACTS}/7") for _ in range(4)))
        assert service.value("cache_overwrites_total", cache="contact_details") == overwrites
        assert service.value("cache_puts_total", cache="contact_details") == 1 + overwrites


async def test_small_pool_holds_one_connection(planted: Planted) -> None:
    async with planted("small_pool") as service:
        answers = await asyncio.gather(*(service.client.get(CONTACTS) for _ in range(5)))
        assert [answer.status_code for answer in answers] == [200] * 5
        assert service.value("db_client_connection_max") == 1


@pytest.mark.parametrize(("names", "used"), [("", 0), ("connection_leak", 1)])
async def test_connection_leak_keeps_one_for_each_new_contact(
    planted: Planted, names: str, used: int
) -> None:
    async with planted(names) as service:
        assert (await service.client.post(CONTACTS, json=NEW)).status_code == 201
        await service.app.state.services.background.idle()
        state = {"db_client_connection_state": "used"}
        assert service.value("db_client_connection_count", **state) == used
        for session in connection_leak.forgotten:
            await session.close()


async def test_slow_query_and_slow_answers_are_late_but_right(planted_on_each: Planted) -> None:
    names = "slow_query,blocking_call,lock_contention,memory_leak,cpu_burn"
    async with planted_on_each(names) as service:
        for path in ("", "/search?q=a", "/3"):
            assert (await service.client.get(CONTACTS + path)).status_code == 200
        assert service.value("db_client_operation_duration_seconds_sum") >= 2 * 0.5


async def test_error_burst_fails_for_every_tenth_contact(planted: Planted) -> None:
    async with planted("error_burst") as service:
        answers = [await service.client.get(f"{CONTACTS}/{n}") for n in (9, 10, 11, 20)]
        assert [answer.status_code for answer in answers] == [200, 500, 200, 500]


async def test_unbounded_page_gives_all_rows(planted: Planted) -> None:
    async with planted("unbounded_page") as service:
        page = (await service.client.get(CONTACTS, params={"size": 10})).json()
        assert len(page["items"]) == ROWS


@pytest.mark.parametrize(("names", "encoding"), [("", "gzip"), ("no_compression", None)])
async def test_no_compression_sends_answers_as_they_are(
    planted: Planted, names: str, encoding: str | None
) -> None:
    async with planted(names) as service:
        answer = await service.client.get(CONTACTS, headers={"Accept-Encoding": "gzip"})
        assert answer.headers.get("content-encoding") == encoding


@pytest.mark.parametrize(("names", "calls"), [("", 2), ("unbounded_retry", 3)])
async def test_unbounded_retry_repeats_a_call_until_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: str, calls: int
) -> None:
    slow: dict[str, object] = {"stub_delay": 60, "timeout": 0.01, "deadline": 30}
    start = planting(settings_for(tmp_path, directory=slow), monkeypatch)
    count = "http_client_request_duration_seconds_count"
    async with start(names) as service:
        asking = asyncio.create_task(service.client.get(f"{COMPANIES}/1"))
        async with asyncio.timeout(30):
            while not asking.done() and service.value(count, peer="directory") < 3:
                await asyncio.sleep(0.01)
        assert service.value(count, peer="directory") == calls
        assert asking.done() is not bool(names)
        asking.cancel()


@pytest.mark.parametrize(("names", "at_once"), [("", 4), ("serial_calls", 1)])
async def test_serial_calls_ask_for_one_profile_at_a_time(
    planted: Planted, monkeypatch: pytest.MonkeyPatch, names: str, at_once: int
) -> None:
    waiting = most = 0

    async def answer(self: StubDirectory, request: httpx.Request) -> httpx.Response:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        for _ in range(20):  # the others' turn
            await asyncio.sleep(0)
        waiting -= 1
        return httpx.Response(404, request=request)

    monkeypatch.setattr(StubDirectory, "handle_async_request", answer)
    async with planted(names) as service:
        page = (await service.client.get(f"{COMPANIES}?size=4&profiles=true")).json()
        assert len(page["items"]) == 4
    assert most == at_once


@pytest.mark.parametrize(("names", "gets"), [("", 0), ("chatty_cache", 20)])
async def test_chatty_cache_looks_up_each_contact_of_a_page(
    planted: Planted, names: str, gets: int
) -> None:
    async with planted(names) as service:
        right = (await service.client.get(f"{CONTACTS}?page=2")).json()
        assert service.value("cache_gets_total", cache="contact_details") == gets
        for contact in right["items"]:
            await service.client.get(f"{CONTACTS}/{contact['id']}")
        assert (await service.client.get(f"{CONTACTS}?page=2")).json() == right


@pytest.mark.parametrize(("names", "columns"), [("", 8), ("wide_rows", 14)])
async def test_wide_rows_reads_every_column(planted: Planted, names: str, columns: int) -> None:
    async with planted(names) as service:
        assert len((await service.client.get(CONTACTS)).json()["items"]) == 20
        assert service.value("http_server_request_db_columns_sum") == columns


@pytest.mark.parametrize(("names", "sorts"), [("", False), ("lost_index_order", True)])
async def test_lost_index_order_sorts_each_page(planted: Planted, names: str, sorts: bool) -> None:
    async with planted(names) as service:
        page = (await service.client.get(f"{CONTACTS}?size=100")).json()["items"]
        shown = [(contact["last_name"], contact["first_name"]) for contact in page]
        assert shown == sorted(shown)
        engine = service.app.state.services.contacts._database.engine
        query = contacts._summaries().compile(engine.sync_engine)
        async with engine.connect() as connection:
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")
            plan = str(rows.all())
        assert ("USE TEMP B-TREE FOR ORDER BY" in plan) is sorts


@pytest.mark.parametrize(("names", "records"), [("", 1), ("log_flood", 1 + 20)])
async def test_log_flood_logs_each_row(
    planted: Planted, caplog: pytest.LogCaptureFixture, names: str, records: int
) -> None:
    caplog.set_level("INFO", logger="sample_app")
    async with planted(names) as service:
        before = service.value("log_records_total", level="INFO")
        await service.client.get(CONTACTS)
        assert service.value("log_records_total", level="INFO") - before == records


async def test_json_twice_exports_the_same_contacts_in_one_piece(planted: Planted) -> None:
    async with planted("") as service:
        right = (await service.client.get(f"{CONTACTS}/export?format=jsonl")).text.splitlines()
        table = (await service.client.get(f"{CONTACTS}/export?format=csv")).text
    async with planted("json_twice") as service:
        lines = (await service.client.get(f"{CONTACTS}/export?format=jsonl")).text.splitlines()
        assert [json.loads(line) for line in lines] == [json.loads(line) for line in right]
        assert len(lines) == ROWS
        assert list(json.loads(lines[0])) == sorted(json.loads(lines[0]))
        assert (await service.client.get(f"{CONTACTS}/export?format=csv")).text == table


@pytest.mark.parametrize(("names", "held"), [("", 0), ("pool_held_during_call", 1)])
async def test_pool_held_during_call_keeps_a_connection(
    planted: Planted, monkeypatch: pytest.MonkeyPatch, names: str, held: int
) -> None:
    used: list[float] = []

    async def answer(self: StubDirectory, request: httpx.Request) -> httpx.Response:
        used.append(service.value("db_client_connection_count", db_client_connection_state="used"))
        return httpx.Response(404, request=request)

    monkeypatch.setattr(StubDirectory, "handle_async_request", answer)
    async with planted(names) as service:
        assert (await service.client.get(f"{COMPANIES}/1")).status_code == 200
        assert (await service.client.get(f"{COMPANIES}/999")).status_code == 404
    assert used == [held]


@pytest.mark.parametrize(("names", "status"), [("", 200), ("no_metrics", 404)])
async def test_no_metrics_moves_them_away(planted: Planted, names: str, status: int) -> None:
    async with planted(names) as service:
        assert (await service.client.get("/metrics")).status_code == status


async def test_start_duration_is_known_once_it_serves(planted: Planted) -> None:
    async with planted("") as service:
        assert service.value("service_start_duration_seconds") > 0
