"""Inside the generator: responses whose parts are made when somebody asks for them.

A response of the ordinary sort is recognised by one strict expression; whatever does not match is
left to geventhttpclient's parser, so that both agree on what is well formed. What is known of a
head is kept: most services send the same few heads again and again, one a second with a Date.
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
# Headers that say how the message ends, how it is to be read, or what else is to be done.
_TELLING = re.compile(
    rb"\r\n(content-length|content-encoding|connection|transfer-encoding|set-cookie2?|upgrade"
    rb"|trailer|proxy-connection):[\t ]*([^\r]*?)[\t ]*(?=\r)"
)
_EMPTY = (204, 304)
_MAX_HEADS = 1000
_heads: dict[bytes, Head | None] = {}


class Head:
    """What the head of an ordinary response says.

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
    """Recognise a head, its final blank line included; None for one that is not ordinary."""
    try:
        return _heads[raw]
    except KeyError:
        if len(_heads) >= _MAX_HEADS:
            _heads.clear()
        head = _heads[raw] = _recognise(raw)
        return head


def _recognise(raw: bytes) -> Head | None:
    match = _HEAD.fullmatch(raw)
    if match is None:
        return None
    telling = _TELLING.findall(raw.lower())
    known = dict(telling)
    status = int(match[1])
    length = known.pop(b"content-length", b"0" if status in _EMPTY else b"")
    coding = known.pop(b"content-encoding", b"identity")
    connection = known.pop(b"connection", b"keep-alive")
    if (
        known
        or len(telling) != len(dict(telling))  # the same header twice
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


class Asked:
    """A request as the session was asked for it: what `FastResponse.request` is made of."""

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
        """The request as FastHttpUser tells of it."""
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
    """In place of a socket: everything was received."""

    def recv(self, _: int) -> bytes:
        return b""

    def close(self) -> None: ...


def parsed(method: str, raw: bytes) -> HTTPSocketResponse:
    """What geventhttpclient makes of a whole response."""
    nothing: Any = _NoSocket()
    return HTTPSocketResponse(nothing, method=method, pre_buffered=raw)


class _Lazy:
    """The parts that `FastResponse` has, from the bytes of the whole response.

    What it is made of stands in `__dict__`, which a `ResponseContextManager` copies.
    """

    encoding: Any

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
        """What was asked for."""
        url: str = self.__dict__["_asked"].url
        return url

    @property
    def elapsed(self) -> timedelta:
        """From the sending to the whole answer."""
        return timedelta(seconds=self.__dict__["_elapsed_seconds"])

    @property
    def history(self) -> list[Any]:
        """Redirects that were followed: none."""
        return []

    @property
    def headers(self) -> Headers:
        """Those of the answer."""
        return self._response._headers_index  # noqa: SLF001 - as CompatResponse does

    @property
    def request(self) -> FastRequest:
        """What was asked for, in full."""
        known = self.__dict__
        made: FastRequest | None = known.get("_request_made")
        if made is None:
            made = known["_request_made"] = known["_asked"].request()
        return made

    @property
    def _request(self) -> FastRequest:
        return self.request

    @property
    def _response(self) -> HTTPSocketResponse:
        """What geventhttpclient makes of the same bytes, its body read."""
        known = self.__dict__
        made: HTTPSocketResponse | None = known.get("_parsed")
        if made is None:
            made = known["_parsed"] = parsed(known["_asked"].method, known["_raw"])
            made.read()
        return made


class LazyResponse(_Lazy, FastResponse):  # type: ignore[misc, override] # not settable
    """A response of the ordinary sort."""

    def __init__(self, asked: Asked, head: Head, raw: bytes, at: int, seconds: float) -> None:
        """From the bytes of the whole response, the body of which begins at `at`."""
        known = self.__dict__
        known["_asked"] = asked
        known["_head"] = head
        known["_raw"] = raw
        known["_at"] = at
        known["_elapsed_seconds"] = seconds


class LazyContext(_Lazy, ResponseContextManager):  # type: ignore[misc, override] # as above
    """The same in a with-block that decides whether it is a failure."""
