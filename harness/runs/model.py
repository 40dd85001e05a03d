"""What a run folder holds, as values: the manifest, latency distributions and metric series.

Times are seconds since the epoch on the clock of the machine that ran the harness.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import ceil
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    field_validator,
    model_validator,
)

from harness.names import ROLES
from harness.runs.cells import Cell
from harness.runs.records.failed import FailureKind

MOST = 10**15  # of anything that a run counts; a float holds it exactly
_LONGEST = 40 * 86_400.0  # seconds of a window; budgets.yaml allows 30 days
RANK_NOISE = 1e-9  # float noise of q * n where it is a whole number
LAST_MOMENT = 253_402_300_799  # the end of the year 9999, the last one of `datetime`
Count = Annotated[int, Field(le=MOST)]
Status = Literal["running", "complete", "interrupted", "failed", "aborted"]


def batch_seconds(window: float) -> int:
    """Seconds of a batch of a window: whole ones, as latency.hlog counts.

    What makes one request slow makes its neighbours slow, but not those of most other batches. A
    short window has shorter ones, because fewer than five do not show how they vary.
    """
    return 2 if window >= 10 else 1


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Epoch = Annotated[float, Field(ge=0, le=LAST_MOMENT)]


class Clock(_Record):
    """The run's moments, seconds since the epoch; None when the run did not get there.

    All times of the folder are of one clock, which nobody sets (`harness.runs.clock`).
    """

    created: Epoch
    started: Epoch | None = None  # the first arrival is due at or after this moment
    window_start: Epoch | None = None
    window_end: Epoch | None = None
    drained: Epoch | None = None  # the last answer was recorded, or given up, before this moment
    step: FiniteFloat | None = None  # largest distance of the machine's clock from it, seconds

    @property
    def zero(self) -> float | None:
        """Time 0 of reports: the start of the window, or of the load without a window."""
        return self.started if self.window_start is None else self.window_start

    @model_validator(mode="after")
    def _check_window(self) -> Clock:
        start, end = self.window_start, self.window_end
        if start is not None and end is not None and end - start > _LONGEST:
            raise ValueError("its window is longer than a run can be")
        return self


class Requests(_Record):
    """The generator's account: `started == recorded + in_flight + lost` at all times.

    `asked`, `sent` and `dropped` count iterations of the open model, each of which makes one or
    more requests; they are zero in the closed model. `cut` counts iterations that an exception cut
    short after a failed request.
    """

    asked: Count = 0
    sent: Count = 0
    dropped: Count = 0
    started: Count = 0
    recorded: Count = 0
    in_flight: Count = 0
    lost: Count = 0
    late: Count = 0
    cut: Count = 0


class Settled(_Record):
    """Where the latency had settled.

    Attributes:
        cut: Seconds after the start of the load; None when it never did.
        limit: Latency in seconds up to which a second counts as settled; None without requests.
    """

    cut: float | None
    limit: float | None


class Worker(_Record):
    """A Locust worker of a distributed run.

    Attributes:
        name: "worker-1" and so on, as in the label `source` of its series.
        versions: Of locust, gevent and python.
        offset: Its monotonic clock minus that of the harness, seconds; None when never measured.
        round_trip: Of the message that measured it, seconds; the offset is known to half of that.
        drift: Largest change of the offset during the run, seconds.
        lost: Why it was lost, empty when it lived to the end; `lost_at` is when.
    """

    name: str
    host: str = ""
    pid: int = 0
    versions: dict[str, str] = Field(default_factory=dict)
    offset: float | None = None
    round_trip: FiniteFloat | None = None
    drift: FiniteFloat = 0.0
    lost: str = ""
    lost_at: Epoch | None = None


class FileDigest(_Record):
    """What a file of the run was when it ended; `size` is in bytes."""

    size: int
    sha256: str


class Manifest(BaseModel):
    """run.json: what was run, on what, when, and how it ended.

    Attributes:
        status: `running` in a folder that no harness finished.
        reason: Why the run is not complete; empty when it is.
        scenario: The scenario as it was run, options of the command line included.
        target: url, command, metrics urls, whether the harness started it, its exit code.
        requests: The final account, all generators together.
        workers: Of a distributed run; empty when one process made the load.
        notices: What a person should know about the load, e.g. what could not be recorded.
        aborted_by: The budget whose certain breach stopped the load; empty otherwise.
        user_errors: Exceptions that ended or disturbed a Locust user, the first few.
        consequences: Those of them that followed a failed request of the same task.
        locustfile_exit_code: That the locustfile set; None if it set none.
        settled: Of a scenario whose warm-up is as long as the latency needs; else None.
        noise: Standard deviation of the logarithm of a budget's value from start to start, by the
            budget's name, as calibration found it on this machine.
        files: The evidence files by name, written when the run ended; None before that, and in
            folders of older versions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_version: int = Field(1, alias="schema", serialization_alias="schema")
    harness_version: str
    status: Status = "running"
    reason: str = ""
    service: str
    scenario: dict[str, Any]
    target: dict[str, Any]
    clock: Clock
    requests: Requests = Requests()
    user_errors: tuple[str, ...] = ()
    consequences: tuple[str, ...] = ()
    locustfile_exit_code: int | None = None
    workers: tuple[Worker, ...] = ()
    notices: tuple[str, ...] = ()
    aborted_by: str = ""
    settled: Settled | None = None
    noise: dict[str, float] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    host: dict[str, Any] = Field(default_factory=dict)
    git: dict[str, Any] = Field(default_factory=dict)
    files: dict[str, FileDigest] | None = None

    @field_validator("scenario")
    @classmethod
    def _check_scenario(cls, scenario: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(scenario.get("name"), str):
            raise ValueError("it has no name")
        return scenario

    @property
    def scenario_name(self) -> str:
        """The scenario's name, as in budgets.yaml."""
        return str(self.scenario["name"])

    @property
    def roles(self) -> object:
        """What plays each role in the service's metrics, for `harness.budgets.presets`."""
        return self.target.get(ROLES)

    @property
    def never_began(self) -> bool:
        """Whether the run ended before its load began: there is nothing to judge."""
        return self.clock.started is None and self.status in {"running", "failed", "interrupted"}


class LatencyKey(NamedTuple):
    """Which requests a distribution is of.

    Attributes:
        what: names.LATENCY, SERVICE_TIME or RECEIVE_LAG; UNANSWERED_LATENCY or
            UNANSWERED_SERVICE_TIME, which have no outcome; UNSTARTED_LATENCY; or a generator
            reading (START_LAG, SCHEDULER_LAG, GENERATOR_LOOP_LAG, GENERATOR_CANARY), for which the
            other fields are empty, but for the generator's `name` where there are several:
            "worker-1".
        outcome: names.OK or ERROR.
        method: "GET", or whatever a non-HTTP client reports as its request type.
        name: The name of the request in the locustfile.
    """

    what: str
    outcome: str = ""
    method: str = ""
    name: str = ""

    @classmethod
    def of(cls, cell: Cell) -> LatencyKey:
        """The key of the times of a cell."""
        return cls(cell.what, cell.outcome, cell.method, cell.name)

    @property
    def request(self) -> str:
        """As budgets.yaml names it: "GET /contacts"."""
        return f"{self.method} {self.name}".strip()


@dataclass(frozen=True, slots=True)
class Distribution:
    """Recorded values with their counts: ascending seconds, each with a count above zero."""

    values: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many values were recorded."""
        return sum(self.counts)

    @property
    def mean(self) -> float | None:
        """Arithmetic mean in seconds; None when empty."""
        total = self.count
        if not total:
            return None
        return sum(v * c for v, c in zip(self.values, self.counts, strict=True)) / total

    def quantile(self, q: float) -> float | None:
        """The smallest recorded value that at least `q` of all values do not exceed.

        The order statistic of rank ceil(q n) (Hyndman & Fan 1996, definition 1); None when empty.
        """
        return self.quantiles((q,))[0] if self.counts else None

    def quantiles(self, qs: Iterable[float]) -> list[float]:
        """The quantiles of values of which there is at least one."""
        cumulative = list(accumulate(self.counts))
        ranks = (max(1, ceil(q * cumulative[-1] - RANK_NOISE)) for q in qs)
        return [self.values[bisect_right(cumulative, rank - 1)] for rank in ranks]

    def share_over(self, bound: float) -> float | None:
        """Share of the values above `bound`; None when empty."""
        total = self.count
        if not total:
            return None
        return sum(self.counts[bisect_right(self.values, bound) :]) / total

    @classmethod
    def merge(cls, parts: Iterable[Distribution]) -> Distribution:
        """All values of all parts."""
        parts = tuple(parts)
        if len(parts) == 1:
            return parts[0]
        counts: dict[float, int] = {}
        for part in parts:
            for value, count in zip(part.values, part.counts, strict=True):
                counts[value] = counts.get(value, 0) + count
        ordered = sorted(counts)
        return cls(tuple(ordered), tuple(counts[v] for v in ordered))


@dataclass(frozen=True, slots=True)
class Series:
    """One time series: ascending times with the value at each."""

    name: str
    labels: Mapping[str, str]
    times: tuple[float, ...]
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class SlowRequest:
    """One of the slowest requests of its endpoint.

    Attributes:
        at: When it was meant to start, seconds since the epoch.
        request: As budgets.yaml names it: "GET /contacts".
        outcome: names.OK or ERROR.
        latency: Seconds from `at`; `service_time` from its real start.
        trace_id: 32 hexadecimal digits; empty when it carried none.
        sampled: Whether its traceparent asked the service to record the trace.
        source: Which of several generators sent it; empty when there is one.
    """

    at: float
    request: str
    outcome: str
    latency: float
    service_time: float
    trace_id: str = ""
    sampled: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """The answers of a Prometheus server about one budget.

    Attributes:
        server: Its URL.
        found: Series (their labels and value) by the kind of query (`names.ASKED_...`).
        problem: Why there is no answer; empty when there is one.
    """

    server: str
    found: Mapping[str, Sequence[tuple[Mapping[str, str], float]]]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that judging and reporting need from a run folder.

    Attributes:
        latency: Distributions of the requests that were due within the window.
        batches: The same, for each `batch_seconds` of the window by their number from 0.
        series: Every stored series, whole run. A scrape stands exactly at each edge of the window.
        slowest: The slowest requests of the window, a few of each endpoint, the slowest first.
        answers: By the budget's name, where a Prometheus server answered about it.
        recorded: How many requests latency.hlog holds, the warm-up included; None where that is not
            known, e.g. while the run goes on.
        changed: A sentence on each file that is not what it was when the run ended; None when
            run.json does not say what it was.
        iterations: How many iterations were scheduled, and how many started, by latency.hlog; the
            warm-up is included, and None is as above.
        unanswered: How many requests without an answer latency.hlog holds, the warm-up included.
        failures: Failed requests by kind, the most frequent in the window first.
        failed: How many failed requests latency.hlog holds, and how many failures.jsonl; None
            without failures.jsonl, or while the run goes on.
        logged: Whether the service, started by the harness, wrote anything to target.log.
        kept: Results of guards that are needed again, by a name; a copy starts without any.
    """

    manifest: Manifest
    latency: Mapping[LatencyKey, Distribution]
    series: tuple[Series, ...]
    slowest: tuple[SlowRequest, ...] = ()
    batches: Mapping[LatencyKey, Mapping[int, Distribution]] = field(default_factory=dict)
    answers: Mapping[str, ServerAnswer] = field(default_factory=dict)
    recorded: int | None = None
    changed: tuple[str, ...] | None = None
    iterations: tuple[int, int] | None = None
    unanswered: int = 0
    failures: tuple[FailureKind, ...] = ()
    failed: tuple[int, int] | None = None
    logged: bool = False
    kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)


class Progress(NamedTuple):
    """What the live line shows, about once a second.

    Attributes:
        phase: "starting", "warm-up", "measuring" or "draining".
        elapsed: Seconds since the load started.
        total: Seconds that the load is to last.
        asked_rate: Iterations per second that the schedule wants now; None in the closed model.
        rate: Requests recorded per second, of the last second.
        p95: Seconds, of the requests recorded in the last seconds; None when there were none.
        errors: Failed requests so far.
        in_flight: Requests sent and not answered yet.
        budgets: Those that can be decided while the load goes on, with their outcome; it is empty
            for what is not decided yet.
    """

    phase: str
    elapsed: float
    total: float
    asked_rate: float | None
    rate: float
    p95: float | None
    errors: int
    in_flight: int
    budgets: tuple[tuple[str, str], ...] = ()
