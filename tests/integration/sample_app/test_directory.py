"""What protects the service from the company directory, against one that fails and hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from sample_app.clients.directory import CompanyDirectory
from sample_app.core.errors import UnavailableError
from sample_app.schemas.companies import CompanyProfile
from sample_app.settings import DirectorySettings
from sample_app.telemetry.outgoing import OutgoingMetrics
from tests.integration.sample_app.directory import Directory, directory_server

QUICK = {"timeout": 60.0, "retry_wait": 0.001, "attempts": 1, "deadline": 60.0, "pause": 0.2}
MINING = CompanyProfile(industry="mining", employees=12)


class Client:
    """A client of a directory, with its metrics."""

    def __init__(self, url: str, **settings: float) -> None:
        self.registry = CollectorRegistry()
        all_settings = DirectorySettings.model_validate({"url": url, **QUICK, **settings})
        self.directory = CompanyDirectory(all_settings, OutgoingMetrics(self.registry))

    def value(self, name: str, **labels: str) -> float:
        value = self.registry.get_sample_value(name, {"peer": "directory", **labels})
        assert value is not None, name
        return value

    def state(self) -> str:
        states = ("closed", "opened", "half-opened")
        # The pause may end between two readings: then the later one holds.
        *_, one = [s for s in states if self.value("circuit_breaker_state", state=s)]
        return one

    async def fail(self, times: int = 1) -> None:
        for _ in range(times):
            with pytest.raises(UnavailableError):
                await self.directory.profile("Acme")


@asynccontextmanager
async def client(server: Directory, **settings: float) -> AsyncIterator[Client]:
    one = Client(server.url, **settings)
    async with one.directory.open():
        yield one


@pytest.fixture
async def server() -> AsyncIterator[Directory]:
    async with directory_server() as directory:
        yield directory


async def test_profile_is_what_the_directory_says_on_a_pooled_connection(server: Directory) -> None:
    async with client(server) as one:
        for name in ("Acme", "Söhne & Co", "x=1"):
            assert await one.directory.profile(name) == MINING
        assert server.asked == ["Acme", "Söhne & Co", "x=1"]
        assert server.connections == 1
        assert one.value("http_client_request_duration_seconds_count", error_type="") == 3
        assert one.state() == "closed"


async def test_company_that_the_directory_does_not_know_is_no_failure(server: Directory) -> None:
    server.status = 404
    async with client(server) as one:
        for _ in range(10):
            assert await one.directory.profile("Acme") is None
        assert one.state() == "closed"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(500, b"", id="an error"),
        pytest.param(429, b"", id="a refusal"),
        pytest.param(302, b"", id="a redirection"),
        pytest.param(200, b"<html>", id="something else"),
        pytest.param(200, b'{"industry": "mining", "employees": -1}', id="a bad number"),
    ],
)
async def test_five_failures_open_the_circuit_and_nobody_is_asked_any_more(
    server: Directory, status: int, body: bytes
) -> None:
    server.status, server.body = status, body
    async with client(server, pause=60.0) as one:
        await one.fail(4)
        assert (one.state(), await one.directory.ping()) == ("closed", True)
        await one.fail(1)
        assert (one.state(), await one.directory.ping()) == ("opened", False)
        await one.fail(20)
        assert len(server.asked) == 5
        assert one.value("http_client_rejections_total", by="breaker") == 20
        failed = one.value("http_client_request_duration_seconds_count", error_type="_FailedError")
        assert failed == 5


async def test_success_between_failures_keeps_the_circuit_closed(server: Directory) -> None:
    async with client(server) as one:
        for _ in range(3):
            server.status = 500
            await one.fail(4)
            server.status = 200
            assert await one.directory.profile("Acme") == MINING
        assert one.state() == "closed"


async def test_opened_circuit_closes_after_its_pause_when_the_directory_recovers(
    server: Directory,
) -> None:
    server.status = 500
    async with client(server) as one:
        await one.fail(5)
        await half_open(one)
        await one.fail(1)  # not yet: it opens again at once
        assert len(server.asked) == 6
        server.status = 200
        await half_open(one)
        assert await one.directory.ping()
        assert await one.directory.profile("Acme") == MINING
        assert one.state() == "closed"


async def test_directory_that_hangs_is_given_up_and_counts_as_a_failure(server: Directory) -> None:
    server.hangs = True
    async with client(server, timeout=0.05, failures=2, pause=60.0) as one:
        await one.fail(2)
        assert one.state() == "opened"
        counted = {
            sample.labels["error_type"]: sample.value
            for family in one.registry.collect()
            for sample in family.samples
            if sample.name == "http_client_request_duration_seconds_count" and sample.value
        }
        assert sum(counted.values()) == 2
        # A busy machine may need longer than that to connect.
        assert counted.keys() <= {"ReadTimeout", "ConnectTimeout"}


async def test_deadline_ends_what_is_slow_in_many_small_steps(server: Directory) -> None:
    server.hangs = True
    async with client(server, timeout=20.0, deadline=0.1, failures=1, pause=60.0) as one:
        await one.fail(1)
        assert one.state() == "opened"


async def test_directory_that_is_not_there_is_unavailable(server: Directory) -> None:
    one = Client("http://127.0.0.1:1", pause=60.0)
    async with one.directory.open():
        await one.fail(5)
        assert one.state() == "opened"


async def test_failure_that_passes_is_not_seen_by_who_asked(server: Directory) -> None:
    server.status = 500
    async with client(server, attempts=50, failures=100) as one:
        asking = asyncio.create_task(one.directory.profile("Acme"))
        async with asyncio.timeout(20):
            while len(server.asked) < 2:
                await asyncio.sleep(0.001)
        server.status = 200
        assert await asking == MINING
        assert one.state() == "closed"


async def test_crowd_asks_a_few_at_a_time_on_as_many_connections(server: Directory) -> None:
    server.delay = 0.01
    async with client(server, concurrency=3) as one:
        answers = await asyncio.gather(*(one.directory.profile(str(n)) for n in range(20)))
        assert answers == [MINING] * 20
        assert server.most == 3
        assert server.connections <= 3
        assert one.value("http_client_active_requests") == 0
        assert one.value("http_client_active_requests_max") == 3


async def test_crowd_at_a_directory_that_hangs_is_turned_away_in_time(server: Directory) -> None:
    server.hangs = True
    async with client(server, concurrency=2, timeout=20.0, deadline=0.2, failures=100) as one:
        answers = await asyncio.gather(
            *(one.directory.profile(str(n)) for n in range(10)), return_exceptions=True
        )
        assert {type(answer) for answer in answers} == {UnavailableError}
        # A request that was given up may still count there when the next one comes.
        assert server.most < 10
        assert one.value("http_client_active_requests") == 0


async def test_call_that_ends_before_it_was_sent_is_counted(server: Directory) -> None:
    server.hangs = True
    async with client(server, concurrency=1) as one:
        sent = asyncio.create_task(one.directory.profile("a"))
        while not one.value("http_client_active_requests"):
            await asyncio.sleep(0)
        waiting = [asyncio.create_task(one.directory.profile("b")) for _ in range(3)]
        await asyncio.sleep(0.01)
        for task in (*waiting, sent):
            task.cancel()  # as the deadline does
        await asyncio.wait((*waiting, sent))
        assert one.value("http_client_rejections_total", by="bulkhead") == 3
        assert one.value("http_client_request_duration_seconds_count", error_type="") == 0
        server.hangs = False
        assert await one.directory.profile("c") == MINING  # no slot was lost


async def test_call_that_ends_at_any_moment_leaves_its_slot_to_the_next_one(
    server: Directory,
) -> None:
    for turns in range(40):  # of the event loop; it connects, sends and waits within them
        async with client(server, concurrency=1, attempts=1) as one:
            ended = asyncio.create_task(one.directory.profile("a"))
            for _ in range(turns):
                await asyncio.sleep(0)
            ended.cancel()
            await asyncio.wait([ended])
            assert await one.directory.profile("c") == MINING, turns


async def test_stub_answers_when_there_is_no_url() -> None:
    one = Client("")
    async with one.directory.open():
        first = await one.directory.profile("Acme")
        assert first is not None
        assert first == await one.directory.profile("Acme")
        assert first != await one.directory.profile("Other")


async def half_open(one: Client) -> None:
    async with asyncio.timeout(20):
        while one.state() != "half-opened":
            await asyncio.sleep(0.01)
