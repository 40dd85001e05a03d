import json
from pathlib import Path

import pytest

from harness.errors import RunFolderError
from harness.runs.recording.spans import ExceptionEvent, Span, read_spans


def attribute(key: str, **value: object) -> dict[str, object]:
    return {"key": key, "value": value}


def line(*spans: dict[str, object], service: str = "shop") -> str:
    resource = {"attributes": [attribute("service.name", stringValue=service)]}
    scopes = [{"scope": {"name": "x"}, "spans": list(spans)}]
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}) + "\n"


SPAN = {
    "traceId": "a" * 32,
    "spanId": "b" * 16,
    "name": "GET /items",
    "kind": 2,
    "startTimeUnixNano": "1700000000000000000",
    "endTimeUnixNano": "1700000000250000000",
}


def read(tmp_path: Path, text: str) -> tuple[Span, ...]:
    file = tmp_path / "traces.jsonl"
    file.write_text(text)
    return read_spans(file)


def test_span_with_all_of_its_parts(tmp_path: Path) -> None:
    exception = {
        "name": "exception",
        "attributes": [
            attribute("exception.type", stringValue="KeyError"),
            attribute("exception.message", stringValue="7"),
        ],
    }
    full = {
        **SPAN,
        "parentSpanId": "c" * 16,
        "status": {"code": 2, "message": "no"},
        "events": [exception, {"name": "retry"}],
        "attributes": [
            attribute("text", stringValue="x"),
            attribute("number", intValue="12"),
            attribute("share", doubleValue=0.5),
            attribute("yes", boolValue=True),
            attribute("list", arrayValue={"values": []}),
            attribute("damaged", intValue="twelve"),
        ],
    }
    (span,) = read(tmp_path, line(full))
    assert (span.trace_id, span.span_id, span.parent_id) == ("a" * 32, "b" * 16, "c" * 16)
    assert (span.name, span.kind, span.service, span.error) == ("GET /items", 2, "shop", True)
    assert span.start == pytest.approx(1_700_000_000)
    assert span.seconds == pytest.approx(0.25)
    assert span.attributes == {"text": "x", "number": 12, "share": 0.5, "yes": True}
    assert span.exceptions == (ExceptionEvent("KeyError", "7", ""),)


def test_lines_of_several_exports_and_a_cut_one(tmp_path: Path) -> None:
    text = line(SPAN, SPAN) + line(SPAN, {"name": "without ids"}) + line(SPAN)[:-40]
    assert [span.name for span in read(tmp_path, text)] == ["GET /items"] * 3


@pytest.mark.parametrize(
    "text",
    ["no json\n", '{"resourceSpans": [{"scopeSpans": "x"}]}\n', line({**SPAN, "kind": "server"})],
)
def test_damaged_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(RunFolderError, match=r"traces\.jsonl:1: damaged line"):
        read(tmp_path, text + line(SPAN))


def test_no_file_no_spans(tmp_path: Path) -> None:
    assert read_spans(tmp_path / "traces.jsonl") == ()
