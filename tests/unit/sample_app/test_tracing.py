"""The tracing middleware alone, in front of tiny applications, and its way to a collector."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest

from sample_app.telemetry.http import HttpMetrics, MeasuredRequests
from sample_app.telemetry.tracing import TracedRequests, span, start_span, tracer_provider

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}"


class Bench:
    """An application behind both middlewares, and the spans that it made."""

    def __init__(self, ratio: float = 1.0) -> None:
        self.exporter = InMemorySpanExporter()
        provider = tracer_provider("bench", "1", ratio)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.registry = CollectorRegistry()
        self.app = FastAPI()
        self.app.add_middleware(MeasuredRequests, metrics=HttpMetrics(self.registry))
        self.app.add_middleware(TracedRequests, provider=provider)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path, headers=headers)

    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.exporter.get_finished_spans()}


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_request_span_has_the_route_and_the_convention_s_attributes(bench: Bench) -> None:
    @bench.app.get("/things/{id}")
    async def thing(id: int) -> int:  # noqa: A002
        return id

    await bench.get("/things/7?secret=1")
    (request,) = bench.spans().values()
    assert request.name == "GET /things/{id}"
    assert request.kind is SpanKind.SERVER
    assert request.parent is None
    assert dict(request.attributes or {}) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/things/{id}",
        "network.protocol.version": "1.1",
        "url.path": "/things/7",
        "url.scheme": "http",
    }


async def test_unknown_path_is_a_span_without_a_route(bench: Bench) -> None:
    await bench.get("/nothing/1")
    (request,) = bench.spans().values()
    assert request.name == "GET"
    assert "http.route" not in (request.attributes or {})


@pytest.mark.parametrize(
    ("path", "status", "outcome"),
    [
        pytest.param("/refused", 409, StatusCode.UNSET, id="a refusal is no error"),
        pytest.param("/broken", 503, StatusCode.ERROR, id="a 5xx answer is an error"),
        pytest.param("/raised", 500, StatusCode.ERROR, id="an exception is an error"),
    ],
)
async def test_outcome_is_in_the_span(
    bench: Bench, path: str, status: int, outcome: StatusCode
) -> None:
    @bench.app.get("/refused")
    async def refused() -> None:
        raise HTTPException(409)

    @bench.app.get("/broken")
    async def broken() -> None:
        raise HTTPException(503)

    @bench.app.get("/raised")
    async def raised() -> None:
        raise RuntimeError("no")

    assert (await bench.get(path)).status_code == status
    (request,) = bench.spans().values()
    assert request.status.status_code is outcome
    assert [event.name for event in request.events] == ["exception"] * (path == "/raised")


@pytest.mark.parametrize(
    ("ratio", "flags", "recorded"),
    [
        pytest.param(0.0, "01", True, id="a sampled caller is followed"),
        pytest.param(1.0, "00", False, id="a caller that is not sampled is followed, too"),
        pytest.param(0.0, None, False, id="no caller and a ratio of 0"),
    ],
)
async def test_caller_decides_whether_its_trace_is_recorded(
    ratio: float, flags: str | None, recorded: bool
) -> None:
    bench = Bench(ratio)
    seen: list[str] = []

    @bench.app.get("/")
    async def root() -> None:
        seen.append(trace.format_trace_id(trace.get_current_span().get_span_context().trace_id))

    headers = {"traceparent": PARENT.format(flags=flags)} if flags else {}
    await bench.get("/", **headers)
    assert bool(bench.spans()) is recorded
    if flags:
        assert seen == ["0af7651916cd43dd8448eb211c80319c"]
    if recorded:
        parent = bench.spans()["GET /"].parent
        assert parent is not None
        assert parent.span_id == 0xB7AD6B7169203331


async def test_malformed_traceparent_begins_a_trace_of_its_own(bench: Bench) -> None:
    @bench.app.get("/")
    async def root() -> None: ...

    for text in ("", "00-xyz", PARENT.format(flags="01") + "é", "00-" + "0" * 32 + "-1-01"):
        transport = httpx.ASGITransport(bench.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            headers = [(b"traceparent", text.encode("latin-1"))]
            assert (await client.get("/", headers=headers)).status_code == 200
    assert len(bench.exporter.get_finished_spans()) == 4
    assert all(request.parent is None for request in bench.exporter.get_finished_spans())


async def test_span_ends_with_the_last_byte_and_not_with_the_background_task(bench: Bench) -> None:
    may_end = asyncio.Event()

    async def work() -> None:
        await may_end.wait()
        with span("afterwards"):
            pass

    async def parts() -> AsyncIterator[bytes]:
        yield b"a"
        assert not bench.spans()
        yield b"b"

    @bench.app.get("/")
    async def root(tasks: BackgroundTasks) -> StreamingResponse:
        tasks.add_task(work)
        return StreamingResponse(parts(), background=tasks)

    request = asyncio.create_task(bench.get("/"))
    async with asyncio.timeout(10):
        while not bench.spans():
            await asyncio.sleep(0.001)
    assert not request.done()
    may_end.set()
    await request
    assert bench.spans()["afterwards"].parent == bench.spans()["GET /"].context


async def test_named_spans_are_children_and_cost_nothing_when_nothing_is_recorded() -> None:
    for ratio, names in ((1.0, {"GET /", "outer", "inner", "SELECT"}), (0.0, set())):
        bench = Bench(ratio)

        @bench.app.get("/")
        async def root() -> None:
            with span("outer", rows=3), span("inner"):
                statement = start_span("SELECT", SpanKind.CLIENT, {"db.system.name": "sqlite"})
                if statement:
                    statement.end()

        await bench.get("/")
        spans = bench.spans()
        assert spans.keys() == names
        if names:
            assert dict(spans["outer"].attributes or {}) == {"rows": 3}
            assert spans["outer"].parent == spans["GET /"].context
            assert spans["inner"].parent == spans["outer"].context
            assert spans["SELECT"].parent == spans["inner"].context
    with span("outside of any request"):
        assert start_span("SELECT", SpanKind.CLIENT, {}) is None


@pytest.mark.parametrize(("ratio", "exemplars"), [(1.0, 1), (0.0, 0)])
async def test_exemplar_names_the_trace_of_a_recorded_request(ratio: float, exemplars: int) -> None:
    bench = Bench(ratio)

    @bench.app.get("/")
    async def root() -> None: ...

    await bench.get("/")
    write: Callable[[CollectorRegistry], bytes] = generate_latest
    text = write(bench.registry).decode()
    found = re.findall(r'_duration_seconds_bucket.* # {trace_id="([0-9a-f]{32})"} ', text)
    assert len(found) == exemplars
    if exemplars:
        request = bench.spans()["GET /"].context
        assert request is not None
        assert found == [trace.format_trace_id(request.trace_id)]


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Something that takes OTLP over HTTP: its address, and what it got."""
    got: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", got
        finally:
            server.shutdown()
            thread.join()


def test_spans_go_to_the_collector_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with collector() as (url, got):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        provider = tracer_provider("bench", "1.2", 1.0)
        with provider.get_tracer("test").start_as_current_span("one"):
            pass
        provider.shutdown()
    ((path, body),) = got
    assert path == "/v1/traces"
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    attributes = {a.key: a.value.string_value for a in resource.resource.attributes}
    assert (attributes["service.name"], attributes["service.version"]) == ("bench", "1.2")
    assert [span.name for scope in resource.scope_spans for span in scope.spans] == ["one"]


@pytest.mark.parametrize("value", [None, ""])
def test_no_collector_no_exporter(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    if value is not None:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", value)
    provider: TracerProvider = tracer_provider("bench", "1", 1.0)
    assert provider._active_span_processor._span_processors == ()
