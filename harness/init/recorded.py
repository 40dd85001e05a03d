"""Requests that were recorded, in a HAR or an access log, to operations."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from harness.errors import UsageError
from harness.init.functions import NameSpace, function_name, singular, snake
from harness.init.model import METHODS, SAFE, Argument, Credential, Operation, RequestBody
from harness.init.security import PASSWORD, TOKEN, USER

_MOST_VALUES: Final = 20  # of a parameter of a path
_MOST_OPERATIONS: Final = 40
_ID: Final = re.compile(
    r"\d+|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{16,64}"
    r"|[0-9A-HJKMNP-TV-Z]{26}"
)
_STATIC: Final = re.compile(
    r"\.(?:js|mjs|css|map|png|jpe?g|gif|svg|ico|webp|avif|woff2?|ttf|otf|eot|mp[34]|webm|wasm|txt"
    r"|webmanifest)$",
    re.IGNORECASE,
)
_STATIC_TYPES: Final = re.compile(r"^(?:image|font|audio|video)/|javascript|text/css")
_LINE: Final = re.compile(r'"(?P<method>[A-Z]+) (?P<target>\S+) HTTP/[\d.]+" (?P<status>\d{3})\b')
_SECRET: Final = re.compile(r"pass|secret|token|otp|pin$|credit|card", re.IGNORECASE)


@dataclass(slots=True)
class _Group:
    """The recorded requests of one method and one route template."""

    method: str
    path: str
    count: int = 0
    values: dict[str, list[str]] = field(default_factory=dict)
    query: list[tuple[str, str]] = field(default_factory=list)
    body: RequestBody | None = None
    credentials: tuple[Credential, ...] = ()
    problem: str = ""


class _Groups:
    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], _Group] = {}

    def add(self, method: str, target: str) -> _Group:
        """The group of a request, with the request counted."""
        parts = urlsplit(target)
        path, values = templated(parts.path or "/")
        found = self._groups.setdefault((method, path), _Group(method, path))
        found.count += 1
        for name, value in values:
            seen = found.values.setdefault(name, [])
            if value not in seen and len(seen) < _MOST_VALUES:
                seen.append(value)
        query = parse_qsl(parts.query, keep_blank_values=True)
        found.query = found.query or query
        return found

    def operations(self, source: str) -> list[Operation]:
        """An operation for each group, the most frequent first.

        Raises:
            UsageError: There is none.
        """
        if not self._groups:
            raise UsageError(
                f"{source} has no request to this service that can be repeated",
                "record some pages or calls of it, or use --path /",
            )
        names = NameSpace()
        ordered = sorted(self._groups.values(), key=lambda one: -one.count)
        return [_operation(one, names) for one in ordered[:_MOST_OPERATIONS]]


def templated(path: str) -> tuple[str, list[tuple[str, str]]]:
    """A path with parameters in place of its ids, and their names and values.

    Numbers, UUIDs and long hexadecimal numbers are ids: `/items/7` is `/items/{item_id}`.
    """
    made: list[str] = []
    values: list[tuple[str, str]] = []
    before = ""
    for segment in path.split("/"):
        if _ID.fullmatch(segment):
            name = f"{singular(snake(before)) or 'some'}_id"
            name = name if name not in dict(values) else f"{name}_{len(values) + 1}"
            values.append((name, unquote(segment)))
            made.append(f"{{{name}}}")
            before = ""
        else:
            made.append(segment.replace("{", "%7B").replace("}", "%7D"))
            before = segment
    return "/".join(made), values


def _operation(group: _Group, names: NameSpace) -> Operation:
    path = tuple(Argument("path", name, tuple(found)) for name, found in group.values.items())
    query = tuple(Argument("query", name, (value,)) for name, value in dict(group.query).items())
    problem = group.problem
    if any(_SECRET.search(one.name) for one in query):
        problem = "its query has a secret"
    return Operation(
        *(group.method, group.path),
        names.take(function_name(group.method, group.path, "")),
        arguments=(*path, *query),
        body=group.body,
        credentials=group.credentials,
        problem=problem,
        count=group.count,
        documented=False,
    )


def path_operations(paths: Sequence[str]) -> list[Operation]:
    """A read for each path, which may have a query.

    Raises:
        UsageError: One of them is not a path.
    """
    groups = _Groups()
    for path in paths:
        if not path.startswith("/") or not path.isprintable():
            raise UsageError(f"{path!r} is not a path", "write it like /items?limit=10")
        groups.add("get", path)
    return [replace(one, count=0) for one in groups.operations("--path")]


def access_log_operations(data: bytes, source: str) -> tuple[list[Operation], str]:
    """The operations of an access log in the common or combined format, by how often they came.

    Args:
        data: The content.
        source: Name of the file.

    Raises:
        UsageError: No line can be used.
    """
    groups, lines = _Groups(), 0
    for line in data.decode("utf-8", "replace").splitlines():
        match = _LINE.search(line)
        if match is None:
            continue
        lines += 1
        method, target = match["method"].lower(), match["target"]
        good = match["status"].startswith(("2", "304")) and target.startswith("/")
        if method not in METHODS or not good or _STATIC.search(urlsplit(target).path):
            continue
        group = groups.add(method, target)
        if method not in SAFE:
            group.problem = "an access log does not have the bodies of requests"
    if not lines:
        raise UsageError(
            f"{source} has no line of an access log",
            'the common format has "GET /path HTTP/1.1" 200 in each line',
        )
    return groups.operations(source), source


def har_operations(data: bytes, source: str, url: str) -> tuple[list[Operation], str]:
    """The operations of a HAR: without static files, other hosts, and secrets.

    Args:
        data: The content.
        source: Name of the file.
        url: Base URL of the service; where the HAR does not have its host, the host of most
            requests is the service.

    Raises:
        UsageError: It is not a HAR, or no request can be used.
    """
    entries = list(_entries(data, source))
    hosts = Counter(urlsplit(str(entry["url"])).netloc for entry, _ in entries)
    own = urlsplit(url).netloc
    host = own if own in hosts else next((name for name, _ in hosts.most_common(1)), "")
    groups = _Groups()
    for request, response in entries:
        parts = urlsplit(str(request["url"]))
        method = str(request.get("method", "")).lower()
        if parts.netloc != host or method not in METHODS or not _repeatable(parts.path, response):
            continue
        group = groups.add(method, parts._replace(scheme="", netloc="", fragment="").geturl())
        group.credentials = group.credentials or _credentials(request)
        if method not in SAFE and method != "delete" and not group.problem:
            group.body, group.problem = _body(request)
    return groups.operations(source), source


def _entries(data: bytes, source: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Request and response of each entry."""
    wrong = UsageError(f"{source} is not a HAR", "save one in the network tab of a browser")
    try:
        document = json.loads(data)
        entries = document["log"]["entries"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise wrong from error
    if not isinstance(entries, list):
        raise wrong
    for entry in entries:
        request = entry.get("request") if isinstance(entry, Mapping) else None
        response = entry.get("response") if isinstance(entry, Mapping) else None
        if isinstance(request, Mapping) and isinstance(request.get("url"), str):
            try:
                urlsplit(request["url"])
            except ValueError:
                continue
            yield request, response if isinstance(response, Mapping) else {}


def _repeatable(path: str, response: Mapping[str, Any]) -> bool:
    status = response.get("status", 200)
    content = response.get("content")
    kind = str(content.get("mimeType", "")) if isinstance(content, Mapping) else ""
    good = isinstance(status, int) and (200 <= status < 300 or status in {301, 302, 304})
    return good and not _STATIC.search(path) and not _STATIC_TYPES.search(kind)


def _credentials(request: Mapping[str, Any]) -> tuple[Credential, ...]:
    for header in _mappings(request.get("headers")):
        if str(header.get("name", "")).lower() == "authorization":
            kind = str(header.get("value", "")).partition(" ")[0].lower()
            if kind == "bearer":
                return (Credential("", "bearer", "Authorization", (TOKEN,)),)
            if kind == "basic":
                return (Credential("", "basic", "Authorization", (USER, PASSWORD)),)
    return ()


def _body(request: Mapping[str, Any]) -> tuple[RequestBody | None, str]:
    """The body, and why it cannot be repeated."""
    data = request.get("postData")
    if not isinstance(data, Mapping) or not data:
        return None, ""
    kind, text = str(data.get("mimeType", "")), data.get("text")
    if "json" in kind and isinstance(text, str):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None, "its body is not JSON"
        return (
            (None, "its body has a secret") if _secret(value) else (RequestBody("json", value), "")
        )
    if "x-www-form-urlencoded" in kind:
        pairs = parse_qsl(text) if isinstance(text, str) else []
        pairs = pairs or [
            (str(one.get("name")), str(one.get("value"))) for one in _mappings(data.get("params"))
        ]
        form = dict(pairs)
        return (None, "its body has a secret") if _secret(form) else (RequestBody("form", form), "")
    return None, f"its body is {kind or 'of an unknown type'}, which is not repeated"


def _mappings(value: Any) -> Iterable[Mapping[str, Any]]:
    return (one for one in value if isinstance(one, Mapping)) if isinstance(value, list) else ()


def _secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_SECRET.search(str(key)) or _secret(one) for key, one in value.items())
    return isinstance(value, list) and any(map(_secret, value))
