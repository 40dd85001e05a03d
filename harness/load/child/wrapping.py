"""Inside the generator: wraps Locust's HTTP clients to count each request when it is sent.

Locust fires an event only when a request has ended (`events.request`), and none when a with-block
around it raises.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from itertools import pairwise
from operator import attrgetter
from typing import Any
from urllib.parse import urlsplit

import gevent
from geventhttpclient.useragent import CompatRequest, UserAgent
from locust import TaskSet, clients, events
from locust.contrib import fasthttp
from locust.user.task import DefaultTaskSet
from requests import PreparedRequest

from harness.load.child.client.cookies import IdleCookieJar
from harness.load.child.client.urls import KnownUrlRequest
from harness.load.child.locustfile.listeners import FLOW
from harness.load.child.receipts import stamping
from harness.load.child.recording import SENT, Recorder
from harness.load.child.records import sent_bytes
from harness.load.child.records.elsewhere import origin_of
from harness.load.child.records.failures import FAILED
from harness.load.child.records.sent_bytes import get_sent, set_sent
from harness.load.child.tracing import TRACEPARENT, traced

_ENDS = (*FLOW, gevent.GreenletExit)  # a user ends its task, or is killed within it


def install(recorder: Recorder) -> None:
    """Wrap the clients and listen; to be called before the locustfile adds its own listeners."""
    request: Any = events.request
    request.add_listener(recorder.on_request)
    _wrap_request(recorder, clients.HttpSession, _defaults_of_requests, _path_of)
    default_headers = attrgetter("client.default_headers")
    _wrap_request(recorder, fasthttp.FastHttpSession, default_headers, _as_given)
    for session in (clients.HttpSession, fasthttp.FastHttpSession):
        _wrap_build_url(session)
    for response in (clients.ResponseContextManager, fasthttp.ResponseContextManager):
        _wrap_exit(recorder, response)
    _count_redirects(recorder)
    _tolerate_binary_errors()
    _save_cpu_time()
    stamping.install()
    sent_bytes.install()


def _count_redirects(recorder: Recorder) -> None:
    """Count where the redirects that a client follows lead to."""
    session: Any = clients.HttpSession
    request: Any = CompatRequest  # of FastHttpUser and FastUser
    send, redirect = session._send_request_safe_mode, request.redirect  # noqa: SLF001

    def send_and_count(self: Any, method: str, url: str, **kwargs: Any) -> Any:
        response = send(self, method, url, **kwargs)
        if response.history:
            for before, after in pairwise((*response.history, response)):
                if before.is_redirect:  # else it was repeated with credentials
                    recorder.elsewhere.count_redirect(str(after.url))
        elif getattr(response, "error", None) and response.request:
            last = str(response.request.url)  # that found no answer; the history is not known
            if origin_of(last) != origin_of(str(url)):
                recorder.elsewhere.count_redirect(last)
        return response

    def redirect_and_count(self: Any, code: int, location: str) -> None:
        redirect(self, code, location)
        recorder.elsewhere.count_redirect(self.url)

    session._send_request_safe_mode = send_and_count  # noqa: SLF001
    request.redirect = redirect_and_count


def _save_cpu_time() -> None:
    """Let the client of FastHttpUser do the same in less time."""
    module: Any = fasthttp
    module.CookieJar = IdleCookieJar
    bases = (KnownUrlRequest, fasthttp.FastRequest)
    module.LocustUserAgent.request_type = type("FastRequest", bases, {})


def _tolerate_binary_errors() -> None:
    """Let an error answer whose body is no text be a failed request.

    geventhttpclient makes a text of the conversation and raises a UnicodeDecodeError, which ends
    the task, and Locust records no request.
    """
    original: Any = UserAgent._conversation_str  # noqa: SLF001 - there is no public access

    def conversation(*args: Any, **kwargs: Any) -> str:
        try:
            return str(original(*args, **kwargs))
        except (UnicodeDecodeError, LookupError):  # LookupError: of an unknown charset
            return ""

    agent: Any = UserAgent
    agent._conversation_str = staticmethod(conversation)  # noqa: SLF001


def forget_failures(recorder: Recorder) -> None:
    """In the closed model, let a failed request count for exceptions of its own task only."""
    for task_set in (TaskSet, DefaultTaskSet):
        _wrap_execute(recorder, task_set)


def _wrap_execute(recorder: Recorder, task_set: Any) -> None:
    original = task_set.execute_task

    def execute_task(this: Any, task: Any) -> None:
        if recorder.any_failed:
            this.user.__dict__.pop(FAILED, None)
        original(this, task)

    task_set.execute_task = execute_task


def _wrap_build_url(session: Any) -> None:
    """Join a base URL that ends with a slash and a path that begins with one."""
    original = session._build_url  # noqa: SLF001 - there is no public access

    def build_url(self: Any, path: str) -> Any:
        twice = path.startswith("/") and str(self.base_url).endswith("/")
        return original(self, path[1:] if twice else path)

    session._build_url = build_url  # noqa: SLF001


def _defaults_of_requests(session: Any) -> dict[str, Any]:
    """Headers that a session of requests sends by default, the names in lower case."""
    # Its own lookup of an absent header takes 2 us, since it catches an exception.
    headers = getattr(session.headers, "_store", session.headers)
    return headers if isinstance(headers, dict) else dict(headers)


def _as_given(_: Any, url: str, __: object) -> str:
    """The name that FastHttpSession gives a request without one."""
    return url


def _path_of(session: Any, url: str, params: Any) -> str:
    """The name that HttpSession gives a request without one: its path and query."""
    if not params and url.startswith("/") and not urlsplit(session.base_url).path:
        return url
    request = PreparedRequest()
    request.prepare_url(session._build_url(url), params)  # noqa: SLF001
    return request.path_url


def _whole(session: Any, url: Any) -> str:
    """The URL of a request; empty if it is malformed, which the session raises again."""
    try:
        if url.startswith("/"):
            return f"{session.base_url}{url}"
        return str(session._build_url(url))  # noqa: SLF001
    except Exception:  # noqa: BLE001
        return ""


def _wrap_request(
    recorder: Recorder,
    session: Any,
    defaults: Callable[[Any], dict[str, Any]],
    unnamed: Callable[[Any, str, Any], str],
) -> None:
    original = session.request
    signature = inspect.signature(original)
    names = tuple(signature.parameters)[3:]  # without self, method and url
    has = dict.__contains__  # the lookup of geventhttpclient's headers converts case and is slower

    def request(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        if self.request_event is not events.request:  # not part of the load, nor for Locust
            return original(self, method, url, *args, **kwargs)
        if args:
            signature.bind(self, method, url, *args, **kwargs)  # a wrong call fails as before
            kwargs.update(zip(names, args, strict=False))
        headers = kwargs.get("headers")
        if headers or has(defaults(self), TRACEPARENT):
            headers, traceparent = traced(headers, defaults(self), recorder.traceparent)
        else:
            traceparent = recorder.traceparent()
            headers = {TRACEPARENT: traceparent}
        name = kwargs.get("name") or self.request_name
        try:
            named = (method, name or unnamed(self, url, kwargs.get("params")))
        except Exception:  # noqa: BLE001 - of a malformed URL, which the session raises again
            named = (method, str(url))
        number = recorder.sent(self.user, time.monotonic(), traceparent, named, _whole(self, url))
        set_sent()
        kwargs["headers"] = headers
        kwargs["context"] = {**(kwargs.get("context") or {}), SENT: number}
        try:
            response = original(self, method, url, **kwargs)
        except gevent.GreenletExit:  # the user was killed: the outcome is unknown
            recorder.lose(number)
            raise
        except BaseException as error:  # e.g. gevent.Timeout around the call, or a malformed URL
            if number in recorder.in_flight:
                elapsed = time.monotonic() - recorder.in_flight[number][0]
                method, name = str(named[0]), str(named[1])
                settle, size = recorder.settle, get_sent()
                settle(number, method, name, elapsed, failed=True, raised=error, size=size)
            raise
        if number in recorder.in_flight:
            recorder.watch(number, response)
        return response

    session.request = request


def _wrap_exit(recorder: Recorder, response: Any) -> None:
    """Settle a request whose with-block raises: Locust fires no event, but its time is known."""
    original = response.__exit__

    def leave(self: Any, kind: Any, error: Any, traceback: Any) -> Any:
        if kind is not None and issubclass(kind, _ENDS) and self._manual_result is None:
            original(self, None, None, None)  # not a failure of the request: its status decides
            return False
        try:
            return original(self, kind, error, traceback)
        finally:
            if kind is not None:
                _settle_raised(recorder, self.request_meta, error)

    response.__exit__ = leave


def _settle_raised(recorder: Recorder, meta: dict[str, Any], error: object) -> None:
    number = meta["context"].get(SENT)
    sent = recorder.in_flight.get(number)
    if sent is not None:  # not settled by Locust's event
        milliseconds, receipt, size = meta.get("response_time"), None, get_sent()
        if milliseconds is None:
            seconds = time.monotonic() - sent[0]
        else:
            seconds, receipt, size = recorder.timed(number, milliseconds)
        length = meta.get("response_length")
        recorder.settle(
            *(number, meta["request_type"], meta["name"], seconds),
            length if isinstance(length, int) else 0,
            failed=True,
            response=meta.get("response"),
            raised=error,
            receipt=receipt,
            size=size,
        )
