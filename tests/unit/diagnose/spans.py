"""Spans and stacks for tests, with few words."""

from __future__ import annotations

from itertools import count

from harness.runs.recording.profile import Stack, StackFrame
from harness.runs.recording.spans import CLIENT, SERVER, ExceptionEvent, Span

_ids = count(1)


def span(
    name: str,
    trace: str,
    start: float,
    end: float,
    *,
    parent: str = "",
    kind: int = 1,
    exceptions: tuple[ExceptionEvent, ...] = (),
    error: bool = False,
    service: str = "",
    **attributes: str,
) -> Span:
    """A span; `db_query_text="..."` is the attribute `db.query.text`."""
    named = {key.replace("_", "."): value for key, value in attributes.items()}
    return Span(
        *(trace, f"{next(_ids):016x}", parent, name, kind, start, end, error, named),
        exceptions=exceptions,
        service=service,
    )


def request(
    trace: str,
    seconds: float,
    parts: list[tuple[str, float]],
    *,
    route: str = "/items",
    start: float = 100.0,
    error: bool = False,
    exceptions: tuple[ExceptionEvent, ...] = (),
) -> list[Span]:
    """A request with statements and calls ("call HOST"), one after another."""
    root = span(
        *(f"GET {route}", trace, start, start + seconds),
        kind=SERVER,
        error=error,
        exceptions=exceptions,
        http_route=route,
        http_request_method="GET",
    )
    spans, moment = [root], start
    for text, length in parts:
        if text.startswith("call "):
            made = span(
                *("GET", trace, moment, moment + length),
                parent=root.span_id,
                kind=CLIENT,
                server_address=text.removeprefix("call "),
            )
        else:
            made = span(
                *("SELECT", trace, moment, moment + length),
                parent=root.span_id,
                kind=CLIENT,
                db_query_text=text,
            )
        spans.append(made)
        moment += length
    return spans


def stack(count: int, *frames: str, thread: str = "MainThread") -> Stack:
    """A stack of frames as "function file:line"."""
    outer = (StackFrame("process 7"), StackFrame(f"thread (7): {thread}"))
    return Stack((*outer, *map(_frame, frames)), count)


def _frame(text: str) -> StackFrame:
    function, _, place = text.rpartition(" ")
    file, _, line = place.rpartition(":")
    return StackFrame(function, file, int(line))
