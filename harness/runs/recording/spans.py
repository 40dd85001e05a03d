"""traces.jsonl: the spans of a run, as lines of OTLP JSON.

https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from harness.runs.records.lines import read_lines

MOST_SPANS: Final = 200_000  # that are read; a run's file is limited to about 100,000
SERVER: Final = 2  # kind of a span that serves a request; CLIENT calls another service
CLIENT: Final = 3
ERROR: Final = 2  # of a span's status
_EXCEPTION: Final = "exception"
_NS: Final = 1e-9

AttributeValue = str | int | float | bool


@dataclass(frozen=True, slots=True)
class ExceptionEvent:
    """An exception that a span recorded.

    Attributes:
        type: Such as "ValueError".
        message: Its text.
        stacktrace: As the language prints it.
    """

    type: str
    message: str
    stacktrace: str


@dataclass(frozen=True, slots=True)
class Span:
    """One operation of a trace.

    Attributes:
        trace_id: 32 hexadecimal digits; `span_id` and `parent_id` 16, the latter empty for none.
        kind: `SERVER`, `CLIENT`, or another number of OTLP's `SpanKind`.
        start: Seconds since the epoch, by the clock of the service; `end` too.
        error: Whether its status is an error.
        attributes: Its attributes with texts, numbers and truth values.
        exceptions: That it recorded.
        service: The `service.name` of its resource.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start: float
    end: float
    error: bool = False
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    exceptions: tuple[ExceptionEvent, ...] = ()
    service: str = ""

    @property
    def seconds(self) -> float:
        """Its duration."""
        return max(0.0, self.end - self.start)


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Attribute(_Part):
    key: str = ""
    value: dict[str, Any] = Field(default_factory=dict)


class _Event(_Part):
    name: str = ""
    attributes: list[_Attribute] = Field(default_factory=list)


class _Status(_Part):
    code: int = 0


class _StoredSpan(_Part):
    trace_id: str = Field("", alias="traceId")
    span_id: str = Field("", alias="spanId")
    parent_id: str = Field("", alias="parentSpanId")
    name: str = ""
    kind: int = 0
    start: int = Field(0, alias="startTimeUnixNano")
    end: int = Field(0, alias="endTimeUnixNano")
    attributes: list[_Attribute] = Field(default_factory=list)
    events: list[_Event] = Field(default_factory=list)
    status: _Status = Field(default_factory=_Status)


class _Scope(_Part):
    spans: list[_StoredSpan] = Field(default_factory=list)


class _Resource(_Part):
    attributes: list[_Attribute] = Field(default_factory=list)


class _ResourceSpans(_Part):
    resource: _Resource = Field(default_factory=_Resource)
    scopes: list[_Scope] = Field(default_factory=list, alias="scopeSpans")


class _Line(_Part):
    resources: list[_ResourceSpans] = Field(default_factory=list, alias="resourceSpans")


_LINE = TypeAdapter(_Line)


def read_spans(path: Path) -> tuple[Span, ...]:
    """The spans of a traces.jsonl, at most `MOST_SPANS`, in the order in which they came.

    Args:
        path: The file; a last line that is cut off is left out, and without the file there are
            none. A span without ids is left out.

    Raises:
        RunFolderError: A line other than the last is damaged.
    """
    found: list[Span] = []
    for line in read_lines(path, _LINE):
        for resource in line.resources:
            service = str(_values(resource.resource.attributes).get("service.name", ""))
            for scope in resource.scopes:
                found += (
                    _span(one, service) for one in scope.spans if one.trace_id and one.span_id
                )
        if len(found) >= MOST_SPANS:
            break
    return tuple(found[:MOST_SPANS])


def _span(stored: _StoredSpan, service: str) -> Span:
    return Span(
        trace_id=stored.trace_id,
        span_id=stored.span_id,
        parent_id=stored.parent_id,
        name=stored.name,
        kind=stored.kind,
        start=stored.start * _NS,
        end=stored.end * _NS,
        error=stored.status.code == ERROR,
        attributes=_values(stored.attributes),
        exceptions=tuple(
            _exception(_values(event.attributes))
            for event in stored.events
            if event.name == _EXCEPTION
        ),
        service=service,
    )


def _exception(values: Mapping[str, AttributeValue]) -> ExceptionEvent:
    return ExceptionEvent(
        *(str(values.get(f"exception.{name}", "")) for name in ("type", "message", "stacktrace"))
    )


def _values(attributes: Iterable[_Attribute]) -> dict[str, AttributeValue]:
    """Attributes by name; lists, maps and bytes are left out."""
    found: dict[str, AttributeValue] = {}
    for one in attributes:
        for kind, value in one.value.items():
            match kind:
                case "stringValue":
                    found[one.key] = str(value)
                case "boolValue":
                    found[one.key] = bool(value)
                case "intValue" if _is_number(value):
                    found[one.key] = int(value)
                case "doubleValue" if _is_number(value):
                    found[one.key] = float(value)
    return found


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True
