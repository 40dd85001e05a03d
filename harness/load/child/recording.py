"""Inside the generator: records every request, from its start until its times are in a cell.

Requests of wrapped clients (wrapping.py) are counted when they are sent; requests of other clients
when Locust fires the event of their end (`events.request`). At all times
`started == recorded + in flight + lost`.

Requests and readings are stored one by one and sorted into cells in batches: after a switch of
greenlets, the code and the data of the sorting are no longer in the processor's caches.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import Any

import gevent
from locust import User
from requests import Response

from harness.load.child.bursts import BurstMeter
from harness.load.child.claims import Claims
from harness.load.child.receipts.clock import Receipt
from harness.load.child.receipts.watches import Watch, timed, watch
from harness.load.child.records.elsewhere import UrlsElsewhere
from harness.load.child.records.failures import FailureCounts, note_outcome
from harness.load.child.records.sent_bytes import get_sent
from harness.load.child.records.series import Counts, RequestSeries
from harness.load.child.records.slowest import Slowest
from harness.load.child.tracing import trace_of, traceparents
from harness.load.protocol.frames import Slow
from harness.names import (
    ERROR,
    OK,
    UNANSWERED_LATENCY,
    UNANSWERED_SERVICE_TIME,
    UNSTARTED_LATENCY,
)
from harness.runs.cells import Cell, bucket_of, coarse_bucket_of
from harness.runs.records.failed import Failures

INTENDED = "harness_intended"  # attribute of a user: the intended start of the iteration
SENT = "harness.sent"  # key in a request's context: its number
MAX_NAMES = 1000
MAX_TYPES = 20  # types of requests that are reported in a notice
OTHER = "(other)"
BATCH = 64  # requests that are sorted at once, in less than 0.2 ms

# Real start, intended start, traceparent, method and name of the request, its user.
_Sent = tuple[float, float, Any, tuple[str, str], User | None]
_UNNAMED = ("", "")
# The sent request, method, name, seconds to the response, whether it failed, its request object,
# the receipt that timed it.
_Outcome = tuple[_Sent, str, str, float, bool, object, Receipt | None]


class Recorder:
    """Counts requests and sorts their times into cells.

    Attributes:
        origin: Time from which cells count their seconds.
        in_flight: Requests whose outcome is not known, the oldest first: number -> real start,
            intended start, traceparent, method and name as far as they are known by then, user.
        response_bytes: Bytes of the bodies of the responses of recorded requests.
        request_bytes: Bytes of these requests, heads and bodies, as far as they are known.
        request_bytes_known: Whether they are: all requests are of wrapped clients.
        any_failed: Whether some user has, or had, a note of a failed request.
        traceparent: Makes a value of the header.
        on_notice: Called with messages for the user.
        closed: Whether the last report was made; later events are not counted.
        elsewhere: Counts the requests that do not go to the target.
    """

    def __init__(
        self, on_notice: Callable[[str], None], trace_ratio: float = 0.0, target: str = ""
    ) -> None:
        """Count seconds from now; `trace_ratio` is as of `traceparents`, `target` a base URL."""
        self.origin = time.monotonic()
        self.started = self.recorded = self.lost = self.response_bytes = 0
        self.request_bytes = 0
        self.in_flight: dict[int, _Sent] = {}
        self._burst_meter = BurstMeter()
        self._claims = Claims()
        self.traceparent = traceparents(trace_ratio)
        self.on_notice = on_notice
        self.closed = self.any_failed = False
        self.request_bytes_known = True
        self._sampling = trace_ratio > 0
        self._outcomes: list[_Outcome] = []  # not sorted yet
        self._lags: list[tuple[str, float, float]] = []  # readings that are not sorted yet
        self._starts: list[float] = []
        self._series: dict[tuple[str, str, bool], RequestSeries] = {}
        self._readings: dict[str, dict[float, Counts]] = {}
        self._names: set[tuple[str, str]] = set()
        self._types: set[str] = set()  # reported in a notice
        self._watches: dict[int, Watch] = {}
        self._ended: dict[tuple[str, str, str, int], Counts] = {}  # waits at the end of the drain
        self._failures = FailureCounts()
        self.elsewhere = UrlsElsewhere(target)
        self._prefix = self.elsewhere.prefix

    # --- called by the wrapped clients and by Locust's events -----------------------------------

    def sent(
        self,
        user: User | None,
        start: float,
        traceparent: Any = "",
        named: tuple[str, str] = _UNNAMED,
        url: str = "",
    ) -> int:
        """Count a request that is sent; returns its number.

        The intended start of an iteration's first request is that of the iteration. For later
        requests, and in the closed model, it is the real start: they have no other.

        Args:
            user: The user that sends the request.
            start: The real start.
            traceparent: The header of the request.
            named: Its method and its name in the locustfile.
            url: Its URL; empty if it is not known.
        """
        if not url.startswith(self._prefix):
            self.elsewhere.count_sent(url)
        self.started = number = self.started + 1
        intended = user.__dict__.pop(INTENDED, start) if user is not None else start
        self.in_flight[number] = (start, intended, traceparent, named, user)
        self._starts.append(start)
        return number

    def settle(
        self,
        number: int,
        method: str,
        name: str,
        service: float,
        length: int = 0,
        *,
        failed: bool,
        response: object = None,
        error: object = None,
        raised: object = None,
        receipt: Receipt | None = None,
        size: int = 0,
    ) -> None:
        """Record the outcome of a request, and its times.

        Args:
            number: The number that `sent` returned; only its first outcome counts.
            method: The type of the request, e.g. "GET".
            name: Its name in the locustfile.
            service: Seconds from the real start to the response.
            length: Bytes of the body of its response.
            failed: Whether it is a failure for Locust or the locustfile.
            response: Its response, if there is one.
            error: Why it failed; None when an exception of the locustfile made it a failure.
            raised: The exception of a with-block or of the client, which Locust does not report.
            receipt: That of the response, if `service` comes from it.
            size: Bytes of the request, head and body.
        """
        if self.closed:
            return
        sent = self.in_flight.pop(number, None)
        if sent is None:
            return
        if self._watches:
            self._watches.pop(number, None)
        self.recorded += 1
        self.response_bytes += length
        self.request_bytes += size
        request = None
        if response is not None:
            # Only an instrumentation of `requests` replaces our traceparent; a response of FastUser
            # would first have to create the request object.
            if isinstance(response, Response):
                request = getattr(response, "request", None)
            if note_outcome(sent[4], (method, name), response, error):
                self.any_failed = True
        elif (error is not None or self.any_failed) and note_outcome(
            sent[4], (method, name), response, error
        ):
            self.any_failed = True
        if failed:
            self._failures.add(
                *(self._name_of(method, name), (sent[1] - self.origin) // 1.0, sent[1]),
                traceparent=sent[2],
                response=response,
                error=error,
                raised=raised,
            )
        self._outcomes.append((sent, method, name, service, failed, request, receipt))
        if len(self._outcomes) >= BATCH:
            self._sort_in()

    def watch(self, number: int, response: object) -> None:
        """Watch an answered request whose outcome a with-block decides."""
        self._watches[number] = watch(response, lambda: self.lose(number))

    def timed(self, number: int, milliseconds: float) -> tuple[float, Receipt | None, int]:
        """As `watches.timed`, for a request by its number, with the bytes of the request."""
        watched, sent = self._watches.get(number), self.in_flight.get(number)
        start = math.inf if sent is None else sent[0]
        size = get_sent() if watched is None else watched.sent
        return *timed(watched, start, milliseconds), size

    def lose(self, number: int) -> None:
        """Count a request as ended without an outcome."""
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
        """Listen to Locust's request event; named arguments take less time than collected ones."""
        # Removed, so that listeners of the locustfile get the context without it.
        number = context.pop(SENT, None) if context else None
        length = response_length if isinstance(response_length, int) else 0
        if number is None:
            self._count_ended(request_type, name, response_time, length, exception)
            return
        if response_time is None:
            sent = self.in_flight.get(number)
            response_time = (time.monotonic() - sent[0]) * 1000 if sent else 0.0
        seconds, receipt, size = self.timed(number, response_time)
        self.settle(
            number,
            request_type,
            name,
            seconds,
            length,
            failed=exception is not None,
            response=response,
            error=exception,
            receipt=receipt,
            size=size,
        )

    def _count_ended(
        self, method: str, name: str, milliseconds: float | None, length: int, error: object
    ) -> None:
        """Count a request of a client that is not wrapped, at its end."""
        if method not in self._types and len(self._types) < MAX_TYPES:
            self._types.add(method)
            self.on_notice(
                f"requests of type {method!r} are counted when they end: requests that never end "
                "are neither in flight nor lost, and harness cannot add a traceparent to them"
            )
        user = next(iter(getattr(gevent.getcurrent(), "args", None) or ()), None)
        seconds = None
        if milliseconds is not None and math.isfinite(milliseconds):
            seconds = float(milliseconds) / 1000  # a client may report a Decimal, or one of numpy
        start = self._claims.start_of((method, name), seconds or 0.0, self.on_notice)
        number = self.sent(user if isinstance(user, User) else None, start, "", (method, name))
        if seconds is None:
            self.lose(number)
        else:
            self.request_bytes_known = False
            self.settle(
                number, method, name, seconds, length, failed=error is not None, error=error
            )

    # --- called by the agent and the open model -------------------------------------------------

    def reading(self, what: str, moment: float, seconds: float) -> None:
        """Record a reading of the generator itself, such as a lag, in the second of `moment`."""
        self._lags.append((what, moment, seconds))
        if len(self._lags) >= BATCH:
            self._sort_in()

    def add_unanswered(self) -> None:
        """Count how long each request without an answer has waited; the drain is over.

        An answered request whose outcome a with-block decides has no wait: it is only in flight.
        """
        now = time.monotonic()
        for number, (start, intended, _, named, _) in self.in_flight.items():
            if number not in self._watches:
                pair = self._name_of(*named)
                self._add_wait(UNANSWERED_LATENCY, pair, intended, now - intended)
                self._add_wait(UNANSWERED_SERVICE_TIME, pair, intended, now - start)

    def add_unstarted(self, dues: Iterable[float]) -> None:
        """Count how long arrivals have waited that no user took; the drain is over."""
        now = time.monotonic()
        for due in dues:
            self._add_wait(UNSTARTED_LATENCY, _UNNAMED, due, now - due)

    def _add_wait(self, what: str, pair: tuple[str, str], due: float, seconds: float) -> None:
        key = (what, *pair, int((due - self.origin) // 1.0))
        counts = self._ended.setdefault(key, {})
        bucket = bucket_of(seconds)
        counts[bucket] = counts.get(bucket, 0) + 1

    def rebase(self, t0: float, window_start: float) -> None:
        """Count seconds from the start of the window; earlier requests go before `t0`."""
        self._sort_in()
        last = math.ceil(t0 - window_start) - 1
        shift = self.origin - window_start
        for series in self._series.values():
            series.rebase(shift, last)
            series.slowest = Slowest(sampling=self._sampling)
        self._failures.rebase(shift, last)
        self.origin = window_start

    def take_cells(self) -> tuple[Cell, ...]:
        """All cells recorded since the last call."""
        self._sort_in()
        cells = [cell for series in self._series.values() for cell in series.take_cells()]
        readings, self._readings = self._readings, {}
        for what, of_seconds in readings.items():
            cells += [Cell(what, "", "", "", int(s), c) for s, c in of_seconds.items()]
        ended, self._ended = self._ended, {}
        cells += [Cell(what, "", m, n, s, counts) for (what, m, n, s), counts in ended.items()]
        return tuple(cells)

    def take_slowest(self) -> tuple[Slow, ...]:
        """The slowest requests of the window that earlier calls have not returned."""
        self._sort_in()
        return tuple(slow for series in self._series.values() for slow in series.slowest.take())

    def take_failures(self) -> tuple[Failures, ...]:
        """The failed requests that earlier calls have not returned, by endpoint and kind."""
        return self._failures.take()

    def burst_requests(self) -> int:
        """Requests in the busiest twentieth of each second, summed over all seconds so far."""
        self._sort_in()
        return self._burst_meter.total

    def oldest(self) -> float:
        """Age of the oldest unanswered request in seconds; 0 when there is none."""
        for number, (start, *_) in self.in_flight.items():
            if number not in self._watches:
                return time.monotonic() - start
        return 0.0

    def _sort_in(self) -> None:
        starts, self._starts = self._starts, []
        self._burst_meter.count(starts)
        lags, self._lags = self._lags, []
        for what, moment, seconds in lags:
            of_seconds = self._readings.setdefault(what, {})
            counts = of_seconds.setdefault((moment - self.origin) // 1.0, {})
            bucket = bucket_of(seconds)
            counts[bucket] = counts.get(bucket, 0) + 1
        outcomes, self._outcomes = self._outcomes, []
        known, origin = self._series, self.origin
        for sent, method, name, service, failed, request, receipt in outcomes:
            start, intended, traceparent, _, _ = sent
            key = (method, name, failed)
            series = known.get(key) or self._admit(method, name, failed=failed)
            second = (intended - origin) // 1.0
            latencies, services, delays = series.seconds.get(second) or series.begin(second)
            bucket = bucket_of(service)
            services[bucket] = services.get(bucket, 0) + 1
            latency = service
            if start != intended:
                latency = service + start - intended
                bucket = bucket_of(latency)
            latencies[bucket] = latencies.get(bucket, 0) + 1
            if receipt is not None:
                bucket = coarse_bucket_of(receipt[1] - receipt[0])
                delays[bucket] = delays.get(bucket, 0) + 1
            if latency > series.slowest.bar and second >= 0:
                of = (series.method, series.name, ERROR if failed else OK, latency, service)
                series.slowest.offer(Slow(intended, *of, *trace_of(traceparent, request)))

    def _admit(self, method: object, name: object, *, failed: bool) -> RequestSeries:
        """The series of a new key: its own, or the common one of all keys above the limit."""
        pair = self._name_of(method, name)
        key = (*pair, failed)
        if key not in self._series:
            slowest = Slowest(sampling=self._sampling)
            self._series[key] = RequestSeries(*pair, slowest, failed=failed)
        return self._series[key]

    def _name_of(self, method: object, name: object) -> tuple[str, str]:
        """The method and the name that a request is counted under."""
        pair = (str(method), str(name))
        if pair not in self._names:
            if len(self._names) < MAX_NAMES:
                self._names.add(pair)
            else:
                pair = self._overflow(pair[0])
        return pair

    def _overflow(self, method: str) -> tuple[str, str]:
        if (OTHER, OTHER) not in self._names:
            self._names.add((OTHER, OTHER))
            self.on_notice(
                f"more than {MAX_NAMES} request names; further ones are counted as {OTHER!r}. "
                'Give requests whose URL holds an id one name: client.get(url, name="/items/{id}")'
            )
        return method if len(method) < 20 else OTHER, OTHER
