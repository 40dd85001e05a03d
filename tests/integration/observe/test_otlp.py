"""The receiver of traces, with the exporter of OpenTelemetry and with damaged requests."""

from __future__ import annotations

import gzip
import http.client
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from harness.errors import UsageError
from harness.observe.otlp.receiver import LARGEST, TraceReceiver, trace_receiver
from harness.runs.recording.spans import read_spans

PROTOBUF = "application/x-protobuf"


def post(
    receiver: TraceReceiver,
    body: bytes | list[bytes],
    kind: str = PROTOBUF,
    path: str = "/v1/traces",
    method: str = "POST",
    **headers: str,
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(receiver.url).netloc, timeout=20)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        chunked = isinstance(body, list)
        content: Any = iter(body) if isinstance(body, list) else body
        connection.request(
            method,
            path,
            content,
            {"Content-Type": kind, **named},
            encode_chunked=chunked,
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def spans(count: int, **fields: str) -> bytes:
    made = [
        Span(trace_id=b"t" * 16, span_id=n.to_bytes(8, "big"), name=fields.get("name", "x"))
        for n in range(1, count + 1)
    ]
    resource = ResourceSpans(scope_spans=[ScopeSpans(spans=made)])
    return ExportTraceServiceRequest(resource_spans=[resource]).SerializeToString()


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_spans_of_the_exporter_are_stored(tmp_path: Path, compression: Compression) -> None:
    file = tmp_path / "traces.jsonl"
    with trace_receiver(file) as receiver:
        provider = TracerProvider()
        exporter = OTLPSpanExporter(f"{receiver.url}/v1/traces", compression=compression)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tracer = provider.get_tracer("test")
        with (
            pytest.raises(ValueError, match="boom"),
            tracer.start_as_current_span("outer", attributes={"n": 3}),
            tracer.start_as_current_span("inner"),
        ):
            raise ValueError("boom")
        provider.shutdown()
        assert (receiver.stored, receiver.rejected, receiver.notices()) == (2, 0, [])
    inner, outer = read_spans(file)
    assert (outer.name, inner.name, inner.parent_id) == ("outer", "inner", outer.span_id)
    assert (outer.attributes, outer.error) == ({"n": 3}, True)
    assert [event.type for event in inner.exceptions] == ["ValueError"]


def test_requests_that_are_refused(tmp_path: Path) -> None:
    bomb = gzip.compress(b"\0" * 200_000_000)
    with trace_receiver(tmp_path / "traces.jsonl") as receiver:
        assert post(receiver, b"{", "application/json")[0] == 400
        assert post(receiver, b"\xff\xff")[0] == 400
        assert post(receiver, bomb, Content_Encoding="gzip")[0] == 413
        assert post(receiver, b"\0" * (LARGEST + 1))[0] == 413
        assert post(receiver, spans(1, name="y" * 10_000_000))[0] == 413
        assert post(receiver, b"", path="/")[0] == 404
        assert post(receiver, b"", method="GET")[0] == 404
        assert post(receiver, b"metrics", path="/v1/metrics") == (200, b"")
        assert post(receiver, spans(1)) == (200, b"")
        assert receiver.stored == 1
        assert receiver.notices() == [
            "3 OTLP requests refused: larger than 4 MiB",
            "2 OTLP requests refused: not an OTLP trace request",
        ]


def test_request_in_chunks(tmp_path: Path) -> None:
    body = spans(3)
    with trace_receiver(tmp_path / "traces.jsonl") as receiver:
        assert post(receiver, [body[:10], body[10:]])[0] == 200
        assert receiver.stored == 3


def test_end_finishes_a_request_and_closes_an_idle_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = spans(3)
    slept: list[float] = []
    monkeypatch.setattr("asyncio.sleep", slept.append)
    # However late a busy machine sends the rest of the request.
    monkeypatch.setattr("harness.observe.otlp.receiver._LAST_REQUESTS", 20.0)
    with ThreadPoolExecutor(1) as pool, ExitStack() as context:
        receiver = context.enter_context(trace_receiver(tmp_path / "traces.jsonl"))
        idle, busy = (
            http.client.HTTPConnection(urlsplit(receiver.url).netloc, timeout=20) for _ in range(2)
        )
        idle.request("GET", "/")
        assert idle.getresponse().read() == b""
        busy.putrequest("POST", "/v1/traces")
        busy.putheader("Content-Type", PROTOBUF)
        busy.putheader("Content-Length", str(len(body)))
        busy.putheader("Expect", "100-continue")
        busy.endheaders(body[:10])
        assert busy.sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"  # it is being received
        ended = pool.submit(context.close)
        assert idle.sock.recv(1) == b""
        idle.close()
        busy.send(body[10:])
        assert busy.getresponse().status == 200
        busy.close()
        ended.result(20)
    assert len(read_spans(tmp_path / "traces.jsonl")) == 3
    assert slept == []  # no fixed wait


def test_flood_is_bounded_and_said(tmp_path: Path) -> None:
    body = spans(500)
    file = tmp_path / "traces.jsonl"
    with trace_receiver(file, most=1_000_000) as receiver, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: post(receiver, body), range(100)))
        assert {status for status, _ in answers} <= {200, 503}
        taken = sum(status == 200 for status, _ in answers)
        assert receiver.stored + receiver.rejected == 500 * taken
        last = ExportTraceServiceResponse.FromString(post(receiver, body)[1])
        assert last.partial_success.rejected_spans == 500
        (notice,) = receiver.notices()
        assert notice.endswith("spans not stored: traces.jsonl is limited to 977 KiB")
    # What was being written when the limit was reached is kept.
    assert 1_000_000 <= file.stat().st_size < 1_600_000
    assert len(read_spans(file)) == receiver.stored


def has_ipv6() -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET6) as one:
        one.bind(("::1", 0))
        return True
    return False


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_spans_are_received_at_an_ipv6_address(tmp_path: Path) -> None:
    with trace_receiver(tmp_path / "traces.jsonl", "::1") as receiver:
        assert receiver.url.startswith("http://[::1]:")
        assert post(receiver, b"")[0] == 200


def test_no_spans_no_file_and_a_taken_port(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    with trace_receiver(file) as receiver:
        port = urlsplit(receiver.url).port
        assert port is not None
        with (
            pytest.raises(UsageError, match=f"cannot receive traces at 127.0.0.1:{port}"),
            trace_receiver(tmp_path / "other.jsonl", port=port),
        ):
            pass
    assert list(tmp_path.iterdir()) == []
