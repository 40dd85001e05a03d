"""Inside the generator: the bytes of a request, equal to those that geventhttpclient would send.

Requests with the same method, header names and kind of body differ in a few places only. So
geventhttpclient writes such a request once, with marks in these places; the resulting form is
filled in from then on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode

from geventhttpclient.client import HTTPClient
from geventhttpclient.header import Headers
from geventhttpclient.url import URL
from geventhttpclient.useragent import UserAgent

from harness.load.child.tracing import TRACEPARENT

CODINGS = {"Accept-Encoding": "gzip, deflate, br"}  # FastHttpSession asks for them
_MARK = "~harness-{}~"  # passes as a header's value and, unquoted, as a target
_MARKS = re.compile(r"~harness-(\d+)~")
_LENGTH = re.compile(r"(?im)^(content-length: )\d+(?=\r$)")
_SPECIAL = {"content-length", "transfer-encoding", "expect"}  # they change how a body is sent
_MAX_FORMS = 1000
# Paths and queries that geventhttpclient sends as they are: nothing to quote, nothing to drop.
_PLAIN = re.compile(r"/(?!/)[\w\-.~/!$&'()*+,=:@]*(?:\?[\w\-.~/!$&'()*+,=:@?]+)?", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_SAMPLE_BODIES: dict[type, Any] = {str: "~", bytes: b"~", dict: {"~": "~"}}


@dataclass(frozen=True, slots=True)
class _Form:
    text: str  # with a "%s" for each place
    pick: Callable[[tuple[str, ...]], Any]  # selects from target, length, cookie, header values

    def fill(self, *values: str) -> str:
        text: str = self.text % self.pick(values)
        return text


# The method in upper case, and the text before the target, between target and traceparent, and
# after both.
BareText = tuple[str, str, str, str]


class Forms:
    """Forms of one session's requests."""

    def __init__(self, agent: UserAgent, client: HTTPClient, *, traced: bool) -> None:
        """Create no form yet; bare requests have a traceparent if `traced`."""
        self._traced = traced
        self._agent = agent
        self._client = client
        self._defaults = agent.default_headers.copy()
        self._forms: dict[tuple[str, ...], _Form | None] = {}
        self._bare: dict[str, BareText | None] = {}

    def message(
        self, method: str, target: str, headers: Mapping[str, str], data: Any, cookie: str = ""
    ) -> bytes | None:
        """The whole request; None for a request that no form is made for.

        Args:
            method: The method, such as "GET".
            target: Path and query, quoted.
            headers: The headers of this request; those of the session are added.
            data: The body: str, bytes, or a dict of form fields.
            cookie: The cookies of the session's jar; they follow the other headers.
        """
        for value in (cookie, *headers.values()):
            if type(value) is not str or not (
                (value.isascii() and value.isprintable()) or _VALUE.fullmatch(value)
            ):
                return None
        kind = (type(data).__name__ if data else "") + (";" if cookie else "")
        if dict.__ne__(self._defaults, self._agent.default_headers):
            self._forget()
        key = (method, kind, *headers)
        try:
            form = self._forms[key]
        except KeyError:
            form = self._make(method, headers, data, cookie)
            if len(self._forms) < _MAX_FORMS:
                self._forms[key] = form
        if form is None:
            return None
        body = encoded(data) if data else b""
        head = form.fill(target, str(len(body)), cookie, *headers.values())
        return head.encode("latin-1") + body

    def bare(self, method: str) -> BareText | None:
        """The text of a request without headers of its own; None without a form."""
        if dict.__ne__(self._defaults, self._agent.default_headers):
            self._forget()
        try:
            return self._bare[method]
        except KeyError:
            bare = self._make_bare(method.upper())
            if len(self._bare) < _MAX_FORMS:
                self._bare[method] = bare
            return bare

    def _forget(self) -> None:
        """Make all forms anew: the locustfile has changed the headers of the session."""
        self._defaults = self._agent.default_headers.copy()
        self._forms.clear()
        self._bare.clear()

    def _make_bare(self, method: str) -> BareText | None:
        if self._traced and TRACEPARENT in self._defaults:
            return None
        own = {TRACEPARENT: "\0"} if self._traced else {}
        form = self._make(method, own | CODINGS, None, "")
        if form is None:
            return None
        parts = form.fill("\0", "", "", *own.values(), *CODINGS.values()).split("\0")
        if not self._traced:
            parts.insert(1, "")
        return (method, parts[0], parts[1], parts[2]) if len(parts) == 3 else None

    def _make(
        self, method: str, headers: Mapping[str, str], data: Any, cookie: str
    ) -> _Form | None:
        names = {*map(str.lower, headers), *self._defaults.keys()}
        if names & _SPECIAL or (data and type(data) not in _SAMPLE_BODIES):
            return None
        merged = self._agent.default_headers.copy()
        merged.update({name: _MARK.format(i) for i, name in enumerate(headers, 3)})
        payload = _SAMPLE_BODIES[type(data)] if data else None
        request = self._agent._make_request(  # noqa: SLF001 - made for those who build on it
            "http://host/", method, headers=merged, payload=payload
        )
        if cookie:
            request.headers.add("Cookie", _MARK.format(2))
        body = encoded(payload) if payload else b""
        text: str = self._client._build_request(  # noqa: SLF001 - the only way to equal bytes
            request.method, "/" + _MARK.format(0), body=body, headers=request.headers, chunked=False
        )
        text = text.replace("/" + _MARK.format(0), _MARK.format(0), 1)
        if data:
            text = _LENGTH.sub(rf"\g<1>{_MARK.format(1)}", text, count=1)
        order = [int(mark) for mark in _MARKS.findall(text)]
        return _Form(_MARKS.sub("%s", text.replace("%", "%%")), itemgetter(*order))


def encoded(data: str | bytes | dict[str, Any]) -> bytes:
    """The bytes of a body."""
    if isinstance(data, bytes):
        return data
    return (data if isinstance(data, str) else urlencode(data)).encode()


def target_of(base_path: str, url: str, params: Any) -> str | None:
    """The target in the request's first line; None when geventhttpclient should determine it.

    Args:
        base_path: The path of the base URL, mostly "".
        url: The URL that the locustfile gave: a path with or without a query.
        params: Parameters that are added to the query, or None.
    """
    target = base_path + url
    if params is None and _PLAIN.fullmatch(target):
        return target
    target = URL("http://host" + target, params=params).quoted_uri
    return target if target.startswith("/") and not target.startswith("//") else None


def merged_headers(agent: UserAgent, headers: Mapping[str, str]) -> Headers:
    """The headers of the session, updated with those of a request."""
    merged = agent.default_headers.copy()
    merged.update(headers)
    return merged
