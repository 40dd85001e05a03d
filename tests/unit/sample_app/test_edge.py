"""The middlewares around small applications: what they refuse, and what they leave alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI
from limits.aio.storage import MemoryStorage
from limits.errors import StorageError
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from sample_app.api.edge.body_limit import BodyLimit
from sample_app.api.edge.identity import caller_key
from sample_app.api.edge.rate_limit import Rates
from sample_app.api.edge.stack import add_edge
from sample_app.api.edge.time_out import TimeOut
from sample_app.core.security.access import Access
from sample_app.core.security.counters import Counters
from sample_app.settings import RateSettings, Settings
from tests.loop_clock import stop_loop_clock

SHORT = 0.05  # seconds


def client_of(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def test_time_out_of_an_answer_that_does_not_begin_is_504_and_cancels_the_work() -> None:
    seen = SimpleNamespace(cancelled=False)

    async def endless(request: Request) -> Response:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.cancelled = True
            raise
        raise AssertionError

    async with client_of(TimeOut(Starlette(routes=[Route("/", endless)]), SHORT)) as client:
        answer = await client.get("/")
    assert answer.status_code == 504
    assert answer.json() == {
        "code": "timeout",
        "message": "The answer took longer than 0.05 s. Try again later.",
        "details": {},
    }
    assert seen.cancelled


async def test_time_out_ends_with_the_first_byte_so_downloads_and_tasks_go_on() -> None:
    pass_time, seen = stop_loop_clock(), SimpleNamespace(task=False)

    async def wait() -> None:
        pass_time(2 * SHORT)
        for _ in range(5):  # the time-out's turn
            await asyncio.sleep(0)

    async def parts() -> AsyncIterator[bytes]:
        for part in (b"a", b"b", b"c"):
            yield part
            await wait()

    async def later() -> None:
        await wait()
        seen.task = True

    async def download(request: Request) -> Response:
        return StreamingResponse(parts(), background=BackgroundTask(later))

    async with client_of(TimeOut(Starlette(routes=[Route("/", download)]), SHORT)) as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.text) == (200, "abc")
    assert seen.task


async def test_time_out_waits_for_a_long_upload_and_not_for_one_that_stands_still() -> None:
    pass_time = stop_loop_clock()

    async def upload(pauses: int, pause: float) -> httpx.Response:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(pauses):
                yield b"x"
                pass_time(pause)
                for _ in range(5):  # the time-out's turn
                    await asyncio.sleep(0)

        app = TimeOut(Starlette(routes=[Route("/", _length, methods=["POST"])]), 4.0)
        async with client_of(app) as client:
            return await client.post("/", content=parts())

    steady = await upload(pauses=8, pause=3.0)
    assert (steady.status_code, steady.text) == (200, "8")
    assert (await upload(pauses=2, pause=5.0)).status_code == 504


async def test_time_out_error_of_the_application_itself_is_not_taken_for_ours() -> None:
    async def broken(request: Request) -> Response:
        raise TimeoutError

    async with client_of(TimeOut(Starlette(routes=[Route("/", broken)]), 60)) as client:
        with pytest.raises(TimeoutError):
            await client.get("/")


async def _length(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def _in_parts(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 4):
        yield body[start : start + 4]


@pytest.mark.parametrize("announced", [True, False], ids=["with a length", "in parts"])
@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        pytest.param("/", 10, 200, id="the largest body"),
        pytest.param("/", 11, 413, id="one byte more"),
        pytest.param("/large", 20, 200, id="the largest body of a path of its own"),
        pytest.param("/large", 21, 413, id="one byte more there"),
    ],
)
async def test_body_is_read_up_to_its_limit(
    path: str, size: int, status: int, announced: bool
) -> None:
    routes = [Route(p, _length, methods=["POST"]) for p in ("/", "/large")]
    body = b"x" * size
    async with client_of(BodyLimit(Starlette(routes=routes), 10, {"/large": 20})) as client:
        answer = await client.post(path, content=body if announced else _in_parts(body))
    assert answer.status_code == status
    if status == 200:
        assert answer.text == str(size)


class LostStorage(MemoryStorage):
    """A storage that does not answer, and counts how often it was asked."""

    asked = 0

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        raise StorageError(ConnectionError())

    async def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        self.asked += 1
        raise StorageError(ConnectionError())


async def test_rates_without_their_storage_count_in_memory_and_ask_it_seldom() -> None:
    storage = LostStorage()
    # Windows begin at multiples of their length: one of an hour may end within the test.
    rates = Rates(RateSettings(address="3/year"), Counters(storage))
    scope = {"method": "GET", "path": "/x", "client": ("10.0.0.1", 5)}
    counted = [await rates.count(scope) for _ in range(5)]
    assert [one.allowed for one in counted] == [True, True, True, False, False]
    assert [one.remaining for one in counted] == [2, 1, 0, 0, 0]
    assert storage.asked == 1


PROXIES = '["10.0.0.0/8", "2001:db8::1"]'


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        pytest.param("10.0.0.1", ["192.0.2.7"], "192.0.2.7", id="a proxy names its client"),
        pytest.param("10.0.0.1", [], "10.0.0.1", id="a proxy that names nobody"),
        pytest.param("192.0.2.9", ["192.0.2.7"], "192.0.2.9", id="a client that names another"),
        pytest.param("10.0.0.1", ["1.1.1.1, 192.0.2.7"], "192.0.2.7", id="a spoofed first one"),
        pytest.param("10.0.0.1", ["1.1.1.1", "192.0.2.7"], "192.0.2.7", id="in a header more"),
        pytest.param("10.0.0.1", ["192.0.2.7, 10.0.0.2"], "192.0.2.7", id="two proxies in a row"),
        pytest.param("10.0.0.1", ["10.0.0.9, 192.0.2.7"], "192.0.2.7", id="a spoofed proxy"),
        pytest.param("10.0.0.1", [""], "10.0.0.1", id="an empty header"),
        pytest.param("2001:db8::1", ["192.0.2.7"], "192.0.2.7", id="a proxy by IPv6"),
        pytest.param("127.0.0.1", ["192.0.2.7"], "127.0.0.1", id="this machine is no proxy"),
    ],
)
async def test_rate_limit_counts_the_address_that_a_known_proxy_forwards(
    monkeypatch: pytest.MonkeyPatch, peer: str, forwarded: list[str], counted: str
) -> None:
    monkeypatch.setenv("SAMPLE_APP_HTTP_PROXIES", PROXIES)
    monkeypatch.setenv("SAMPLE_APP_RATE_ADDRESS", "1/year")  # its window ends in no test
    settings = Settings(_env_file=None)
    app = FastAPI()
    add_edge(app, settings, Access(settings), lambda _: None)

    @app.get("/")
    async def address(request: Request) -> str:
        return caller_key(request.scope)

    headers = [("X-Forwarded-For", value) for value in forwarded]
    transport = httpx.ASGITransport(app, client=(peer, 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answers = [await client.get("/", headers=headers) for _ in range(2)]
    assert answers[0].json() == f"address:{counted}"
    assert answers[1].status_code == 429
    transport = httpx.ASGITransport(app, client=(counted, 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/")).status_code == 429  # the same caller, whatever the way


def test_nobody_is_a_proxy_by_default() -> None:
    assert Settings(_env_file=None).http.proxies == ()
    for file in ("budgets.yaml", "sample_app/Dockerfile"):  # else uvicorn believes 127.0.0.1
        assert "--no-proxy-headers" in Path(file).read_text()


def test_caller_without_an_address_has_a_key() -> None:
    assert caller_key({"client": None}) == "address:unknown"
    assert caller_key({"client": ("10.0.0.1", 5)}) == "address:10.0.0.1"


def test_addresses_of_one_ipv6_network_have_one_key() -> None:
    keys = {caller_key({"client": (f"2001:db8::{n}", 5)}) for n in range(3)}
    assert keys == {"address:2001:db8::/64"}
    assert caller_key({"client": ("2001:db8:0:1::", 5)}) == "address:2001:db8:0:1::/64"
    assert caller_key({"client": ("fe80::1%eth0", 5)}) == "address:fe80::/64"
    assert caller_key({"client": ("::ffff:10.0.0.1", 5)}) == "address:::ffff:10.0.0.1"
