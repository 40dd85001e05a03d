"""The trace of a request through the whole service, as a collector receives it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, format_trace_id

from sample_app.core.logs.json_lines import JsonFormatter
from sample_app.core.logs.redaction import redact
from sample_app.telemetry.redacted import RedactedExporter
from tests.integration.sample_app.conftest import Service, running, settings_for
from tests.integration.sample_app.directory import Directory, directory_server
from tests.traces import collector, recorded

CALLER = "0af7651916cd43dd8448eb211c80319c"
TRACED = {"traceparent": f"00-{CALLER}-b7ad6b7169203331-01"}
API = "/api/v1"


class Lines(logging.Handler):
    """The JSON lines of the process, formatted where they are written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonFormatter())
        self.lines: list[dict[str, object]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))

    def of(self, logger: str) -> list[dict[str, object]]:
        return [line for line in self.lines if line["logger"] == logger]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    handler, logger = Lines(), logging.getLogger("sample_app")
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    logging.Logger.manager._clear_cache()  # type: ignore[attr-defined]
    return handler


@pytest.fixture
async def directory() -> AsyncIterator[Directory]:
    async with directory_server() as one:
        yield one


async def exemplars(service: Service) -> list[str]:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    text = (await service.client.get("/metrics", headers=accept)).text
    return re.findall(r'http_server_request_duration_seconds_bucket.* # {trace_id="(\w+)"}', text)


@pytest.mark.parametrize(
    "levels", ["memory", pytest.param("both", marks=pytest.mark.needs_redis, id="memory and Redis")]
)
async def test_spans_of_a_request_are_one_trace_in_the_collector_the_log_and_the_exemplar(
    tmp_path: Path,
    directory: Directory,
    lines: Lines,
    levels: str,
    request: pytest.FixtureRequest,
) -> None:
    redis = {"url": request.getfixturevalue("redis_url")} if levels == "both" else {}
    settings = settings_for(
        tmp_path,
        redis=redis,
        directory={"url": directory.url},
        traces={"ratio": 0.0},  # only the caller's trace
    )
    with collector() as (url, got):
        exporter = RedactedExporter(OTLPSpanExporter(f"{url}/v1/traces"), redact)
        processor = BatchSpanProcessor(exporter)
        with recorded(ratio=0.0, processor=processor):
            async with running(settings) as service:
                answer = await service.client.get(f"{API}/companies/3", headers=TRACED)
                assert answer.json()["profile"]["industry"] == "mining"
                found = await exemplars(service)
            # The end of the service has exported the spans.
            spans = [
                s for r in got for o in r.resource_spans for c in o.scope_spans for s in c.spans
            ]
            processor.shutdown()  # type: ignore[no-untyped-call]
    assert {format_trace_id(int.from_bytes(span.trace_id)) for span in spans} == {CALLER}
    named = {span.name: span for span in spans}
    server = named[f"GET {API}/companies/{{id}}"]
    assert server.kind == Span.SPAN_KIND_SERVER
    kinds = {name: span.kind for name, span in named.items()}
    assert kinds["directory.profile"] == kinds["cache load"] == Span.SPAN_KIND_INTERNAL
    call = named["GET"] if levels == "memory" else by_attribute(spans, "url.full")[0]
    assert call.kind == Span.SPAN_KIND_CLIENT
    assert call.parent_span_id == named["directory.profile"].span_id
    (statement,) = [s for s in by_attribute(spans, "db.query.text") if "FROM compan" in text_of(s)]
    assert statement.parent_span_id == server.span_id
    assert "?" in text_of(statement)
    commands = {
        text_of(span) for span in spans if attributes(span).get("db.system.name") == "redis"
    }
    assert commands == (
        {"GET ?", "SET ? ? ? ?\nZREMRANGEBYSCORE ? ? ?\nZADD ? ? ?\nZCARD ?"}
        if levels == "both"
        else set()
    )
    assert found == [CALLER]
    assert [line["trace_id"] for line in lines.of("sample_app.outgoing")] == [CALLER]
    (line,) = [x for x in lines.of("sample_app.access") if x["path"] == f"{API}/companies/3"]
    assert line["trace_id"] == CALLER
    # The directory got the same trace, with the span of the call as its parent.
    (asked,) = directory.headers
    assert asked["traceparent"].split("-")[1:3] == [CALLER, call.span_id.hex()]
    assert asked["x-request-id"] == answer.headers["X-Request-ID"] == line["request_id"]


def attributes(span: Span) -> dict[str, str]:
    return {item.key: item.value.string_value for item in span.attributes}


def by_attribute(spans: list[Span], name: str) -> list[Span]:
    return [span for span in spans if name in attributes(span)]


def text_of(span: Span) -> str:
    return attributes(span)["db.query.text"]


async def test_health_and_metrics_leave_no_spans_of_their_statements(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, traces={"ratio": 1.0})
    with recorded() as spans:
        async with running(settings) as service:
            spans.exporter.clear()
            for path in ("/health", "/health/ready", "/metrics"):
                assert (await service.client.get(path, headers=TRACED)).status_code == 200
            assert spans.all() == ()


async def test_background_work_import_and_export_are_spans_of_their_requests(
    tmp_path: Path,
) -> None:
    settings = settings_for(tmp_path, traces={"ratio": 1.0}, exports={"batch": 100})
    with recorded() as spans:
        async with running(settings) as service:
            spans.exporter.clear()
            body = {"first_name": "A", "last_name": "B", "email": "a@b.example", "company_id": 1}
            assert (await service.client.post(f"{API}/contacts", json=body)).status_code == 201
            await service.app.state.services.background.idle()
            csv = "first_name,last_name,email,company_id\nC,D,c@d.example,1\nE,F,e@f.example,1\n"
            headers = {"Content-Type": "text/csv"}
            answer = await service.client.post(f"{API}/imports", content=csv, headers=headers)
            assert answer.json()["imported"] == 2
            await service.client.get(f"{API}/contacts/export")
            found = spans.all()
    by_name = {name: [s for s in found if s.name == name] for name in {s.name for s in found}}
    servers = {s.name: s.context for s in found if s.kind is SpanKind.SERVER}
    for request, name, number in (
        (f"POST {API}/contacts", "task welcome", 1),
        (f"POST {API}/contacts", "task note_welcome", 1),
        (f"POST {API}/imports", "import.batch", 1),
        (f"GET {API}/contacts/export", "export.write", 2),
    ):
        context = servers[request]
        assert context is not None
        assert [s.context and s.context.trace_id for s in by_name[name]] == [
            context.trace_id
        ] * number
    assert [(s.attributes or {})["rows"] for s in by_name["import.batch"]] == [2]
    assert [(s.attributes or {})["rows"] for s in by_name["export.write"]] == [100, 23]


@pytest.mark.parametrize("sampled", ["00", "01"])
async def test_failed_call_is_one_log_line_and_passes_the_caller_s_decision_on(
    tmp_path: Path, directory: Directory, lines: Lines, sampled: str
) -> None:
    directory.status = 503
    settings = settings_for(tmp_path, directory={"url": directory.url, "attempts": 1})
    headers = {"traceparent": TRACED["traceparent"][:-2] + sampled, "X-Request-ID": "mine"}
    with recorded(ratio=0.0):
        async with running(settings) as service:
            answer = await service.client.get(f"{API}/companies/3", headers=headers)
    assert answer.json()["profile"] is None
    (line,) = lines.of("sample_app.outgoing")
    assert (line["message"], line["level"]) == ("call failed", "WARNING")
    assert (line["peer"], line["error"], line["reason"]) == (
        "directory",
        "_FailedError",
        "status 503",
    )
    assert (line["request_id"], line["trace_id"]) == ("mine", CALLER)
    (asked,) = directory.headers
    assert asked["x-request-id"] == "mine"
    assert asked["traceparent"].split("-")[1] == CALLER
    assert asked["traceparent"].split("-")[3] == sampled
