"""The request middleware alone, in front of tiny applications."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, BackgroundTasks, FastAPI
from fastapi.responses import StreamingResponse
from prometheus_client import CollectorRegistry

from sample_app.telemetry.http import HttpMetrics, MeasuredRequests

DURATION = "http_server_request_duration_seconds"


class Bench:
    """An application behind the middleware."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.app = FastAPI()
        self.app.add_middleware(MeasuredRequests, metrics=HttpMetrics(self.registry))

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://test")

    def counts(self) -> dict[tuple[str, str, str], float]:
        """Requests by method, route and status."""
        return {
            (
                sample.labels["http_request_method"],
                sample.labels["http_route"],
                sample.labels["http_response_status_code"],
            ): sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == f"{DURATION}_count"
        }

    def total(self) -> float:
        return sum(
            sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == f"{DURATION}_sum"
        )


async def test_duration_of_a_request_with_a_slow_background_task_leaves_it_out() -> None:
    bench = Bench()
    may_end = asyncio.Event()
    ended = asyncio.Event()

    async def slow() -> None:
        await may_end.wait()
        ended.set()

    @bench.app.get("/")
    async def root(tasks: BackgroundTasks) -> dict[str, str]:
        tasks.add_task(slow)
        return {}

    async with bench.client() as client:
        request = asyncio.create_task(client.get("/"))  # returns when the task has ended, too
        async with asyncio.timeout(10):
            while not bench.counts():
                await asyncio.sleep(0.001)
        counted = bench.total()
        assert bench.counts() == {("GET", "/", "200"): 1}
        assert not ended.is_set()
        assert (
            bench.registry.get_sample_value(
                "http_server_active_requests", {"http_request_method": "GET"}
            )
            == 0
        )
        may_end.set()
        assert (await request).status_code == 200
    assert ended.is_set()
    assert bench.total() == counted
    assert bench.counts() == {("GET", "/", "200"): 1}


async def test_duration_of_a_streamed_answer_ends_with_its_last_part() -> None:
    bench = Bench()
    seen_while_streaming: list[float] = []

    async def parts() -> AsyncIterator[bytes]:
        yield b"a"
        seen_while_streaming.append(sum(bench.counts().values()))
        yield b"b"

    @bench.app.get("/")
    async def root() -> StreamingResponse:
        return StreamingResponse(parts())

    async with bench.client() as client:
        assert (await client.get("/")).text == "ab"
    assert seen_while_streaming == [0]
    assert bench.counts() == {("GET", "/", "200"): 1}


async def test_unknown_paths_and_methods_make_no_new_labels() -> None:
    bench = Bench()

    @bench.app.get("/things/{id}")
    async def thing(id: int) -> int:  # noqa: A002
        return id

    async with bench.client() as client:
        for number in range(20):
            assert (await client.get(f"/nothing/{number}")).status_code == 404
            assert (await client.get(f"/things/{number}")).status_code == 200
            assert (await client.request(f"BREW{number}", "/things/1")).status_code == 405
        assert (await client.get("/things/x")).status_code == 422
    assert bench.counts() == {
        ("GET", "", "404"): 20,
        ("GET", "/things/{id}", "200"): 20,
        ("GET", "/things/{id}", "422"): 1,
        ("_OTHER", "/things/{id}", "405"): 20,
    }


async def test_route_of_a_router_included_with_a_prefix_is_whole() -> None:
    bench = Bench()
    inner, outer = APIRouter(prefix="/things"), APIRouter()

    @inner.get("/{id}")
    async def thing(id: int) -> int:  # noqa: A002
        return id

    outer.include_router(inner, prefix="/v1")
    bench.app.include_router(outer, prefix="/api")
    async with bench.client() as client:
        await client.get("/api/v1/things/3")
    assert bench.counts() == {("GET", "/api/v1/things/{id}", "200"): 1}


async def test_request_that_raises_counts_as_500_and_is_no_longer_active() -> None:
    bench = Bench()

    @bench.app.get("/")
    async def root() -> None:
        raise LookupError

    async with bench.client() as client:
        assert (await client.get("/")).status_code == 500
    assert bench.counts() == {("GET", "/", "500"): 1}
    assert (
        bench.registry.get_sample_value(
            "http_server_active_requests", {"http_request_method": "GET"}
        )
        == 0
    )


async def test_active_requests_while_three_are_answered_are_three() -> None:
    bench = Bench()
    may_end = asyncio.Event()
    inside = asyncio.Semaphore(0)

    @bench.app.get("/")
    async def root() -> None:
        inside.release()
        await may_end.wait()

    async with bench.client() as client, asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(client.get("/"))
        for _ in range(3):
            await inside.acquire()
        assert (
            bench.registry.get_sample_value(
                "http_server_active_requests", {"http_request_method": "GET"}
            )
            == 3
        )
        may_end.set()


async def test_ignored_path_is_not_counted() -> None:
    bench = Bench()
    async with bench.client() as client:
        await client.get("/metrics")
    assert bench.counts() == {}


@pytest.mark.parametrize("edge", ["0.1", "0.2", "0.5"])
async def test_buckets_have_an_edge_at_each_latency_budget(edge: str) -> None:
    bench = Bench()
    async with bench.client() as client:
        await client.get("/")
    labels = {
        "http_request_method": "GET",
        "http_route": "",
        "http_response_status_code": "404",
        "le": edge,
    }
    assert bench.registry.get_sample_value(f"{DURATION}_bucket", labels) is not None
