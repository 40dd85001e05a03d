"""What the evidence of a run says of one indicator over the window: the evidence is read once.

Value, interval, the impact of guards and the wording are functions of an observation. Each kind of
indicator has one class here, which holds its indicator and all that those functions need.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.budgets.model import (
    ErrorRatio,
    Indicator,
    Latency,
    Mean,
    PerRequest,
    Quantile,
    Rate,
    Ratio,
    ServiceIndicator,
    Throughput,
    Utilization,
)
from harness.names import LATENCY, SERVICE_TIME
from harness.runs.model import Distribution

# An amount for each batch of the window, by the batch's number from 0.
Batches = Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which part of an indicator's data was read within the window.

    Attributes:
        series: The series that match, as PromQL writes them; requests for a client-side indicator.
        instances: The scraped instances of these series, or the generator's workers.
        share: Share of the window with data, 0..1, of the instance with the smallest one: of the
            planned scrapes, or of the batches with requests; None when it is not known.
        start: Whether there is data at the window's start, for all instances; None as above.
        end: Whether there is data at the window's end.
        resets: How often counters of a selector fell or vanished, by the selector's text; those
            that never did are left out.
        providers: What read these series: empty for the scraper, or `names.PSUTIL`.
        readings: How often the instance that was read least was read within the window; None as
            above.
        unborn: Counters that no scrape has shown, and that are zero for that reason.
        gaps: The holes in the series although their instance was read, as parts of a sentence.
    """

    series: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    share: float | None = None
    start: bool | None = None
    end: bool | None = None
    resets: Mapping[str, int] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    readings: int | None = None
    unborn: tuple[str, ...] = ()

    @property
    def is_scraped(self) -> bool:
        """Whether it takes a metrics endpoint to read these series, or may take one."""
        return not self.providers or "" in self.providers


@dataclass(frozen=True, slots=True)
class RequestCount:
    """How many requests of one name succeeded, failed, and had no answer at the end."""

    ok: int = 0
    failed: int = 0
    unanswered: int = 0

    @property
    def total(self) -> int:
        """Those whose outcome is known."""
        return self.ok + self.failed

    @property
    def made(self) -> int:
        """All of them."""
        return self.total + self.unanswered


@dataclass(frozen=True, slots=True)
class Waits:
    """Requests without an answer, by the seconds that each had waited: it takes at least so long.

    Attributes:
        latencies: From the intended start.
        service_times: From the real start, of the same requests.
        unstarted: Of arrivals that no user took, because the service kept the users waiting.
        blocked: The users that these arrivals waited for, for people; empty without any.
    """

    latencies: Distribution = field(default_factory=Distribution)
    service_times: Distribution = field(default_factory=Distribution)
    unstarted: Distribution = field(default_factory=Distribution)
    blocked: str = ""

    def of(self, what: str) -> Distribution:
        """All of them, by names.LATENCY or SERVICE_TIME."""
        times = self.latencies if what == LATENCY else self.service_times
        return Distribution.merge((times, self.unstarted))


@dataclass(frozen=True, slots=True)
class ObservedTimes:
    """Times that the load generator recorded, and waits of requests without an answer.

    Attributes:
        times: Of the window, in seconds; with the waits at least one.
        service_times: The service times of the same requests.
        by_request: The times for each request name, where the indicator is on all requests. An
            unanswered request counts as ending at the end of its wait.
        batches: The same for each batch that has some, in the order of time.
        unending: As `batches`, but unanswered requests never end.
        count: The requests of the window, whatever their outcome.
        waits: The requests without an answer.
        width: Seconds of a batch.
        numbers: Of the batches, from 0 at the start of the window.
        by_kernel: How many of the times the kernel took.
    """

    indicator: Latency
    coverage: Coverage
    times: Distribution
    service_times: Distribution
    by_request: Mapping[str, Distribution]
    batches: Sequence[Distribution]
    unending: Sequence[Distribution]
    count: RequestCount
    waits: Waits
    width: int
    numbers: tuple[int, ...]
    by_kernel: int = 0

    @property
    def shortest(self) -> Distribution:
        """The times if each unanswered request ended at the end of its wait."""
        return Distribution.merge((self.times, self.waits.of(self.indicator.of)))

    @property
    def longest(self) -> Distribution:
        """The times if no unanswered request ever ended."""
        return Distribution.merge((self.times, unending(self.waits.of(self.indicator.of))))

    @property
    def shortest_service_times(self) -> Distribution:
        """The service times if each unanswered request ended at the end of its wait.

        The wait of an arrival that no user took is not due to the generator either.
        """
        return Distribution.merge((self.service_times, self.waits.of(SERVICE_TIME)))


def unending(waits: Distribution) -> Distribution:
    """Times of requests that never end."""
    return Distribution((math.inf,), (waits.count,)) if waits.count else Distribution()


@dataclass(frozen=True, slots=True)
class ObservedFailures:
    """Requests that failed, of those that the load generator recorded.

    Attributes:
        count: The requests of the window; at least one was made.
        by_request: The same for each request name, where the indicator is on all requests.
        failed: Failed requests in each batch.
        total: All requests with an outcome in each batch.
        unanswered: Requests without one in each batch.
    """

    indicator: ErrorRatio
    coverage: Coverage
    count: RequestCount
    by_request: Mapping[str, RequestCount]
    failed: Batches
    total: Batches
    unanswered: Batches


@dataclass(frozen=True, slots=True)
class ObservedThroughput:
    """Requests that the load generator recorded, and the seconds of the window."""

    indicator: Throughput
    coverage: Coverage
    count: RequestCount
    seconds: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """Observations of a window by bucket.

    Attributes:
        edges: Upper bounds, ascending; the last is infinite.
        cumulative: How many observations do not exceed each edge.
        source: Where it was measured, for people.
    """

    edges: tuple[float, ...]
    cumulative: tuple[float, ...]
    source: str

    @property
    def count(self) -> float:
        """All observations."""
        return self.cumulative[-1]


@dataclass(frozen=True, slots=True)
class ObservedHistogram:
    """A histogram's observations.

    Attributes:
        batches: Observations that do not exceed an edge, in each batch, by the edge.
        born: By how much the count up to an edge may be too high, because counters appeared within
            the window, by the edge.
    """

    indicator: Quantile
    coverage: Coverage
    histogram: Histogram
    batches: Mapping[float, Batches]
    born: Mapping[float, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ObservedRatio:
    """The increases of two counters, of which the second is above zero.

    Attributes:
        of: Increase of the numerator.
        to: Increase of the denominator.
        of_batches: The increase of the numerator in each batch.
        to_batches: The increase of the denominator in each batch.
        source: Where it was measured, for people.
        of_born: By how much `of` may be too high, because counters appeared within the window.
        to_born: The same of `to`.
    """

    indicator: Mean | Ratio
    coverage: Coverage
    of: float
    to: float
    of_batches: Batches
    to_batches: Batches
    source: str
    of_born: float = 0.0
    to_born: float = 0.0


@dataclass(frozen=True, slots=True)
class ObservedPerRequest:
    """The increase of a counter, and the requests that the load generator recorded.

    Attributes:
        of: Increase of the counter.
        count: The requests of the window; the outcome of at least one is known.
        of_batches: The increase of the counter in each batch.
        to_batches: The requests with an outcome in each batch.
        made_batches: The same, with the requests without an answer.
        source: Where the counter was measured, for people.
        born: By how much `of` may be too high, because counters appeared within the window.
    """

    indicator: PerRequest
    coverage: Coverage
    of: float
    count: RequestCount
    of_batches: Batches
    to_batches: Batches
    made_batches: Batches
    source: str
    born: float = 0.0


@dataclass(frozen=True, slots=True)
class ObservedRate:
    """The increase of a counter per second.

    Attributes:
        per_second: Sum over the series.
        divisor: Mean of the gauge that the rate is divided by, above zero; 1 without one.
        scrapes: Samples of the most frequent series within the window; of a counter that is born
            after it, those of its instance.
        increases: In each batch.
        seconds: Between the scrapes at the ends of each batch.
        source: Where it was measured, for people.
        born: By how much `per_second` may be too high, because counters appeared within the window.
    """

    indicator: Rate
    coverage: Coverage
    per_second: float
    divisor: float
    scrapes: int
    increases: Batches
    seconds: Batches
    source: str
    born: float = 0.0


@dataclass(frozen=True, slots=True)
class ObservedExact:
    """A value that is exact for the run, such as the peak of a gauge: it has no interval."""

    indicator: ServiceIndicator
    coverage: Coverage
    value: float
    samples: int
    source: str


@dataclass(frozen=True, slots=True)
class ObservedUtilization:
    """Readings of a gauge divided by those of its limit, by instance; each has at least one."""

    indicator: Utilization
    coverage: Coverage
    shares: Mapping[str, tuple[float, ...]]
    source: str


@dataclass(frozen=True, slots=True)
class NothingObserved:
    """No data.

    Attributes:
        source: Where data was looked for, for people.
        reason: Why there is none, and what to do.
    """

    indicator: Indicator
    coverage: Coverage
    source: str
    reason: str


OwnObservation = (
    ObservedTimes
    | ObservedFailures
    | ObservedThroughput
    | ObservedHistogram
    | ObservedRatio
    | ObservedPerRequest
    | ObservedRate
    | ObservedExact
    | ObservedUtilization
    | NothingObserved
)


@dataclass(frozen=True, slots=True)
class ObservedAnswer:
    """The answer of a Prometheus server.

    Attributes:
        found: The value, or for a quantile the histogram.
        samples: Events or scrapes behind it.
        scrapes: Samples within the window of the series that has most.
        own: What the harness's own scrapes say of the same indicator.
        scatter: The value of a kind over counters, with what the server counted in each part of the
            window; None for other kinds.
    """

    indicator: ServiceIndicator
    coverage: Coverage
    found: float | ObservedHistogram
    samples: int
    scrapes: int
    own: OwnObservation
    scatter: OwnObservation | None = None


Observation = OwnObservation | ObservedAnswer
