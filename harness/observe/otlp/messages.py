"""OTLP trace messages: read from a request, written as the JSON of the OTLP specification.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: ids are hexadecimal, enums are
numbers, and 64-bit numbers are texts.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from harness.runs.records.lines import LONGEST_LINE

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
_IDS: Final = ("traceId", "spanId", "parentSpanId")
_LONGEST: Final = 4096  # characters of a text that is stored
_CHUNK: Final = 65_536
_OF_A_LINE: Final = 50  # spans


class MalformedError(Exception):
    """A request that is not OTLP, with the reason for its sender."""


class TooLargeError(Exception):
    """A request that is larger than allowed."""


def unpacked(body: bytes, encoding: str, most: int) -> bytes:
    """The content of a request's body.

    Args:
        body: As it was sent.
        encoding: Its `Content-Encoding`, empty for none.
        most: Bytes of the content that are read.

    Raises:
        MalformedError: The encoding is unknown or damaged.
        TooLargeError: The content is larger than `most`.
    """
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise MalformedError(f"the encoding {encoding!r} is not supported; use gzip")
    content = bytearray()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            while chunk := file.read(_CHUNK):
                content += chunk
                if len(content) > most:
                    raise TooLargeError
    except (OSError, EOFError, zlib.error) as error:
        raise MalformedError(f"damaged gzip: {error}") from error
    return bytes(content)


def parse_request(content: bytes, content_type: str) -> ExportTraceServiceRequest:
    """The spans of a request.

    Raises:
        MalformedError: It is not an `ExportTraceServiceRequest` in protobuf or JSON.
    """
    request = ExportTraceServiceRequest()
    try:
        if content_type == PROTOBUF:
            request.ParseFromString(content)
        elif content_type == JSON:
            fields = _recoded(json.loads(content), _base64_of)
            if not isinstance(fields, dict):
                raise MalformedError("not an OTLP trace request: not a JSON object")
            ParseDict(fields, request, ignore_unknown_fields=True)
        else:
            raise MalformedError(f"the type {content_type!r} is not supported; use {PROTOBUF}")
    except (DecodeError, ParseError, ValueError, RecursionError, TypeError) as error:
        raise MalformedError(f"not an OTLP trace request: {error}") from error
    return request


def lines_of(
    request: ExportTraceServiceRequest, clean: Callable[[str], str]
) -> Iterator[tuple[int, str]]:
    """JSON lines of at most `_OF_A_LINE` spans each, with the number of their spans.

    A line of more than one span has less than `LONGEST_LINE` bytes.

    Args:
        request: The spans.
        clean: Hides secrets in a text. Texts are cut to `_LONGEST` characters before.
    """
    for resource in request.resource_spans:
        about = MessageToDict(resource.resource)
        for scope in resource.scope_spans:
            name = {"name": scope.scope.name}
            for start in range(0, len(scope.spans), _OF_A_LINE):
                spans = [
                    _recoded(MessageToDict(span, use_integers_for_enums=True), _hex_of)
                    for span in scope.spans[start : start + _OF_A_LINE]
                ]
                yield from _lines(about, name, spans, clean)


def _lines(
    about: dict[str, Any], scope: dict[str, str], spans: list[Any], clean: Callable[[str], str]
) -> Iterator[tuple[int, str]]:
    """A line with some spans of a scope; several where a reader would cut it."""
    scopes = [{"scope": scope, "spans": spans}]
    line = {"resourceSpans": [{"resource": about, "scopeSpans": scopes}]}
    text = json.dumps(_cleaned(line, clean), ensure_ascii=False, separators=(",", ":")) + "\n"
    half = len(spans) // 2
    if half and len(text.encode(errors="replace")) >= LONGEST_LINE:
        yield from _lines(about, scope, spans[:half], clean)
        yield from _lines(about, scope, spans[half:], clean)
    else:
        yield len(spans), text


def number_of_spans(request: ExportTraceServiceRequest) -> int:
    """How many spans a request holds."""
    return sum(
        len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans
    )


def answer(content_type: str, rejected: int = 0, reason: str = "") -> bytes:
    """The response to a request, in its own type.

    Args:
        content_type: Of the request.
        rejected: How many of its spans are not stored.
        reason: Why not.
    """
    response = ExportTraceServiceResponse()
    if rejected:
        partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=reason)
        response.partial_success.CopyFrom(partial)
    if content_type == JSON:
        return json.dumps(MessageToDict(response)).encode()
    return response.SerializeToString()


def _hex_of(text: str) -> str:
    return base64.b64decode(text).hex()


def _base64_of(text: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(text)).decode()
    except (ValueError, binascii.Error) as error:
        raise MalformedError(f"the id {text[:40]!r} is not hexadecimal") from error


def _recoded(value: Any, recode: Callable[[str], str]) -> Any:
    """A JSON value with every trace and span id recoded."""
    if isinstance(value, dict):
        return {
            name: recode(part) if name in _IDS and isinstance(part, str) else _recoded(part, recode)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [_recoded(part, recode) for part in value]
    return value


def _cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        if clean is _hide and "intValue" in value:
            return value  # a number of tokens; as a text it would be no OTLP
        hides = _hides(value.get("key"), clean)
        return {
            name: _cleaned(part, _hide if hides and name == "value" else clean)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [_cleaned(part, clean) for part in value]
    return clean(_shortened(value)) if isinstance(value, str) else value


def _hides(name: Any, clean: Callable[[str], str]) -> bool:
    """Whether the value of an attribute is a secret by its name, such as "x-api-key"."""
    text = f"{name}=qzxjv"
    return isinstance(name, str) and clean(text) != text and clean(name) == name


def _hide(_: str) -> str:
    return "***"


def _shortened(text: str) -> str:
    """A text without its middle if it has lines, else without its end.

    The innermost frame of a stack trace is its last one in Python, its first one in other
    languages. The rest begins with a whole line, so that no secret is cut into two.
    """
    if len(text) <= _LONGEST:
        return text
    _, newline, last_lines = text[-_LONGEST // 2 :].partition("\n")
    if not newline:
        return text[:_LONGEST] + "..."
    return f"{text[: _LONGEST // 2]}...\n{last_lines}"
