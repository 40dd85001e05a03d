"""What budgets.yaml means: frozen values in base units; nothing in here knows YAML.

All durations are seconds, rates are per second, ratios 0..1, sizes bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal, assert_never

from harness.names import OK
from harness.units import Unit

Severity = Literal["error", "warn", "off"]
OnNoData = Literal["inconclusive", "fail", "ignore"]
Over = Literal["mean", "max", "last", "growth"]
Direction = Literal["max", "min"]


@dataclass(frozen=True, slots=True)
class Selector:
    """Series of one metric: those whose labels equal all of `where`, summed."""

    metric: str
    where: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """As PromQL writes it."""
        labels = ", ".join(f'{name}="{value}"' for name, value in self.where.items())
        return f"{self.metric}{{{labels}}}" if labels else self.metric

    def part(self, name: Literal["bucket", "sum", "count"]) -> Selector:
        """The series of a part of this histogram or summary, with the same labels."""
        return Selector(f"{self.metric}_{name}", self.where)


@dataclass(frozen=True, slots=True)
class Latency:
    """Client-side latency of a request: a quantile, or the mean when `quantile` is None.

    Attributes:
        quantile: 0 < quantile <= 1, or None for the mean.
        request: "METHOD name" as the locustfile names it; None is every request.
        of: `latency` counts from the intended start, `service_time` from the real one.
        outcome: Which requests count: those that succeeded ("ok"), failed, or all.
    """

    quantile: float | None = 0.95
    request: str | None = None
    of: Literal["latency", "service_time"] = "latency"
    outcome: Literal["ok", "error", "all"] = OK


@dataclass(frozen=True, slots=True)
class ErrorRatio:
    """Failed requests over all requests, as the client saw them."""

    request: str | None = None


@dataclass(frozen=True, slots=True)
class Throughput:
    """Requests answered successfully per second of the window."""

    request: str | None = None


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile of a histogram over the window."""

    histogram: Selector
    quantile: float


@dataclass(frozen=True, slots=True)
class Mean:
    """Sum over count of a histogram or summary over the window."""

    histogram: Selector


@dataclass(frozen=True, slots=True)
class Ratio:
    """Increase of one counter over the increase of another."""

    of: Selector
    to: Selector


@dataclass(frozen=True, slots=True)
class Rate:
    """Increase of a counter per second, divided by the mean of gauge `to` when there is one."""

    counter: Selector
    to: Selector | None = None


@dataclass(frozen=True, slots=True)
class Gauge:
    """A gauge over the window; `growth` is last minus first."""

    gauge: Selector
    over: Over = "mean"


@dataclass(frozen=True, slots=True)
class Utilization:
    """A gauge over a gauge, sample by sample."""

    of: Selector
    to: Selector
    over: Over = "mean"


@dataclass(frozen=True, slots=True)
class Promql:
    """An expression for a Prometheus server; `{window}` in it becomes the window's length."""

    query: str


Indicator = (
    Latency
    | ErrorRatio
    | Throughput
    | Quantile
    | Mean
    | Ratio
    | Rate
    | Gauge
    | Utilization
    | Promql
)
CLIENT_SIDE = (Latency, ErrorRatio, Throughput)


def selectors(indicator: Indicator) -> tuple[Selector, ...]:
    """What an indicator reads of the service, its subject first; empty where it reads nothing."""
    match indicator:
        case Quantile(histogram=selector) | Mean(histogram=selector):
            return (selector,)
        case Ratio(of=of, to=to) | Utilization(of=of, to=to):
            return (of, to)
        case Rate(counter=selector) | Gauge(gauge=selector):
            return (selector,)
        case Latency() | ErrorRatio() | Throughput() | Promql():
            return ()
        case _:
            assert_never(indicator)


@dataclass(frozen=True, slots=True)
class Waiver:
    """A breach that is accepted until a date; the budget then only warns."""

    until: date
    reason: str


@dataclass(frozen=True, slots=True)
class Alert:
    """The production bound of a budget, for Prometheus."""

    bound: float
    hold: float  # seconds it must last, `for` in YAML
    severity: Literal["info", "warning", "critical"]
    keep_firing_for: float = 0.0


@dataclass(frozen=True, slots=True)
class Objective:
    """The share of events that keep within the bound, over a window of days.

    Attributes:
        share: E.g. 0.999. What is left of 1 is the error budget.
        window: Seconds.
    """

    share: float
    window: float


@dataclass(frozen=True, slots=True)
class Budget:
    """An indicator with a bound.

    Attributes:
        bound: In `unit`.
        direction: "max" when the value must not exceed the bound, "min" when it must reach it.
        max_regression: Tolerated relative worsening in a paired comparison, e.g. 0.1.
        min_samples: Fewer samples than this are no data.
        scenarios: Names of the scenarios it applies to; empty is all.
        abort: Stop the load as soon as the breach is certain.
        abort_after: Seconds of the window that are waited for before that is asked.
        line: Line in budgets.yaml, for annotations.
    """

    name: str
    indicator: Indicator
    unit: Unit
    bound: float
    direction: Direction
    description: str = ""
    max_regression: float | None = None
    severity: Severity = "error"
    on_no_data: OnNoData = "inconclusive"
    min_samples: int = 1
    scenarios: tuple[str, ...] = ()
    alert: Alert | None = None
    objective: Objective | None = None
    waiver: Waiver | None = None
    abort: bool = False
    abort_after: float = 0.0
    runbook: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Stage:
    """An arrival rate for some seconds.

    Attributes:
        rate: Arrivals per second; at the end of the stage when it is a ramp.
        start_rate: None for a constant rate; otherwise the rate changes linearly from this one.
    """

    rate: float
    seconds: float
    start_rate: float | None = None


@dataclass(frozen=True, slots=True)
class OpenWorkload:
    """Arrivals come on schedule, whether or not answers do.

    Attributes:
        stages: In order. Nothing arrives after the last one.
        arrivals: `poisson` draws exponential gaps, `even` spaces them equally.
        seed: Two runs with one seed get the same arrival times.
        max_users: Size of the pool of Locust users that serve the arrivals.
        when_exhausted: What an arrival does that finds no idle user: `queue` waits for one, `grow`
            waits too and starts one more user until there are `max_users`, `drop` is counted and
            never begins.
        min_users: Users that `grow` starts with.
    """

    stages: tuple[Stage, ...]
    arrivals: Literal["poisson", "even"] = "poisson"
    seed: int = 1
    max_users: int = 100
    when_exhausted: Literal["queue", "grow", "drop"] = "queue"
    min_users: int = 10

    @property
    def seconds(self) -> float:
        """How long the arrivals last."""
        return sum(stage.seconds for stage in self.stages)


@dataclass(frozen=True, slots=True)
class UserStage:
    """A number of users for some seconds.

    Attributes:
        users: How many; at the end of the stage when it is a ramp.
        start_users: None to hold that number; otherwise users start or stop one by one, at equal
            distances, from this number on.
    """

    users: int
    seconds: float
    start_users: int | None = None


@dataclass(frozen=True, slots=True)
class ClosedWorkload:
    """Users that wait for their answers.

    Attributes:
        stages: In order. There are no users after the last one.
    """

    stages: tuple[UserStage, ...]
    seed: int = 1

    @property
    def seconds(self) -> float:
        """How long the users work."""
        return sum(stage.seconds for stage in self.stages)


@dataclass(frozen=True, slots=True)
class ShapeWorkload:
    """Closed model, whose number of users a `LoadTestShape` of the locustfile says.

    Attributes:
        shape: The name of that class.
    """

    shape: str
    seed: int = 1


Workload = OpenWorkload | ClosedWorkload | ShapeWorkload


@dataclass(frozen=True, slots=True)
class Load:
    """A locustfile with a workload.

    Attributes:
        locustfile: Resolved against the folder of budgets.yaml.
        name: Empty when it is the scenario's only one.
        start: Seconds after the scenario's start at which its workload begins.
    """

    locustfile: Path
    workload: Workload
    name: str = ""
    start: float = 0.0
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One or several loads at once, for a time.

    The scenario lasts `warm_up + duration` seconds; the window is the last `duration` of them.

    Attributes:
        drain: Longest wait for requests in flight after the last arrival, seconds.
        workers: Locust processes for each load: 1 is a single process, more are workers with a
            master; None is as many as the machine has cores to spare.
        trace_ratio: Share of the requests whose traceparent asks the service to record a trace.
        settles: Whether the window starts where the latency has settled, which is found afterwards;
            until then `warm_up` is half of the duration.
        planned: Seconds of the window after which the run ends as soon as every budget is decided;
            before, it does where none needs the whole of them. None always lasts `duration`.
    """

    name: str
    loads: tuple[Load, ...]
    warm_up: float
    duration: float
    drain: float = 30.0
    workers: int | None = 1
    trace_ratio: float = 0.05
    auto_warm_up: bool = False
    planned: float | None = None

    @property
    def seconds(self) -> float:
        """How long the load lasts."""
        return self.warm_up + self.duration


@dataclass(frozen=True, slots=True)
class Target:
    """The service under load.

    `{port}` may stand in `command`, `url`, `metrics` and values of `environment`; `{side}`, which
    is "baseline" or "candidate", in `command`, `setup` and values of `environment`.

    Attributes:
        command: Shell words that start it; None tests a service that already runs.
        url: Base URL, without a trailing slash.
        ready: Path or URL that answers 2xx once the service is ready; None only waits for the port.
        metrics: Paths or URLs to scrape, one per replica; empty when there are none.
        scrape_interval: Seconds; None is as short as the cost of a scrape allows.
        environment: Added to the environment of the command.
        directory: Where the command runs: the folder of budgets.yaml.
    """

    url: str
    command: str | None = None
    setup: str | None = None
    ready: str | None = None
    metrics: tuple[str, ...] = ()
    scrape_interval: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_timeout: float = 30.0
    stop_timeout: float = 10.0
    directory: Path = field(default_factory=Path)


@dataclass(frozen=True, slots=True)
class Selftest:
    """A mistake that is planted on purpose, and what must notice it.

    Attributes:
        environment: Added to the target's environment: what plants the mistake.
        scenario: The scenario that is run.
        breaks: Budgets that must be breached; empty when the run must end unjudged instead.
        description: The mistake in a sentence.
    """

    name: str
    environment: Mapping[str, str]
    scenario: str
    breaks: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole of budgets.yaml.

    Attributes:
        selftests: Planted mistakes by name, for `harness selftest`.
        runbooks: The URL that pages named after alerts lie under; empty when there are none.
        source: The file's path as given.
        text: The file's content, verbatim, so that a run folder can keep it.
    """

    service: str
    target: Target | None
    scenarios: Mapping[str, Scenario]
    budgets: tuple[Budget, ...]
    source: Path
    text: str
    selftests: Mapping[str, Selftest] = field(default_factory=dict)
    runbooks: str = ""

    def budgets_of(self, scenario: str) -> tuple[Budget, ...]:
        """The budgets that are judged in a scenario, in the file's order, without those off."""
        return tuple(
            b
            for b in self.budgets
            if b.severity != "off" and (not b.scenarios or scenario in b.scenarios)
        )
