"""Inside the generator: responses whose parts are made on first access.

An ordinary response matches one strict expression; geventhttpclient's parser handles all others, so
that both agree on which responses are well formed. Parsed heads are cached: most services send the
same few heads repeatedly, with a Date one per second.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from geventhttpclient.header import Headers
from geventhttpclient.response import HTTPSocketResponse
from geventhttpclient.useragent import UserAgent
from locust.contrib.fasthttp import FastRequest, FastResponse, ResponseContextManager
from requests.utils import get_encoding_from_headers

from harness.load.child.fast.request import merged_headers

_HEAD = re.compile(
    rb"HTTP/1\.1 ([2-5]\d\d) [ -~]*\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~]*\r\n)*\r\n"
)
# Headers that determine the length of the message, its encoding, or further actions.
_RELEVANT = re.compile(
    rb"\r\n(content-length|content-encoding|connection|transfer-encoding|set-cookie2?|upgrade"
    rb"|trailer|proxy-connection):[\t ]*([^\r]*?)[\t ]*(?=\r)"
)
_EMPTY = (204, 304)
_MAX_HEADS = 1000
_heads: dict[bytes, Head | None] = {}


class Head:
    """The head of an ordinary response.

    Attributes:
        status: The status code.
        length: Bytes of the body that follow, unless the request was a HEAD.
        gzipped: Whether the body is compressed.
        keep_alive: Whether the connection can be used again.
    """

    __slots__ = ("charset", "gzipped", "keep_alive", "length", "status")

    def __init__(self, status: int, length: int, *, gzipped: bool, keep_alive: bool) -> None:
        self.status = status
        self.length = length
        self.gzipped = gzipped
        self.keep_alive = keep_alive
        self.charset: str | None = None


def head_of(raw: bytes) -> Head | None:
    """Parse a head, its final blank line included; None for one that is not ordinary."""
    try:
        return _heads[raw]
    except KeyError:
        if len(_heads) >= _MAX_HEADS:
            _heads.clear()
        head = _heads[raw] = _parse(raw)
        return head


def _parse(raw: bytes) -> Head | None:
    match = _HEAD.fullmatch(raw)
    if match is None:
        return None
    relevant = _RELEVANT.findall(raw.lower())
    headers = dict(relevant)
    status = int(match[1])
    length = headers.pop(b"content-length", b"0" if status in _EMPTY else b"")
    coding = headers.pop(b"content-encoding", b"identity")
    connection = headers.pop(b"connection", b"keep-alive")
    if (
        headers
        or len(relevant) != len(dict(relevant))  # the same header twice
        or not length.isdigit()
        or len(length) > 15
        or coding not in (b"gzip", b"identity")
        or connection not in (b"keep-alive", b"close")
    ):
        return None
    return Head(
        status,
        0 if status in _EMPTY else int(length),
        gzipped=coding == b"gzip",
        keep_alive=connection == b"keep-alive",
    )


class RequestSpec:
    """The arguments of a request, from which `FastResponse.request` is made."""

    __slots__ = ("agent", "cookie", "data", "headers", "method", "params", "url")

    def __init__(  # noqa: PLR0917 - one for each part of a request
        self,
        agent: UserAgent,
        method: str,
        url: str,
        headers: Mapping[str, str],
        data: Any,
        params: Any,
    ) -> None:
        self.agent = agent
        self.method = method
        self.url = url
        self.headers = headers
        self.data = data
        self.params = params
        self.cookie = ""  # from the session's jar

    def request(self) -> FastRequest:
        """The request object of FastHttpUser."""
        made: Any = self.agent._make_request(  # noqa: SLF001 - made for those who build on it
            self.url,
            method=self.method,
            headers=merged_headers(self.agent, self.headers),
            payload=self.data,
            params=self.params,
        )
        if self.cookie:
            made.add_unredirected_header("Cookie", self.cookie)
        return made  # type: ignore[no-any-return]


class _NoSocket:
    """Replaces a socket after everything was received."""

    def recv(self, _: int) -> bytes:
        return b""

    def close(self) -> None: ...


def parsed(method: str, raw: bytes) -> HTTPSocketResponse:
    """A whole response, parsed by geventhttpclient."""
    nothing: Any = _NoSocket()
    return HTTPSocketResponse(nothing, method=method, pre_buffered=raw)


class _Lazy:
    """The properties of `FastResponse`, made from the bytes of the whole response.

    Their sources are in `__dict__`, which a `ResponseContextManager` copies.
    """

    encoding: Any

    def __copy__(self) -> Any:
        # `copy.copy` would set the properties, which have no setter.
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    @property
    def status_code(self) -> int:
        status: int = self.__dict__["_head"].status
        return status

    @property
    def content(self) -> bytes:
        """The body, decompressed."""
        known = self.__dict__
        body: bytes | None = known.get("_body")
        if body is None:
            body = known["_raw"][known["_at"] :]
            if known["_head"].gzipped:
                body = zlib.decompress(body, 16 + zlib.MAX_WBITS)
            known["_body"] = body
        return body

    @property
    def text(self) -> Any:
        """The body as text, in the charset that the head names."""
        content = self.content
        if self.encoding is None:
            head = self.__dict__["_head"]
            if head.charset is None:
                head.charset = get_encoding_from_headers(self.headers)  # type: ignore[arg-type]
            self.encoding = head.charset
            if not self.encoding:
                return super().text  # type: ignore[misc] # detected in the content
        return str(content, str(self.encoding), errors="replace")

    @property
    def url(self) -> str:
        """The URL of the request."""
        url: str = self.__dict__["_spec"].url
        return url

    @property
    def elapsed(self) -> timedelta:
        """Time from the sending of the request to the whole response."""
        return timedelta(seconds=self.__dict__["_elapsed_seconds"])

    @property
    def history(self) -> list[Any]:
        """Redirects that were followed: none."""
        return []

    @property
    def headers(self) -> Headers:
        """The headers of the response."""
        return self._response._headers_index  # noqa: SLF001 - as CompatResponse does

    @property
    def request(self) -> FastRequest:
        """The whole request."""
        known = self.__dict__
        made: FastRequest | None = known.get("_request_made")
        if made is None:
            made = known["_request_made"] = known["_spec"].request()
        return made

    @property
    def _request(self) -> FastRequest:
        return self.request

    @property
    def _response(self) -> HTTPSocketResponse:
        """The same bytes, parsed by geventhttpclient, with the body read."""
        known = self.__dict__
        made: HTTPSocketResponse | None = known.get("_parsed")
        if made is None:
            made = known["_parsed"] = parsed(known["_spec"].method, known["_raw"])
            made.read()
        return made


class LazyResponse(_Lazy, FastResponse):  # type: ignore[misc, override] # not settable
    """An ordinary response."""

    def __init__(self, spec: RequestSpec, head: Head, raw: bytes, at: int, seconds: float) -> None:
        """Create it from the bytes of the whole response, whose body begins at `at`."""
        self._spec = spec
        self._head = head
        self._raw = raw
        self._at = at
        self._elapsed_seconds = seconds


class LazyContext(_Lazy, ResponseContextManager):  # type: ignore[misc, override] # as above
    """An ordinary response in a with-block that decides whether it is a failure."""
