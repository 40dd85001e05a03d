import gzip
import json
import re
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from harness.diagnose.functions import place_of
from harness.observe.otlp.messages import (
    JSON,
    PROTOBUF,
    MalformedError,
    TooLargeError,
    answer,
    lines_of,
    number_of_spans,
    parse_request,
    unpacked,
)
from harness.runner.redact import without_secrets
from harness.runs.recording.spans import read_spans

# From the specification's examples (opentelemetry-proto/examples/trace.json), shortened.
EXAMPLE = {
    "resourceSpans": [
        {
            "resource": {
                "attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]
            },
            "scopeSpans": [
                {
                    "scope": {"name": "my.library"},
                    "spans": [
                        {
                            "traceId": "5B8EFFF798038103D269B633813FC60C",
                            "spanId": "EEE19B7EC3C1B174",
                            "parentSpanId": "EEE19B7EC3C1B173",
                            "name": "I'm a server span",
                            "startTimeUnixNano": "1544712660000000000",
                            "endTimeUnixNano": "1544712661000000000",
                            "kind": 2,
                            "attributes": [
                                {"key": "my.span.attr", "value": {"stringValue": "some value"}}
                            ],
                        }
                    ],
                }
            ],
        }
    ]
}


def stored(request: ExportTraceServiceRequest) -> list[dict[str, object]]:
    return [json.loads(line) for _, line in lines_of(request, str)]


def test_json_of_the_specification_is_stored_as_it_came() -> None:
    request = parse_request(json.dumps(EXAMPLE).encode(), JSON)
    assert number_of_spans(request) == 1
    (line,) = stored(request)
    span = line["resourceSpans"][0]["scopeSpans"][0]["spans"][0]  # type: ignore[index]
    expected = dict(EXAMPLE["resourceSpans"][0]["scopeSpans"][0]["spans"][0])  # type: ignore[index]
    for name in ("traceId", "spanId", "parentSpanId"):
        expected[name] = expected[name].lower()
    assert span == expected


def test_protobuf_and_json_give_the_same_lines() -> None:
    request = parse_request(json.dumps(EXAMPLE).encode(), JSON)
    again = parse_request(request.SerializeToString(), PROTOBUF)
    assert stored(again) == stored(request)


def test_long_and_secret_texts() -> None:
    span = {**EXAMPLE["resourceSpans"][0]["scopeSpans"][0]["spans"][0], "name": "x" * 9000}  # type: ignore[index]
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [span] * 120}]}]}
    request = parse_request(json.dumps(document).encode(), JSON)
    lines = list(lines_of(request, lambda text: text.replace("some", "***")))
    assert [spans for spans, _ in lines] == [50, 50, 20]
    assert "*** value" in lines[0][1]
    first = json.loads(lines[0][1])["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert len(first["name"]) == 4096 + 3


def of_span(**fields: object) -> ExportTraceServiceRequest:
    span = {**EXAMPLE["resourceSpans"][0]["scopeSpans"][0]["spans"][0], **fields}  # type: ignore[index]
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [span] * 50}]}]}
    return parse_request(json.dumps(document).encode(), JSON)


def test_innermost_frame_of_a_long_stack_trace_is_kept() -> None:
    outer = [
        f'  File "/srv/app/middleware/part{number}.py", line 7, in dispatch\n    await go()\n'
        for number in range(70)
    ]
    trace = "Traceback (most recent call last):\n" + "".join(outer)
    trace += '  File "/srv/app/prices.py", line 85, in price\n    1 / 0\nZeroDivisionError: zero\n'
    assert len(trace) > 4096
    ((_, line),) = lines_of(of_span(name=trace), str)
    name = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"]
    assert place_of(name) == "/srv/app/prices.py:85"
    assert name.startswith('Traceback (most recent call last):\n  File "/srv/app/middleware/part0')
    assert len(name) <= 4096 + 4


def test_no_secret_is_cut_at_the_start_of_the_last_lines() -> None:
    text = "\n".join(f"password=secret-word-{number:04}" for number in range(500))
    ((_, line),) = lines_of(
        of_span(name=text), lambda text: re.sub(r"password=secret-word-\d*", "***", text)
    )
    assert line.count("-word-") <= 50  # of each span the one at the end of the first lines
    assert "***" in line


def test_value_of_an_attribute_with_the_name_of_a_secret_is_hidden() -> None:
    values = {
        "http.request.header.x-api-key": {"arrayValue": {"values": [{"stringValue": "hunter2"}]}},
        "password": {"stringValue": "hunter2"},
        "gen_ai.usage.tokens": {"intValue": "7"},
        "peer": {"stringValue": "hunter2-else"},
    }
    request = of_span(attributes=[{"key": key, "value": value} for key, value in values.items()])
    ((_, line),) = lines_of(request, without_secrets)
    span = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert {one["key"]: one["value"] for one in span["attributes"]} == {
        "http.request.header.x-api-key": {"arrayValue": {"values": [{"stringValue": "***"}]}},
        "password": {"stringValue": "***"},
        "gen_ai.usage.tokens": {"intValue": "7"},
        "peer": {"stringValue": "hunter2-else"},
    }


def test_line_is_no_longer_than_a_reader_takes(tmp_path: Path) -> None:
    attributes = [{"key": f"a{n}", "value": {"stringValue": "\u754c" * 4000}} for n in range(4)]
    request = of_span(attributes=attributes)
    path = tmp_path / "traces.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for _, line in lines_of(request, str):
            file.write(line)
    assert len(read_spans(path)) == number_of_spans(request) == 50


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"", "text/plain", "the type 'text/plain' is not supported"),
        (b"", "", "is not supported"),
        (b"{", JSON, "not an OTLP trace request"),
        (b"[]", JSON, "not an OTLP trace request"),
        (b'"text"', JSON, "not an OTLP trace request"),
        (b'{"resourceSpans": 3}', JSON, "not an OTLP trace request"),
        (b"[" * 100_000, JSON, "not an OTLP trace request"),
        (b"\xff\xff\xff", PROTOBUF, "not an OTLP trace request"),
        (
            json.dumps(EXAMPLE).replace("EEE19B7EC3C1B174", "no id").encode(),
            JSON,
            "the id 'no id' is not hexadecimal",
        ),
    ],
)
def test_malformed_request(content: bytes, kind: str, message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        parse_request(content, kind)


def test_packed_request() -> None:
    assert unpacked(b"abc", "", 10) == b"abc"
    assert unpacked(gzip.compress(b"abc"), "gzip", 10) == b"abc"
    with pytest.raises(TooLargeError):
        unpacked(gzip.compress(b"\0" * 10_000_000), "gzip", 1_000_000)
    for damaged in (b"", b"no gzip", gzip.compress(b"abc" * 99)[:-9], zlib.compress(b"abc")):
        if damaged:
            with pytest.raises(MalformedError, match="damaged gzip"):
                unpacked(damaged, "gzip", 10_000)
    with pytest.raises(MalformedError, match="use gzip"):
        unpacked(b"abc", "br", 10)


def test_answer_names_spans_that_are_not_stored() -> None:
    assert ExportTraceServiceResponse.FromString(answer(PROTOBUF)) == ExportTraceServiceResponse()
    full = ExportTraceServiceResponse.FromString(answer(PROTOBUF, 7, "full"))
    assert (full.partial_success.rejected_spans, full.partial_success.error_message) == (7, "full")
    assert json.loads(answer(JSON, 7, "full")) == {
        "partialSuccess": {"rejectedSpans": "7", "errorMessage": "full"}
    }


@given(st.binary(max_size=200), st.sampled_from([JSON, PROTOBUF]))
def test_any_bytes_are_spans_or_malformed(content: bytes, kind: str) -> None:
    try:
        request = parse_request(content, kind)
    except MalformedError:
        return
    assert sum(count for count, _ in lines_of(request, str)) == number_of_spans(request)
