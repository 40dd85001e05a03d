"""The instrumentations in front of small applications, the sampling decision, and the export."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from opentelemetry import propagate, trace
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
from opentelemetry.instrumentation.sqlalchemy.engine import EngineTracer
from opentelemetry.instrumentation.utils import is_instrumentation_enabled, unwrap
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import StaticPool
from starlette.background import BackgroundTask
from wrapt import wrap_function_wrapper

from sample_app.core.logs.json_lines import JsonFormatter
from sample_app.core.logs.redaction import redact
from sample_app.telemetry.http import HttpMetrics, MeasuredRequests
from sample_app.telemetry.redacted import RedactedExporter
from sample_app.telemetry.sampling import sampler
from sample_app.telemetry.tracing import (
    instrument_app,
    instrument_engine,
    instrument_httpx,
    set_up_traces,
    tracer_provider,
)
from tests.traces import collector, recorded

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}"
tracer = trace.get_tracer(__name__)


class Bench:
    """An instrumented application, and the spans that it made."""

    def __init__(self, ratio: float = 1.0) -> None:
        self.registry = CollectorRegistry()
        self.app = FastAPI()
        self.app.add_middleware(MeasuredRequests, metrics=HttpMetrics(self.registry))
        instrument_app(self.app, ratio)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path, headers=headers)


@contextmanager
def bench(ratio: float = 1.0) -> Iterator[tuple[Bench, Callable[[], dict[str, ReadableSpan]]]]:
    with recorded(ratio) as spans:
        one = Bench(ratio)
        yield one, spans.by_name
        FastAPIInstrumentor.uninstrument_app(one.app)


async def test_request_span_has_the_route_and_no_query() -> None:
    with bench() as (one, spans):

        @one.app.get("/things/{id}")
        async def thing(id: int) -> int:  # noqa: A002
            return id

        await one.get("/things/7?q=Ada", **{"User-Agent": "test"})
        (request,) = spans().values()
    assert request.name == "GET /things/{id}"
    assert request.kind is SpanKind.SERVER
    assert request.parent is None
    attributes = dict(request.attributes or {})
    assert attributes.pop("server.address")
    assert attributes == {
        "client.address": "127.0.0.1",
        "client.port": 123,
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/things/{id}",
        "network.protocol.version": "1.1",
        "url.path": "/things/7",
        "url.query": "[hidden]",
        "url.scheme": "http",
        "user_agent.original": "test",
    }


async def test_unknown_path_is_a_span_without_a_route() -> None:
    with bench() as (one, spans):
        await one.get("/nothing/1")
        (request,) = spans().values()
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
async def test_outcome_is_in_the_span(path: str, status: int, outcome: StatusCode) -> None:
    with bench() as (one, spans):

        @one.app.get("/refused")
        async def refused() -> None:
            raise HTTPException(409)

        @one.app.get("/broken")
        async def broken() -> None:
            raise HTTPException(503)

        @one.app.get("/raised")
        async def raised() -> None:
            raise RuntimeError("no")

        assert (await one.get(path)).status_code == status
        (request,) = spans().values()
    assert request.status.status_code is outcome
    assert [event.name for event in request.events] == ["exception"] * (path == "/raised")


@pytest.mark.parametrize("path", ["/metrics", "/health", "/health/ready", "/health/detailed"])
@pytest.mark.parametrize("flags", [None, "01"])
async def test_health_and_metrics_make_no_spans(path: str, flags: str | None) -> None:
    with bench() as (one, spans):

        @one.app.get(path)
        async def health() -> bool:
            return is_instrumentation_enabled()

        headers = {"traceparent": PARENT.format(flags=flags)} if flags else {}
        assert (await one.get(path, **headers)).json() is False
        assert spans() == {}


@pytest.mark.parametrize(
    ("ratio", "flags", "chosen"),
    [
        pytest.param(0.0, "01", True, id="a sampled caller is followed"),
        pytest.param(1.0, "00", False, id="a caller that is not sampled is followed, too"),
        pytest.param(0.0, None, False, id="no caller and a ratio of 0"),
        pytest.param(1.0, None, True, id="no caller and a ratio of 1"),
    ],
)
async def test_caller_decides_whether_its_trace_is_recorded(
    ratio: float, flags: str | None, chosen: bool
) -> None:
    with bench(ratio) as (one, spans):
        seen: list[dict[str, str]] = []

        @one.app.get("/")
        async def root() -> bool:
            carrier: dict[str, str] = {}
            propagate.inject(carrier)
            seen.append(carrier)
            return is_instrumentation_enabled()

        headers = {"traceparent": PARENT.format(flags=flags)} if flags else {}
        assert (await one.get("/", **headers)).json() is chosen
        assert bool(spans()) is chosen
        parent = spans()["GET /"].parent if chosen else None
    # A request that is not recorded has a trace id too, and passes the decision on.
    (_, trace_id, _, sampled) = seen[0]["traceparent"].split("-")
    assert int(trace_id, 16) > 0
    assert bool(int(sampled, 16) & 1) is chosen
    if flags:
        assert trace_id == "0af7651916cd43dd8448eb211c80319c"
    if flags and chosen:
        assert parent is not None
        assert parent.span_id == 0xB7AD6B7169203331


async def test_baggage_reaches_requests_whether_they_are_recorded_or_not() -> None:
    for ratio in (0.0, 1.0):
        with bench(ratio) as (one, _):

            @one.app.get("/")
            async def root() -> dict[str, str]:
                carrier: dict[str, str] = {}
                propagate.inject(carrier)
                return carrier

            assert (await one.get("/", baggage="tenant=7")).json()["baggage"] == "tenant=7"


async def test_malformed_traceparent_begins_a_trace_of_its_own() -> None:
    with recorded() as spans:
        one = Bench()

        @one.app.get("/")
        async def root() -> None: ...

        for header in ("", "00-xyz", PARENT.format(flags="01") + "é", "00-" + "0" * 32 + "-1-01"):
            transport = httpx.ASGITransport(one.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                headers = [(b"traceparent", header.encode("latin-1"))]
                assert (await client.get("/", headers=headers)).status_code == 200
    assert len(spans.all()) == 4
    assert all(request.parent is None for request in spans.all())


async def test_span_ends_with_the_last_byte_and_not_with_the_background_task() -> None:
    with bench() as (one, spans):
        may_end = asyncio.Event()

        async def work() -> None:
            await may_end.wait()
            with tracer.start_as_current_span("afterwards"):
                pass

        async def parts() -> AsyncIterator[bytes]:
            yield b"a"
            assert not spans()
            yield b"b"

        @one.app.get("/")
        async def root(tasks: BackgroundTasks) -> StreamingResponse:
            tasks.add_task(work)
            return StreamingResponse(parts(), background=tasks)

        request = asyncio.create_task(one.get("/"))
        async with asyncio.timeout(10):
            while not spans():
                await asyncio.sleep(0.001)
        assert not request.done()
        may_end.set()
        await request
        found = spans()
    assert found["BackgroundTask work"].parent == found["GET /"].context
    assert found["afterwards"].parent == found["BackgroundTask work"].context


async def test_span_of_the_api_is_a_child_of_the_request() -> None:
    for ratio, names in ((1.0, {"GET /", "outer", "inner"}), (0.0, set())):
        with bench(ratio) as (one, spans):

            @one.app.get("/")
            async def root() -> None:
                with tracer.start_as_current_span("outer", attributes={"rows": 3}):
                    inner()

            @tracer.start_as_current_span("inner")
            def inner() -> None: ...

            await one.get("/")
            found = spans()
        assert found.keys() == names
        if names:
            assert dict(found["outer"].attributes or {}) == {"rows": 3}
            assert found["outer"].parent == found["GET /"].context
            assert found["inner"].parent == found["outer"].context


async def test_instrumentation_of_the_user_records_into_the_same_trace() -> None:
    class Templates:
        def render(self) -> str:
            return "text"

    class Instrumentor(BaseInstrumentor):  # type: ignore[misc]
        def instrumentation_dependencies(self) -> tuple[str, ...]:
            return ()

        def _instrument(self, **kwargs: object) -> None:
            own = trace.get_tracer("instrumentation.templates")

            def render(func: Callable[..., str], _: object, args: object, kw: object) -> str:
                with own.start_as_current_span("render"):
                    return func()

            wrap_function_wrapper(Templates, "render", render)

        def _uninstrument(self, **kwargs: object) -> None:
            unwrap(Templates, "render")

    with bench() as (one, spans):
        Instrumentor().instrument()

        @one.app.get("/")
        async def root() -> str:
            return Templates().render()

        await one.get("/")
        Instrumentor().uninstrument()
        assert spans()["render"].parent == spans()["GET /"].context


async def test_log_line_has_the_trace_id() -> None:
    lines: list[str] = []
    for ratio in (1.0, 0.0):
        with bench(ratio) as (one, spans):

            @one.app.get("/")
            async def root() -> None:
                record = logging.makeLogRecord({"msg": "here"})
                lines.append(JsonFormatter().format(record))

            await one.get("/")
            found = re.findall(r'"trace_id": "([0-9a-f]{32})"', lines[-1])
            assert len(found) == 1
            if ratio:
                request = spans()["GET /"].context
                assert request is not None
                assert found == [trace.format_trace_id(request.trace_id)]


@pytest.mark.parametrize(("ratio", "exemplars"), [(1.0, 1), (0.0, 0)])
async def test_exemplar_names_the_trace_of_a_recorded_request(ratio: float, exemplars: int) -> None:
    with bench(ratio) as (one, spans):

        @one.app.get("/")
        async def root() -> None: ...

        await one.get("/")
        write: Callable[[CollectorRegistry], bytes] = generate_latest
        exposed = write(one.registry).decode()
        found = re.findall(r'_duration_seconds_bucket.* # {trace_id="([0-9a-f]{32})"} ', exposed)
        assert len(found) == exemplars
        if exemplars:
            request = spans()["GET /"].context
            assert request is not None
            assert found == [trace.format_trace_id(request.trace_id)]


@pytest.mark.parametrize(("ratio", "number"), [(0.0, 0), (1.0, 40)])
def test_traces_outside_of_requests_are_recorded_in_the_share_asked_for(
    ratio: float, number: int
) -> None:
    own = TracerProvider(sampler=sampler(ratio)).get_tracer("t")
    assert sum(own.start_span("x").is_recording() for _ in range(40)) == number


def test_statement_is_a_span_with_placeholders_and_a_failed_one_shows_no_value() -> None:
    exporter = InMemorySpanExporter()
    engine = create_engine("sqlite://", poolclass=StaticPool, hide_parameters=True)
    instrument_engine(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (name TEXT CHECK (length(name) < 9))"))
    redacted = SimpleSpanProcessor(RedactedExporter(exporter, redact))
    with recorded(processor=redacted), engine.begin() as connection:
        connection.execute(text("INSERT INTO t VALUES (:name)"), {"name": "Ada"})
        with pytest.raises(IntegrityError) as raised:
            connection.execute(text("INSERT INTO t VALUES (:name)"), {"name": "Augusta Ada"})
    engine.dispose()
    inserted, failed = exporter.get_finished_spans()
    attributes = dict(inserted.attributes or {})
    assert inserted.kind is SpanKind.CLIENT
    assert attributes["db.system.name"] == "sqlite"
    assert attributes["db.query.text"] == "INSERT INTO t VALUES (?)"
    assert "Ada" not in inserted.to_json()
    assert (failed.status.status_code, failed.status.description) == (StatusCode.ERROR, None)
    assert "Augusta" not in failed.to_json()
    assert "Augusta" not in str(raised.value)


def test_exported_errors_are_redacted_and_all_else_is_kept() -> None:
    exporter = InMemorySpanExporter()
    with recorded(processor=SimpleSpanProcessor(RedactedExporter(exporter, redact))) as spans:
        with tracer.start_as_current_span("plain", attributes={"n": 1}):
            pass
        with (
            pytest.raises(RuntimeError),
            tracer.start_as_current_span("failed", kind=SpanKind.CLIENT, attributes={"n": 2}),
        ):
            raise RuntimeError("password=hunter2 of ada@example.com")
    assert spans.all() == ()
    plain, failed = exporter.get_finished_spans()
    assert (plain.name, dict(plain.attributes or {})) == ("plain", {"n": 1})
    assert (failed.name, failed.kind, dict(failed.attributes or {})) == (
        "failed",
        SpanKind.CLIENT,
        {"n": 2},
    )
    assert failed.status.description == "RuntimeError: password=[hidden] of [hidden]"
    assert failed.end_time is not None
    assert failed.end_time >= (failed.start_time or 0) > 0
    (event,) = failed.events
    assert (event.attributes or {})["exception.type"] == "RuntimeError"
    assert "hunter2" not in failed.to_json()  # no part of a trace id
    assert "ada@example.com" not in failed.to_json()


async def test_outgoing_request_carries_its_span_and_shows_no_parameters() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200)

    with recorded() as spans:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            instrument_httpx(client)
            with tracer.start_as_current_span("caller"):
                await client.get("http://other.example/people", params={"name": "Ada"})
        call, caller = spans.by_name()["GET"], spans.by_name()["caller"]
    assert call.kind is SpanKind.CLIENT
    assert call.parent == caller.context
    assert (call.attributes or {})["url.full"] == "http://other.example/people"
    assert call.context is not None
    assert asked[0].url.params["name"] == "Ada"
    ids = (call.context.trace_id, call.context.span_id)
    assert asked[0].headers["traceparent"].startswith(f"00-{ids[0]:032x}-{ids[1]:016x}-")


async def test_nothing_of_an_application_stays_after_its_end() -> None:
    plain = BackgroundTask.__call__
    gc.collect()
    listeners = len(EngineTracer._remove_event_listener_params)
    with recorded() as spans:
        first, second = Bench(), Bench()
        FastAPIInstrumentor.uninstrument_app(first.app)
        await first.get("/first")
        await second.get("/second")
        paths = [  # without an instrumentation FastAPI makes spans itself
            (span.attributes or {})["url.path"]
            for span in spans.all()
            if span.instrumentation_scope
            and span.instrumentation_scope.name.startswith("opentelemetry.instrumentation.")
        ]
        FastAPIInstrumentor.uninstrument_app(second.app)
    assert paths == ["/second"]
    assert BackgroundTask.__call__ is plain
    engine = create_engine("sqlite://", poolclass=StaticPool)
    instrument_engine(engine)
    assert len(EngineTracer._remove_event_listener_params) > listeners
    del engine
    gc.collect()
    assert len(EngineTracer._remove_event_listener_params) == listeners


def test_spans_go_to_the_collector_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with collector() as (url, got):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        provider = tracer_provider("bench", "1.2", 1.0)
        with provider.get_tracer("test").start_as_current_span("one"):
            pass
        provider.shutdown()
    (request,) = got
    (resource,) = request.resource_spans
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


def test_provider_of_the_service_becomes_the_global_one(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[TracerProvider] = []
    monkeypatch.setattr(trace, "get_tracer_provider", trace.ProxyTracerProvider)
    monkeypatch.setattr(trace, "set_tracer_provider", given.append)
    set_up_traces("other", "2.1", 1.0, str)
    (provider,) = given
    attributes = provider.resource.attributes
    assert (attributes["service.name"], attributes["service.version"]) == ("other", "2.1")


def test_provider_that_is_there_already_stays() -> None:
    with recorded():
        there = trace.get_tracer_provider()
        set_up_traces("other", "1", 1.0, str)
        assert trace.get_tracer_provider() is there
