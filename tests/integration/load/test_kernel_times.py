"""A busy generator adds nothing to the times that the kernel takes."""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from harness import names
from harness.budgets.workload import ClosedWorkload, UserStage
from tests.integration.load.conftest import Loads, Server

pytestmark = [
    pytest.mark.untraced,  # the tracer in the generator would be measured as well
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="stamps are Linux's"),
]

# One user blocks the loop for 60 ms of each 65 ms, in which the answers to the others arrive.
SCENARIO = """
import gevent, harness, time

class Asks({base}):
    fixed_count = 8
    def on_start(self): self.client.get("/fast", name="connect")
    @task
    def ordinary(self): self.client.get("/sleep/20.0", name="ordinary")
    @task
    def checked(self):
        with self.client.get("/sleep/20.0", name="checked", catch_response=True) as response:
            gevent.sleep(0.01)
    @task
    def retimed(self):
        with self.client.get("/sleep/20.0", name="retimed", catch_response=True) as response:
            response.request_meta["response_time"] = 7000.0

class Blocks(User):
    fixed_count = 1
    @task
    def block(self):
        end = time.monotonic() + 0.06
        while time.monotonic() < end: pass
        gevent.sleep(0.005)
"""


@pytest.mark.parametrize("base", ["harness.FastUser", "FastHttpUser", "HttpUser"])
async def test_service_time_is_that_of_the_service_while_the_loop_is_blocked(
    loads: Loads, server: Server, base: str
) -> None:
    workload = ClosedWorkload((UserStage(9, 60),))
    scenario = loads.scenario(SCENARIO.format(base=base), workload, warm_up=0.5)
    kinds = [(f"GET {name}", "ok") for name in ("ordinary", "checked", "retimed")]
    outcome = await loads.run(
        scenario, 3.5, until=lambda _: min(loads.reported()[kind] for kind in kinds) >= 30
    )
    served = sorted(seconds for seconds in server.log()["times"] if seconds > 0.019)
    assert outcome.user_errors == ()  # the user that blocks the loop does so
    window = {(key.what, key.name): times for key, times in outcome.window.items()}
    low, median, high = (served[len(served) * part // 4] for part in (1, 2, 3))
    spread = high - low  # the medians of some and of all requests differ by less
    for name in ("ordinary", "checked"):
        times = window[names.SERVICE_TIME, name]
        lags = window[names.RECEIVE_LAG, name]
        assert lags.count > times.count / 2  # the kernel begins to stamp after the first answers
        lag = lags.quantile(0.5) or 0.0
        assert lag > 0.01
        # By the loop, the median is longer by the lag. A busy machine delays the service, too: it
        # reads requests late by about as much as its answers differ.
        most = median + 0.75 * lag + spread
        assert median - 0.002 - spread < (times.quantile(0.5) or 0.0) < most
    # What the locustfile says of its request counts.
    assert window[names.SERVICE_TIME, "retimed"].quantile(0.0) == pytest.approx(7.0, rel=0.001)
    assert (names.RECEIVE_LAG, "retimed") not in window


PAUSE = 0.2  # s, before the rest of each answer
TIMEOUT = 0.5  # s
HEADS = {
    "/body": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab",
    "/error": b"HTTP/1.1 500 Broken\r\nContent-Length: 4\r\n\r\nab",
    "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
    "/end": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab",
    "/stuck": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",
    "/moved": b"HTTP/1.1 302 Found\r\nLocation: /body\r\nContent-Length: 0\r\n\r\n",
}
RESTS = {"/body": b"cd", "/error": b"cd", "/chunks": b"2\r\ncd\r\n0\r\n\r\n"}
BY_KERNEL = {"/body", "/error", "/chunks", "/moved"}  # the end of a connection has no stamp


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request in two parts, or not to the end."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            writer.write(HEADS[path])
            await asyncio.sleep(PAUSE if path != "/moved" else 0)
            writer.write(RESTS.get(path, b""))
            if path == "/end":
                break
    writer.close()


@pytest.mark.parametrize("base", ["harness.FastUser", "FastHttpUser", "HttpUser"])
async def test_time_is_never_that_of_a_part_of_the_answer(tmp_path: Path, base: str) -> None:
    timeout = f", timeout={TIMEOUT}" if base == "HttpUser" else ""
    calls = "".join(f'        self.client.get("{path}"{timeout})\n' for path in HEADS)
    locustfile = f"""
import harness

class Asks({base}):
    network_timeout = {TIMEOUT}
    @task
    def every(self):
{calls}"""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await answer(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        loads = Loads(tmp_path, f"http://127.0.0.1:{port}")
        scenario = loads.scenario(locustfile, ClosedWorkload((UserStage(1, 60),)), drain=0.0)

        def named(what: str) -> set[str]:
            cells = [cell for report in loads.reports for cell in report.cells]
            return {cell.name for cell in cells if cell.what == what}

        # On a busy machine every answer of a kind may come after the time-out, for a while.
        outcome = await loads.run(
            scenario,
            2.0,
            until=lambda _: (
                named(names.RECEIVE_LAG) >= BY_KERNEL and named(names.SERVICE_TIME) >= set(HEADS)
            ),
        )
    for writer in writers:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
    times = {key.name: d for key, d in outcome.window.items() if key.what == names.SERVICE_TIME}
    assert set(times) == set(HEADS)
    for path, found in times.items():
        assert (found.quantile(0.0) or 0.0) >= PAUSE - 0.001, path
    assert (times["/stuck"].quantile(0.0) or 0.0) > TIMEOUT - 0.001
    stamped = {key.name for key in outcome.window if key.what == names.RECEIVE_LAG}
    assert stamped == BY_KERNEL
