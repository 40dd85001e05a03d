"""What a request costs: statements, bytes; and what garbage collections cost everybody."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import PlainTextResponse, StreamingResponse
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool

from sample_app.telemetry.garbage import GarbageMetrics
from sample_app.telemetry.http import HttpMetrics, MeasuredRequests
from sample_app.telemetry.queries import QueryMetrics
from sample_app.telemetry.work import current_work

QUERIES = "http_server_request_db_queries"
COLUMNS = "http_server_request_db_columns"
SIZE = "http_server_response_body_size_bytes"


class Bench:
    """An application with a database, behind the middleware."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.app = FastAPI()
        self.app.add_middleware(MeasuredRequests, metrics=HttpMetrics(self.registry))
        # One connection for all threads, so that it can be closed from the test's.
        self.engine = create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
        QueryMetrics(self.registry).watch(self.engine, slow=60.0)

    def query(self, times: int) -> None:
        with self.engine.connect() as connection:
            for _ in range(times):
                connection.execute(text("SELECT 1"))

    async def get(self, *paths: str) -> None:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            await asyncio.gather(*(client.get(path) for path in paths))

    def value(self, name: str, route: str) -> float | None:
        labels = {"http_request_method": "GET", "http_route": route}
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.engine.dispose()


async def test_statements_are_counted_for_the_request_that_runs_them(bench: Bench) -> None:
    @bench.app.get("/few")
    async def few() -> None:
        bench.query(2)
        await asyncio.sleep(0)
        bench.query(1)

    @bench.app.get("/none")
    async def none() -> None:
        await asyncio.sleep(0)

    bench.query(5)  # of nobody's request
    await bench.get("/few", "/none", "/few", "/none", "/none")
    assert bench.value(f"{QUERIES}_sum", "/few") == 6
    assert bench.value(f"{QUERIES}_count", "/few") == 2
    assert bench.value(f"{QUERIES}_sum", "/none") == 0
    assert bench.value(f"{QUERIES}_count", "/none") == 3
    assert current_work.get() is None


async def test_statements_of_its_tasks_count_and_those_after_the_answer_do_not(
    bench: Bench,
) -> None:
    async def ask() -> None:
        bench.query(1)

    @bench.app.get("/")
    async def root(tasks: BackgroundTasks) -> None:
        tasks.add_task(bench.query, 10)
        await asyncio.gather(ask(), asyncio.create_task(ask()))

    await bench.get("/")
    assert bench.value(f"{QUERIES}_sum", "/") == 2


async def test_columns_are_those_of_all_results_whatever_their_rows(bench: Bench) -> None:
    @bench.app.get("/")
    async def root() -> None:
        with bench.engine.connect() as connection:
            connection.execute(text("SELECT 1, 2, 3 UNION SELECT 4, 5, 6"))
            connection.execute(text("SELECT 7, 8 WHERE 1 = 0"))
            connection.execute(text("CREATE TABLE IF NOT EXISTS t (n INTEGER)"))  # has no result

    with bench.engine.connect() as connection:
        connection.execute(text("SELECT 1, 2, 3, 4"))  # of nobody's request
    await bench.get("/", "/")
    assert bench.value(f"{COLUMNS}_sum", "/") == 2 * (3 + 2)
    assert bench.value(f"{COLUMNS}_count", "/") == 2


async def test_failed_statement_counts(bench: Bench) -> None:
    @bench.app.get("/")
    async def root() -> None:
        with pytest.raises(OperationalError), bench.engine.connect() as connection:
            connection.execute(text("SELECT * FROM nothing"))

    await bench.get("/")
    assert bench.value(f"{QUERIES}_sum", "/") == 1


async def test_size_is_that_of_the_body_in_one_part_or_many(bench: Bench) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(7):
            yield b"x" * 300

    @bench.app.get("/whole")
    async def whole() -> PlainTextResponse:
        return PlainTextResponse("x" * 1234)

    @bench.app.get("/parts")
    async def streamed() -> StreamingResponse:
        return StreamingResponse(parts())

    await bench.get("/whole", "/parts", "/parts")
    assert bench.value(f"{SIZE}_sum", "/whole") == 1234
    assert bench.value(f"{SIZE}_sum", "/parts") == 2 * 2100
    assert bench.value(f"{SIZE}_count", "/parts") == 2


def test_collections_are_timed_while_watched_only() -> None:
    registry = CollectorRegistry()
    metrics = GarbageMetrics(registry)

    def count(generation: int) -> float:
        labels = {"generation": str(generation)}
        value = registry.get_sample_value("python_gc_pause_seconds_count", labels)
        assert value is not None
        return value

    callbacks = list(gc.callbacks)
    gc.collect()
    assert [count(generation) for generation in range(3)] == [0, 0, 0]
    with metrics.watched():
        before = count(2)
        gc.collect(2)
        gc.collect(2)
        assert count(2) - before >= 2
    after = count(2)
    gc.collect(2)
    assert count(2) == after
    assert gc.callbacks == callbacks
    total = registry.get_sample_value("python_gc_pause_seconds_sum", {"generation": "2"})
    assert total is not None
    assert total > 0
    top = {"generation": "2", "le": "+Inf"}
    assert registry.get_sample_value("python_gc_pause_seconds_bucket", top) == after
