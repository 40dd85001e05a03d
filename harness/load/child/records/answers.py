"""Inside the generator: what some answers consist of, while the load goes on for a diagnosis."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from harness.load.child.records.replies import content_of
from harness.load.child.tracing import trace_of
from harness.runs.recording.answer_shape import (
    LARGEST_BODY,
    MOST_ANSWERS,
    MOST_FIELDS,
    MOST_SHAPES,
    AnswerShape,
)

_BETWEEN: Final = 1.0  # s between two answers of a request: some of the whole time, not the first
_TEXT: Final = 200  # characters of a header and of a name
_DEPTH: Final = 4  # of an array in the body
_LEVEL: Final = 6  # of gzip, the default of most servers
_GZIP: Final = 16 + zlib.MAX_WBITS
# The size of a page, in a query or beside the array of an answer, as far as a name tells it.
_SIZES: Final = {
    *("limit", "size", "count", "first", "top", "$top", "take", "per_page", "perpage"),
    *("page_size", "pagesize", "max_results", "maxresults", "page[size]", "page[limit]", "rows"),
}
_NO_SIZE: Final = {"count", "first", "rows", "top"}  # of an answer: often something else


class AnswerSampler:
    """Keeps what some answers of each request consist of; a listener to Locust's requests."""

    def __init__(self) -> None:
        # By request: when the next answer is due, and how many are kept.
        self._next: dict[str, tuple[float, int]] = {}
        self._kept = 0
        self._fresh: list[AnswerShape] = []

    def on_request(
        self,
        *,
        request_type: str,
        name: str,
        response: Any = None,
        exception: object = None,
        **_: object,
    ) -> None:
        """Keep the shape of an answer when one of its request is due."""
        if response is None or exception is not None or self._kept >= MOST_SHAPES:
            return
        request = f"{request_type} {name}".strip()
        due, kept = self._next.get(request, (0.0, 0))
        now = time.monotonic()
        if now < due or kept >= MOST_ANSWERS or (not kept and len(self._next) >= MOST_SHAPES):
            return
        self._next[request] = (now + _BETWEEN, kept)
        try:
            shape = shape_of(request, response)
        except Exception:  # noqa: BLE001 - an answer of a client of the locustfile
            return
        if shape is not None:
            self._next[request] = (now + _BETWEEN, kept + 1)
            self._kept += 1
            self._fresh.append(shape)

    def take(self) -> tuple[AnswerShape, ...]:
        """The shapes that earlier calls have not returned."""
        fresh, self._fresh = self._fresh, []
        return tuple(fresh)


def shape_of(request: str, response: Any) -> AnswerShape | None:
    """What an answer consists of; None if its body was not read, is empty or too large.

    Args:
        request: As budgets.yaml names it.
        response: A response of requests or of FastHttpUser.
    """
    body = content_of(response)
    if not body or len(body) > LARGEST_BODY:
        return None
    sent = getattr(response, "request", None)
    coding, length = (_header(response, each) for each in ("content-encoding", "content-length"))
    packed = len(_gzipped(body))
    wire = packed if coding else len(body)
    content_type = _header(response, "content-type")
    document = _document(body, content_type)
    place, array, beside = _largest_array(document)
    return AnswerShape(
        request,
        trace_of("", sent)[0],
        content_type,
        coding,
        _header(sent, "accept-encoding"),
        wire=int(length) if length.isdecimal() else wire,
        size=len(body),
        gzip=packed,
        items=None if array is None else len(array),
        place=place,
        item_bytes=0 if array is None else _bytes_of(array),
        asked=_asked(response, sent),
        told=_page_size(beside, _SIZES - _NO_SIZE),
        fields=tuple(_fields(document if array is None else array)),
    )


def _header(message: Any, name: str) -> str:
    headers = getattr(message, "headers", None) or {}
    found = headers.get(name) or headers.get(name.title()) or ""
    return (found.decode("latin-1") if isinstance(found, bytes) else str(found))[:_TEXT]


def _gzipped(body: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
    return packer.compress(body) + packer.flush()


def _document(body: bytes, content_type: str) -> Any:
    """A body of JSON; None of another type, or if it cannot be read."""
    if "json" not in content_type.lower():
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _largest_array(document: Any) -> tuple[str, list[Any] | None, Mapping[str, Any]]:
    """The array with most bytes: its place, the array, and the object that it is in."""
    found = max(_arrays(document, "", {}, _DEPTH), key=lambda one: _bytes_of(one[1]), default=None)
    return found or ("", None, {})


def _arrays(
    value: Any, place: str, beside: Mapping[str, Any], depth: int
) -> Iterator[tuple[str, list[Any], Mapping[str, Any]]]:
    """All arrays that are not in another one."""
    if isinstance(value, list):
        yield place, value, beside
    elif isinstance(value, dict) and depth:
        for name, inner in value.items():
            yield from _arrays(inner, f"{place}.{name}".strip(".")[:_TEXT], value, depth - 1)


def _bytes_of(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _fields(value: Any) -> list[tuple[str, int]]:
    """Bytes by field with its name, of an object or of all objects of an array."""
    sums: dict[str, int] = {}
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            for name, inner in item.items():
                size = _bytes_of(name) + 1 + _bytes_of(inner)
                sums[name] = sums.get(name, 0) + size
    largest = sorted(sums.items(), key=lambda one: (-one[1], one[0]))[:MOST_FIELDS]
    return [(name[:_TEXT], size) for name, size in largest]


def _asked(response: Any, sent: Any) -> int | None:
    """The number of items that the query asks for; each client keeps the query elsewhere."""
    for holder, name in ((sent, "url_split"), (sent, "url"), (response, "url")):
        query = urlsplit(str(getattr(holder, name, None) or "")).query
        size = _page_size(dict(parse_qsl(query)), _SIZES)
        if size is not None:
            return size
    return None


def _page_size(values: Mapping[str, Any], known: set[str]) -> int | None:
    """The size that the first of the known names has; 0 often means "no limit", so it is none."""
    for name, value in values.items():
        if name.lower() in known and not isinstance(value, bool) and str(value).isdecimal():
            return int(value) or None
    return None
