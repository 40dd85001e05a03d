"""Inside the generator: every request, from the moment it is sent until it is in a cell.

Locust tells about a request only when it is over (`events.request`), and not at all when a
with-block around it raises. So the clients' `request` methods are wrapped, on their classes, to
know what is in flight; the account `started == recorded + in flight + lost` holds at all times.
"""

from __future__ import annotations

import inspect
import math
import time
import weakref
from collections.abc import Callable
from typing import Any

import gevent
from locust import clients, events
from locust.contrib import fasthttp
from locust.exception import (
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)

from harness.names import ERROR, LATENCY, OK, SERVICE_TIME
from harness.runs.cells import Cell, bucket_of

INTENDED = "harness_intended"  # attribute of a user: when the iteration was meant to start
MAX_NAMES = 1000
OTHER = "(other)"
_SENT = "harness.sent"  # key in a request's context

# What locustfiles raise to say what to do next.
_FLOW = (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser)

_Counts = dict[int, int]


class Sent:
    """A request whose outcome is not known yet."""

    __slots__ = ("answered", "intended", "start", "watch")

    def __init__(self, start: float, intended: float | None) -> None:
        self.start = start
        self.intended = start if intended is None else intended
        self.answered = False
        self.watch: weakref.ref[object] | None = None


class Recorder:
    """Counts requests and sorts their times into cells.

    Attributes:
        origin: Moment from which cells count their seconds.
        in_flight: Requests sent whose outcome is not known, the oldest first.
        on_notice: Called with a text that a person should read.
    """

    def __init__(self, on_notice: Callable[[str], None]) -> None:
        self.origin = time.monotonic()
        self.started = self.recorded = self.lost = 0
        self.in_flight: dict[Sent, None] = {}
        self.on_notice = on_notice
        self.closed = False
        self._times: dict[tuple[str, str, bool, int], tuple[_Counts, _Counts]] = {}
        self._readings: dict[tuple[str, int], _Counts] = {}
        self._names: set[tuple[str, str]] = set()

    # --- what the wrapped clients and Locust's events call ------------------------------------

    def sent(self, user: object | None, start: float) -> Sent:
        """A request leaves.

        The first of an iteration counts from the iteration's intended start; those that follow it,
        and all in the closed model, from their real one: nothing says when they were meant to be.
        """
        self.started += 1
        intended = user.__dict__.pop(INTENDED, None) if user is not None else None
        sent = Sent(start, intended)
        self.in_flight[sent] = None
        return sent

    def settle(self, sent: Sent, method: str, name: str, service: float, *, failed: bool) -> None:
        """The outcome of a request is known: put its times into cells.

        Args:
            sent: What `sent` returned. A second outcome of the same request changes nothing.
            method: Its type, e.g. "GET".
            name: Its name in the locustfile.
            service: Seconds from the real start to the answer.
            failed: Whether Locust or the locustfile call it a failure.
        """
        if sent not in self.in_flight or self.closed:
            return
        del self.in_flight[sent]
        sent.watch = None  # it holds a reference to `sent`
        self.recorded += 1
        key = (method, name, failed, math.floor(sent.intended - self.origin))
        pair = self._times.get(key)
        if pair is None:
            key = (*self._admit(method, name), *key[2:])
            pair = self._times.setdefault(key, ({}, {}))
        latencies, services = pair
        bucket = bucket_of(service)
        services[bucket] = services.get(bucket, 0) + 1
        if sent.start != sent.intended:
            bucket = bucket_of(service + sent.start - sent.intended)
        latencies[bucket] = latencies.get(bucket, 0) + 1

    def lose(self, sent: Sent) -> None:
        """A request ended without an outcome."""
        if sent in self.in_flight and not self.closed:
            del self.in_flight[sent]
            self.lost += 1

    def on_request(
        self,
        request_type: str,
        name: str,
        response_time: float | None,
        exception: object = None,
        context: dict[str, Any] | None = None,
        **_: object,
    ) -> None:
        """Locust's request event."""
        # Taken out, so that listeners of the locustfile see the context they know.
        sent = context.pop(_SENT, None) if context else None
        if sent is None:  # a client that is not wrapped; the event is all that is known of it
            user = next(iter(getattr(gevent.getcurrent(), "args", None) or ()), None)
            sent = self.sent(user, time.monotonic() - (response_time or 0.0) / 1000)
            if response_time is None:
                self.lose(sent)
                return
        elif response_time is None:
            response_time = (time.monotonic() - sent.start) * 1000
        self.settle(sent, request_type, name, response_time / 1000, failed=exception is not None)

    # --- what the agent and the open model call -----------------------------------------------

    def reading(self, what: str, moment: float, seconds: float) -> None:
        """Record a reading of the generator itself, e.g. a lag, in the second of `moment`."""
        key = (what, math.floor(moment - self.origin))
        counts = self._readings.setdefault(key, {})
        bucket = bucket_of(seconds)
        counts[bucket] = counts.get(bucket, 0) + 1

    def rebase(self, t0: float, window_start: float) -> None:
        """Count seconds from the start of the window; what came before the load precedes `t0`."""
        last = math.ceil(t0 - window_start) - 1
        shift = self.origin - window_start
        times, self._times = self._times, {}
        for (method, name, failed, second), pair in times.items():
            key = (method, name, failed, min(last, math.floor(second + shift)))
            for into, counts in zip(self._times.setdefault(key, ({}, {})), pair, strict=True):
                for bucket, count in counts.items():
                    into[bucket] = into.get(bucket, 0) + count
        self.origin = window_start

    def take_cells(self) -> tuple[Cell, ...]:
        """Everything recorded since the last call."""
        times, self._times = self._times, {}
        readings, self._readings = self._readings, {}
        cells = [
            Cell(what, ERROR if failed else OK, method, name, second, counts)
            for (method, name, failed, second), pair in times.items()
            for what, counts in zip((LATENCY, SERVICE_TIME), pair, strict=True)
        ]
        cells += [Cell(what, "", "", "", second, c) for (what, second), c in readings.items()]
        return tuple(cells)

    def oldest(self) -> float:
        """Age of the oldest unanswered request in seconds; 0 when there is none."""
        first = next((sent for sent in self.in_flight if not sent.answered), None)
        return time.monotonic() - first.start if first else 0.0

    def _admit(self, method: str, name: str) -> tuple[str, str]:
        pair = (str(method), str(name))
        if pair in self._names or len(self._names) < MAX_NAMES:
            self._names.add(pair)
            return pair
        if (OTHER, OTHER) not in self._names:
            self._names.add((OTHER, OTHER))
            self.on_notice(
                f"more than {MAX_NAMES} request names; further ones are counted as {OTHER!r}. "
                'Give requests whose URL holds an id one name: client.get(url, name="/items/{id}")'
            )
        return pair[0] if len(pair[0]) < 20 else OTHER, OTHER


def install(recorder: Recorder) -> None:
    """Wrap the clients and listen. Call it before the locustfile is imported: ours goes first."""
    request: Any = events.request
    request.add_listener(recorder.on_request)
    for session in (clients.HttpSession, fasthttp.FastHttpSession):
        _wrap_request(recorder, session)
    for response in (clients.ResponseContextManager, fasthttp.ResponseContextManager):
        _wrap_exit(recorder, response)


def _wrap_request(recorder: Recorder, session: Any) -> None:
    original = session.request
    # Where `context` stands for those who pass it by position; self, method and url aside.
    position = list(inspect.signature(original).parameters).index("context") - 3

    def request(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        sent = recorder.sent(self.user, time.monotonic())
        if len(args) > position:
            context = {**args[position], _SENT: sent}
            args = (*args[:position], context, *args[position + 1 :])
        else:
            given = kwargs.get("context")
            kwargs["context"] = {**given, _SENT: sent} if given else {_SENT: sent}
        try:
            response = original(self, method, url, *args, **kwargs)
        except gevent.GreenletExit:  # the user was killed: nobody knows the answer
            recorder.lose(sent)
            raise
        except BaseException:  # e.g. gevent.Timeout around the call, or a malformed URL
            name = kwargs.get("name") or self.request_name or url
            elapsed = time.monotonic() - sent.start
            recorder.settle(sent, str(method), str(name), elapsed, failed=True)
            raise
        if sent in recorder.in_flight:  # catch_response: the with-block decides the outcome
            sent.answered = True
            # A response that nobody enters is lost once it is garbage.
            sent.watch = weakref.ref(response, lambda _: recorder.lose(sent))
        return response

    session.request = request


def _wrap_exit(recorder: Recorder, response: Any) -> None:
    """Locust forgets a request whose with-block raises, though its time is known."""
    original = response.__exit__

    def leave(self: Any, kind: Any, error: Any, traceback: Any) -> Any:
        if kind is not None and issubclass(kind, _FLOW) and self._manual_result is None:
            original(self, None, None, None)  # says nothing of the request: its status decides
            return False
        try:
            return original(self, kind, error, traceback)
        finally:
            if kind is not None:
                _settle_raised(recorder, self.request_meta)

    response.__exit__ = leave


def _settle_raised(recorder: Recorder, meta: dict[str, Any]) -> None:
    sent = meta["context"].get(_SENT)
    if sent is not None:  # Locust's event has not taken it
        milliseconds = meta.get("response_time")
        elapsed = time.monotonic() - sent.start if milliseconds is None else milliseconds / 1000
        recorder.settle(sent, meta["request_type"], meta["name"], elapsed, failed=True)
