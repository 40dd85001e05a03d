"""Inside the generator: FastHttpUser's client, with a fast path for ordinary requests.

An ordinary request goes to the user's own host over plain HTTP and is not streamed; an ordinary
response is a success, sets no cookie and has a known length. All other requests take FastHttpUser's
path, from the beginning or from the response that is not ordinary.
"""

from __future__ import annotations

import json as library
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from gevent import GreenletExit
from geventhttpclient.url import URL
from locust.contrib import fasthttp
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, FastHttpSession, ResponseContextManager

from harness.load.child.fast.replaced import replaced_for_all
from harness.load.child.fast.request import CODINGS, Forms, target_of
from harness.load.child.fast.response import LazyContext, LazyResponse, RequestSpec, parsed
from harness.load.child.fast.wire import WORKS_HERE, Wire, take_sent
from harness.load.child.receipts.clock import CLOCK, Receipt
from harness.load.child.receipts.sockets import LAST
from harness.load.child.receipts.stamping import install
from harness.load.child.recording import SENT, Recorder
from harness.load.child.records.sent_bytes import get_sent, set_sent
from harness.load.child.tracing import TRACEPARENT, traced

_BASE = re.compile(r"http://[^/?#@\s]+(/[^?#\s]*)?")
_MAX_TARGETS = 1000
_basic: Any = fasthttp._construct_basic_auth_str  # noqa: SLF001 - exactly Locust's function
_NONE: dict[str, Any] = {}
_NO_CONNECTIONS = SimpleNamespace(_closed=False)
_monotonic = time.monotonic

# A response, the length of its content in bytes, and the exception that makes it a failure; seconds
# from the start to the answer, and its receipt, if they come from it.
_Outcome = tuple[Any, int, BaseException | None, float, Receipt | None]

install()

_NO_HEADERS = (
    "the client of FastUser and FastHttpUser has no headers of its own, unlike that of HttpUser; "
    "set default_headers of the class, or self.client.client.default_headers"
)


class FastSession(FastHttpSession):
    """A session of one user with the public interface of FastHttpSession."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Connections of a pool that users share, or to a proxy, cannot be kept here.
        self._supported = not (kwargs.get("client_pool") or kwargs.get("proxy_host")) and WORKS_HERE
        self._base: str | None = None
        self._base_path = self._prefix = ""
        self._targets: dict[str, str] = {}  # URL -> quoted target
        self._pool: object = None
        self._connections: Any = _NO_CONNECTIONS
        self._wire: Wire | None = None
        self._forms: Any = None
        # A bound method is another object each time that it is read, so it is compared as listed.
        self._own_handler = _own_handler_of(self.request_event)
        self._recorder: Any = getattr(self._own_handler, "__self__", None)
        self._handed_over: Any = None  # a response or an error, the next result of the agent
        self._open: Any = self.client._urlopen  # noqa: SLF001 - LocustUserAgent's own hook
        self.client._urlopen = self._urlopen  # type: ignore[method-assign] # noqa: SLF001

    def request(  # noqa: PLR0917 - FastHttpSession's own
        self,
        method: str,
        url: str,
        name: str | None = None,
        data: Any = None,
        catch_response: bool = False,
        stream: bool = False,
        headers: Any = None,
        auth: Any = None,
        json: Any = None,
        allow_redirects: bool = True,
        context: Any = _NONE,
        **kwargs: Any,
    ) -> Any:
        """See FastHttpSession.request."""
        start = _monotonic()
        recorder = self._recorder
        message = None
        if not stream and allow_redirects and (not kwargs or _has_only_params(kwargs)):
            given = (headers, data, auth, json, kwargs.get("params") if kwargs else None)
            try:
                spec, message, traceparent = self._prepared(method, url, *given)
            except Exception:  # noqa: BLE001 - FastHttpSession raises it again
                message = None
        if not message or not isinstance(context, dict):
            more = (name, data, catch_response, stream, headers, auth, json, allow_redirects)
            with self._pool_request():
                return super().request(method, url, *more, context, **kwargs)
        named = (method, name or self.request_name or url)
        if recorder is None:
            return self._perform(spec, message, named, context, start, None, catch_response)
        assert spec is not None  # it has a message
        number = recorder.sent(self.user, start, traceparent, named, spec.url)
        try:
            return self._perform(spec, message, named, context, start, number, catch_response)
        except GreenletExit:  # the user was killed: the outcome is unknown
            recorder.lose(number)
            raise
        except BaseException as error:  # e.g. a listener that stops the user
            seconds = time.monotonic() - start
            size = take_sent(self._wire)
            recorder.settle(number, *named, seconds, failed=True, raised=error, size=size)
            raise

    def _perform(  # noqa: PLR0917 - the state of `request`
        self,
        spec: Any,
        message: bytes,
        named: tuple[str, str],
        context: Any,
        start: float,
        number: int | None,
        catch_response: bool,
    ) -> Any:
        """Send, receive, and notify the recorder and the listeners."""
        notify = number is None or catch_response or not self._only_recorder_listens()
        merged = self._context(context, number) if notify else None
        response, length, error, seconds, receipt = self._exchange(spec, message, start)
        size = take_sent(self._wire)
        if not notify:
            settle = self._recorder.settle
            if error is None:
                settle(number, *named, seconds, length, failed=False, receipt=receipt, size=size)
            else:
                answer = {"response": response, "error": error, "receipt": receipt, "size": size}
                settle(number, *named, seconds, length, failed=True, **answer)
            return response
        LAST.put(receipt)
        set_sent(size)
        meta = {
            "request_type": named[0],
            "name": named[1],
            "context": merged,
            "response": response,
            "exception": error,
            "start_time": time.time() - (_monotonic() - start),
            "url": spec.url,
            "response_length": length,
            "response_time": seconds * 1000,
        }
        if catch_response:
            return self._enter(response, meta, number)
        self.request_event.fire(**meta)
        return response

    @property
    def headers(self) -> Any:
        """Not there; FastHttpSession would keep what is assigned and send none of it.

        Raises:
            AttributeError: Always.
        """
        raise AttributeError(_NO_HEADERS)

    @headers.setter
    def headers(self, _: Any) -> None:
        raise AttributeError(_NO_HEADERS)

    # --- sending ------------------------------------------------------------------------------

    def _prepared(  # noqa: PLR0917 - as `request`
        self, method: str, url: str, headers: Any, data: Any, auth: Any, json: Any, params: Any
    ) -> tuple[RequestSpec | None, bytes | None, Any]:
        """The request, its bytes and its traceparent; no bytes if the fast path cannot send it."""
        recorder = self._recorder
        if (
            headers is data is auth is json is params is None
            and not self.auth_header
            and not self.client.cookiejar._cookies  # type: ignore[union-attr] # noqa: SLF001
            and url.startswith("/")
            and self._ready()
            and (bare := self._forms.bare(method)) is not None
            and (target := self._targets.get(url) or self._target(url, None)) is not None
        ):
            method, before, between, after = bare
            if recorder is None:
                traceparent, headers = "", {**CODINGS}
            else:
                traceparent = recorder.traceparent()
                headers = {TRACEPARENT: traceparent, **CODINGS}
            message = f"{before}{target}{between}{traceparent}{after}".encode("latin-1")
            spec = RequestSpec(self.client, method, self._prefix + url, headers, None, None)
            return spec, message, traceparent
        traceparent = ""
        if recorder is not None:
            defaults = self.client.default_headers
            headers, traceparent = traced(headers, defaults, recorder.traceparent)
        made = self._spec(method, url, headers, data, auth, json, params)
        return made, self._message(made, url) if made else None, traceparent

    def _spec(  # noqa: PLR0917 - as `request`
        self, method: str, url: str, headers: Any, data: Any, auth: Any, json: Any, params: Any
    ) -> RequestSpec | None:
        """The arguments of the request, completed like in FastHttpSession.request."""
        if not isinstance(url, str) or not url.startswith("/") or not isinstance(method, str):
            return None
        headers = dict(headers) if headers else {}
        if auth:
            headers["Authorization"] = _basic(auth[0], auth[1])
        elif self.auth_header:
            headers["Authorization"] = self.auth_header
        if "Accept-Encoding" not in headers and "accept-encoding" not in headers:
            headers |= CODINGS
        if not data and json is not None:
            data = library.dumps(json)
            if "Content-Type" not in headers and "content-type" not in headers:
                headers["Content-Type"] = "application/json"
            if "Accept" not in headers and "accept" not in headers:
                headers["Accept"] = "application/json"
        base = self.base_url or ""
        whole = self._build_url(url) if base.endswith("/") else f"{base}{url}"
        spec = RequestSpec(self.client, method.upper(), whole, headers, data, params)
        jar: Any = self.client.cookiejar  # without one, FastHttpSession sends the request
        if jar._cookies:  # noqa: SLF001 - its length would be counted one by one
            before = spec.request()
            given = before.headers.getlist("Cookie")
            jar.add_cookie_header(before)
            spec.cookie = "".join(before.headers.getlist("Cookie")[len(given) :])
        return spec

    def _message(self, spec: RequestSpec, url: str) -> bytes | None:
        """The bytes to send; None when the fast path cannot send the request."""
        if not self._ready() or (target := self._target(url, spec.params)) is None:
            return None
        message: bytes | None
        message = self._forms.message(spec.method, target, spec.headers, spec.data, spec.cookie)
        return message

    def _target(self, url: str, params: Any) -> str | None:
        """The target in the request's first line; None if the fast path cannot send it."""
        if params is not None:
            return target_of(self._base_path, url, params)
        target = self._targets.get(url)
        if target is None:
            target = target_of(self._base_path, url, None)
            if target is not None and len(self._targets) < _MAX_TARGETS:
                self._targets[url] = target
        return target

    def _ready(self) -> bool:
        """Whether there is a fast path to the host; its connections are then in `_wire`."""
        agent = self.client
        if (
            self.base_url is not self._base
            or agent.clientpool is not self._pool
            or self._connections._closed  # noqa: SLF001 - there is no public access
        ):
            self._look_again()
        # Replaced by the locustfile for this user.
        if "urlopen" in agent.__dict__ or "_send_request_safe_mode" in self.__dict__:
            return False
        return self._wire is not None

    def _look_again(self) -> None:
        if self._wire is not None:
            self._wire.give_back()
        self._wire, self._base, self._pool = None, self.base_url, self.client.clientpool
        self._connections = _NO_CONNECTIONS
        match = _BASE.fullmatch(self.base_url or "")
        if match and self._supported and not replaced_for_all(self):
            client = self.client.clientpool.get_client(URL(match[0]))
            self._connections = client._connection_pool  # noqa: SLF001
            self._prefix = self._build_url("/")[:-1]
            self._base_path = urlsplit(self._prefix).path
            self._targets = {}
            self._forms = Forms(self.client, client, traced=self._recorder is not None)
            self._wire = Wire(client)

    # --- receiving ----------------------------------------------------------------------------

    def _exchange(self, spec: RequestSpec, message: bytes, start: float) -> _Outcome:
        assert self._wire is not None
        try:
            answer = self._wire.exchange(spec.method, message, bodiless=spec.method == "HEAD")
        except GreenletExit:
            raise
        except BaseException as error:  # noqa: BLE001 - FastHttpUser, too, retries after any
            return self._hand_over(spec, message, error, start)
        if not isinstance(answer, tuple):
            return self._hand_over(spec, message, answer, start)
        head, raw, at, ancillary, read = answer
        receipt = CLOCK.receipt(ancillary, read, start)
        agent = self.client
        if (
            head.status not in agent.valid_response_codes
            or head.status in agent.redirect_response_codes
        ):
            LAST.put(receipt)
            return self._hand_over(spec, message, parsed(spec.method, raw), start)
        seconds = (_monotonic() if receipt is None else receipt[0]) - start
        response = LazyResponse(spec, head, raw, at, seconds)
        if not head.gzipped:
            return response, len(raw) - at, None, seconds, receipt
        return response, *_length(response), seconds, receipt

    def _hand_over(
        self, spec: RequestSpec, message: bytes, received: Any, start: float
    ) -> _Outcome:
        """Let FastHttpSession process a result: redirects, cookies, retries and errors."""
        seconds = time.monotonic() - start
        more = {} if spec.params is None else {"params": spec.params}
        set_sent()
        with self._pool_request():
            self._handed_over = (received, message)
            try:
                response: Any = self._send_request_safe_mode(
                    spec.method, spec.url, payload=spec.data, headers=spec.headers, **more
                )
            finally:
                self._handed_over = None
                if self._wire is not None:
                    self._wire.sent += get_sent()
            if getattr(response, "_history", None) == []:
                response._elapsed = seconds  # noqa: SLF001 - the agent measured the handing over
            length, error = _length(response)
        if error is None:
            try:
                response.raise_for_status()
            except FAILURE_EXCEPTIONS as failure:
                error = failure
        return response, length, error, *_timed(LAST.get(), start)

    def _urlopen(self, request: Any) -> Any:
        """Replaces the agent's `_urlopen`."""
        if self._handed_over is None:
            with self._pool_request():  # a locustfile may call the agent itself
                return self._open(request)
        (received, message), self._handed_over = self._handed_over, None
        if isinstance(received, BaseException):
            raise received
        head = message.partition(b"\r\n\r\n")[0].decode("latin-1") + "\r\n\r\n"
        return self.client.response_type(received, request=request, sent_request=head)

    @contextmanager
    def _pool_request(self) -> Iterator[None]:
        """Give the idle connection back to the pool for the length of the context."""
        wire = self._wire
        if wire is None:
            yield
            return
        wire.give_back()
        wire.pool_requests += 1
        try:
            yield
        finally:
            wire.pool_requests -= 1

    # --- listeners ----------------------------------------------------------------------------

    def _only_recorder_listens(self) -> bool:
        """Whether the recorder is the only listener to requests."""
        handlers = self.request_event._handlers  # noqa: SLF001 - there is no public access
        return len(handlers) == 1 and handlers[0] is self._own_handler

    def _context(self, context: Any, number: int | None) -> dict[str, Any]:
        merged = {**self.user.context(), **context} if self.user else dict(context)
        if number is not None:
            merged[SENT] = number
        return merged

    def _enter(self, response: Any, meta: dict[str, Any], number: int | None) -> Any:
        """The context manager of a with-block, which then decides the outcome."""
        lazy = isinstance(response, LazyResponse)
        entered = (LazyContext if lazy else ResponseContextManager)(
            response, self.request_event, meta, catch_response=True
        )
        if number is not None:
            self._recorder.watch(number, entered)
        return entered


def _has_only_params(given: dict[str, Any]) -> bool:
    """Whether the further arguments are parameters alone, which can be read repeatedly."""
    return given.keys() == {"params"} and not isinstance(given["params"], Iterator)


def _timed(receipt: Receipt | None, start: float) -> tuple[float, Receipt | None]:
    """Seconds from `start` to an answer, and its receipt; None if the event loop timed it."""
    if receipt is not None and CLOCK.is_usable(receipt, start):
        return receipt[0] - start, receipt
    return time.monotonic() - start, None


def _length(response: Any) -> tuple[int, BaseException | None]:
    """The length of the content in bytes, and the exception of reading it."""
    try:
        return (len(response.content) if response.content else 0), None
    except FAILURE_EXCEPTIONS as error:
        return 0, error


def _own_handler_of(request_event: Any) -> Any:
    """The recorder's listener to the event; None under stock Locust."""
    handlers = request_event._handlers  # noqa: SLF001 - there is no public access
    return next((h for h in handlers if isinstance(getattr(h, "__self__", None), Recorder)), None)
