"""Inside the generator: every request, from the moment it is sent until it is in a cell.

What is in flight is known of clients whose `request` method is wrapped (wrapping.py); of others
Locust tells when a request is over (`events.request`), and that is when it is counted. The account
`started == recorded + in flight + lost` holds at all times.

Requests and readings are noted one by one and sorted in by the dozen: the code and the data that
this takes are no longer in the processor's caches when a request comes back from a switch.
"""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable
from typing import Any

import gevent
from locust import User
from requests import Response

from harness.load.child.bursts import BurstMeter
from harness.load.child.slowest import Slowest
from harness.load.child.tracing import trace_of, traceparents
from harness.load.protocol.frames import Slow
from harness.names import ERROR, LATENCY, OK, SERVICE_TIME
from harness.runs.cells import Cell, bucket_of

INTENDED = "harness_intended"  # attribute of a user: when the iteration was meant to start
SENT = "harness.sent"  # key in a request's context: its number
MAX_NAMES = 1000
MAX_TYPES = 20  # types of requests that a notice tells of
OTHER = "(other)"
BATCH = 64  # requests that are sorted in at once; takes less than 0.2 ms

_Counts = dict[int, int]
_Sent = tuple[float, float, Any]  # real start, intended start, traceparent
# What was sent, method, name, seconds to the answer, whether it failed, its request object.
_Outcome = tuple[_Sent, str, str, float, bool, object]


class Series:
    """Times of one endpoint and outcome that were not taken yet: second -> latencies, services."""

    __slots__ = ("failed", "method", "name", "seconds", "slowest")

    def __init__(self, method: str, name: str, slowest: Slowest, *, failed: bool) -> None:
        self.method, self.name, self.failed = method, name, failed
        self.slowest = slowest
        self.seconds: dict[float, tuple[_Counts, _Counts]] = {}


class Recorder:
    """Counts requests and sorts their times into cells.

    Attributes:
        origin: Moment from which cells count their seconds.
        in_flight: Requests sent whose outcome is not known, the oldest first: number -> real
            start, intended start, traceparent.
        traceparent: Makes a value of the header.
        on_notice: Called with a text that a person should read.
        closed: Whether the last report was made; what happens then is not counted.
    """

    def __init__(self, on_notice: Callable[[str], None], trace_ratio: float = 0.0) -> None:
        """Count from now; of `trace_ratio` see `traceparents`."""
        self.origin = time.monotonic()
        self.started = self.recorded = self.lost = 0
        self.in_flight: dict[int, _Sent] = {}
        self._fullest = BurstMeter()
        self.traceparent = traceparents(trace_ratio)
        self.on_notice = on_notice
        self.closed = False
        self._sampling = trace_ratio > 0
        self._outcomes: list[_Outcome] = []  # not sorted in yet
        self._lags: list[tuple[str, float, float]] = []  # readings not sorted in yet
        self._starts: list[float] = []
        self._series: dict[tuple[str, str, bool], Series] = {}
        self._readings: dict[str, dict[float, _Counts]] = {}
        self._names: set[tuple[str, str]] = set()
        self._types: set[str] = set()  # that a notice was given of
        # Of requests that were answered, and that a with-block is to decide about.
        self._watches: dict[int, weakref.ref[object]] = {}

    # --- what the wrapped clients and Locust's events call ------------------------------------

    def sent(self, user: object | None, start: float, traceparent: Any = "") -> int:
        """A request leaves; its number.

        The first of an iteration counts from the iteration's intended start; those that follow it,
        and all in the closed model, from their real one: nothing says when they were meant to be.

        Args:
            user: Who sends it.
            start: The moment.
            traceparent: What it carries.
        """
        self.started = number = self.started + 1
        intended = user.__dict__.pop(INTENDED, start) if user is not None else start
        self.in_flight[number] = (start, intended, traceparent)
        self._starts.append(start)
        return number

    def settle(
        self,
        number: int,
        method: str,
        name: str,
        service: float,
        *,
        failed: bool,
        response: object = None,
    ) -> None:
        """The outcome of a request is known: put its times into cells.

        Args:
            number: What `sent` returned. A second outcome of the same request changes nothing.
            method: Its type, e.g. "GET".
            name: Its name in the locustfile.
            service: Seconds from the real start to the answer.
            failed: Whether Locust or the locustfile call it a failure.
            response: Its answer, if there is one.
        """
        if self.closed:
            return
        sent = self.in_flight.pop(number, None)
        if sent is None:
            return
        if self._watches:
            self._watches.pop(number, None)
        self.recorded += 1
        # Nobody but an instrumentation of `requests` puts another traceparent in the place of ours;
        # FastUser would first have to make the object.
        request = getattr(response, "request", None) if isinstance(response, Response) else None
        self._outcomes.append((sent, method, name, service, failed, request))
        if len(self._outcomes) >= BATCH:
            self._sort_in()

    def watch(self, number: int, response: object) -> None:
        """A request is answered, but a with-block around it decides about its outcome."""
        # A response that nobody enters is lost once it is garbage.
        self._watches[number] = weakref.ref(response, lambda _: self.lose(number))

    def lose(self, number: int) -> None:
        """A request ended without an outcome."""
        if number in self.in_flight and not self.closed:
            del self.in_flight[number]
            self._watches.pop(number, None)
            self.lost += 1

    def on_request(
        self,
        *,
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: int = 0,
        response: object = None,
        exception: object = None,
        context: dict[str, Any] | None = None,
        start_time: float = 0.0,
        url: object = None,
        **_: object,
    ) -> None:
        """Locust's request event; all that it tells is named, since collecting takes longer."""
        # Taken out, so that listeners of the locustfile see the context they know.
        number = context.pop(SENT, None) if context else None
        if number is None:
            self._untold(request_type, name, response_time, failed=exception is not None)
            return
        if response_time is None:
            sent = self.in_flight.get(number)
            response_time = (time.monotonic() - sent[0]) * 1000 if sent else 0.0
        failed = exception is not None
        self.settle(
            number, request_type, name, response_time / 1000, failed=failed, response=response
        )

    def _untold(self, method: str, name: str, milliseconds: float | None, *, failed: bool) -> None:
        """A request of a client that is not wrapped; the event is all that is known of it."""
        if method not in self._types and len(self._types) < MAX_TYPES:
            self._types.add(method)
            self.on_notice(
                f"requests of type {method!r} are counted when they end: those that never end are "
                "neither in flight nor lost, and harness cannot send a traceparent with them"
            )
        user = next(iter(getattr(gevent.getcurrent(), "args", None) or ()), None)
        seconds = None
        if milliseconds is not None and math.isfinite(milliseconds):
            seconds = milliseconds / 1000
        start = time.monotonic() - (seconds or 0.0)
        number = self.sent(user if isinstance(user, User) else None, start)
        if seconds is None:
            self.lose(number)
        else:
            self.settle(number, method, name, seconds, failed=failed)

    # --- what the agent and the open model call -----------------------------------------------

    def reading(self, what: str, moment: float, seconds: float) -> None:
        """Record a reading of the generator itself, e.g. a lag, in the second of `moment`."""
        self._lags.append((what, moment, seconds))
        if len(self._lags) >= BATCH:
            self._sort_in()

    def rebase(self, t0: float, window_start: float) -> None:
        """Count seconds from the start of the window; what came before the load precedes `t0`."""
        self._sort_in()
        last = math.ceil(t0 - window_start) - 1
        shift = self.origin - window_start
        for series in self._series.values():
            before, series.seconds = series.seconds, {}
            for second, pair in before.items():
                at = min(last, (second + shift) // 1.0)
                for into, counts in zip(series.seconds.setdefault(at, ({}, {})), pair, strict=True):
                    for bucket, count in counts.items():
                        into[bucket] = into.get(bucket, 0) + count
            series.slowest = Slowest(sampling=self._sampling)
        self.origin = window_start

    def take_cells(self) -> tuple[Cell, ...]:
        """Everything recorded since the last call."""
        self._sort_in()
        cells = []
        for series in self._series.values():
            seconds, series.seconds = series.seconds, {}
            key = (ERROR if series.failed else OK, series.method, series.name)
            for second, pair in seconds.items():
                for what, counts in zip((LATENCY, SERVICE_TIME), pair, strict=True):
                    cells.append(Cell(what, *key, int(second), counts))
        readings, self._readings = self._readings, {}
        for what, of_seconds in readings.items():
            cells += [Cell(what, "", "", "", int(s), c) for s, c in of_seconds.items()]
        return tuple(cells)

    def take_slowest(self) -> tuple[Slow, ...]:
        """The slowest requests of the window that were not told before."""
        self._sort_in()
        return tuple(slow for series in self._series.values() for slow in series.slowest.take())

    def fullest(self) -> int:
        """Of each second's requests those in its fullest twentieth, added up so far."""
        self._sort_in()
        return self._fullest.total

    def oldest(self) -> float:
        """Age of the oldest unanswered request in seconds; 0 when there is none."""
        for number, (start, _, _) in self.in_flight.items():
            if number not in self._watches:
                return time.monotonic() - start
        return 0.0

    def _sort_in(self) -> None:
        starts, self._starts = self._starts, []
        for start in starts:
            self._fullest.count(start)
        lags, self._lags = self._lags, []
        for what, moment, seconds in lags:
            of_seconds = self._readings.setdefault(what, {})
            counts = of_seconds.setdefault((moment - self.origin) // 1.0, {})
            bucket = bucket_of(seconds)
            counts[bucket] = counts.get(bucket, 0) + 1
        outcomes, self._outcomes = self._outcomes, []
        for outcome in outcomes:
            self._sort_outcome_in(outcome)

    def _sort_outcome_in(self, outcome: _Outcome) -> None:
        sent, method, name, service, failed, request = outcome
        start, intended, traceparent = sent
        series = self._series.get((method, name, failed)) or self._admit(
            method, name, failed=failed
        )
        second = (intended - self.origin) // 1.0
        pair = series.seconds.get(second)
        if pair is None:
            pair = series.seconds[second] = ({}, {})
        latencies, services = pair
        bucket = bucket_of(service)
        services[bucket] = services.get(bucket, 0) + 1
        latency = service
        if start != intended:
            latency = service + start - intended
            bucket = bucket_of(latency)
        latencies[bucket] = latencies.get(bucket, 0) + 1
        if latency > series.slowest.bar and second >= 0:
            key = (series.method, series.name, ERROR if failed else OK)
            times = (latency, service)
            series.slowest.offer(Slow(intended, *key, *times, *trace_of(traceparent, request)))

    def _admit(self, method: object, name: object, *, failed: bool) -> Series:
        """The series of a key that is met for the first time, or has no series of its own."""
        pair = (str(method), str(name))
        if pair not in self._names:
            if len(self._names) < MAX_NAMES:
                self._names.add(pair)
            else:
                pair = self._overflow(pair[0])
        key = (*pair, failed)
        if key not in self._series:
            self._series[key] = Series(*pair, Slowest(sampling=self._sampling), failed=failed)
        return self._series[key]

    def _overflow(self, method: str) -> tuple[str, str]:
        if (OTHER, OTHER) not in self._names:
            self._names.add((OTHER, OTHER))
            self.on_notice(
                f"more than {MAX_NAMES} request names; further ones are counted as {OTHER!r}. "
                'Give requests whose URL holds an id one name: client.get(url, name="/items/{id}")'
            )
        return method if len(method) < 20 else OTHER, OTHER
