"""What budgets.yaml means: frozen values in base units; nothing in here knows YAML.

All durations are seconds, rates are per second, ratios 0..1, sizes bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

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


# --- indicators from the load generator -------------------------------------------------------


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


# --- indicators from the service's metrics ----------------------------------------------------


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


# --- budgets ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alert:
    """The production bound of a budget, for Prometheus."""

    bound: float
    hold: float  # seconds it must last, `for` in YAML
    severity: Literal["info", "warning", "critical"]
    keep_firing_for: float = 0.0


@dataclass(frozen=True, slots=True)
class Waiver:
    """A breach that is accepted until a date; the budget then only warns."""

    until: date
    reason: str


@dataclass(frozen=True, slots=True)
class Budget:
    """An indicator with a bound.

    Attributes:
        bound: In `unit`.
        direction: "max" when the value must not exceed the bound, "min" when it must reach it.
        max_regression: Tolerated relative worsening in a paired comparison, e.g. 0.1.
        min_samples: Fewer samples than this are no data.
        scenarios: Names of the scenarios it applies to; empty is all.
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
    waiver: Waiver | None = None
    runbook: str = ""
    line: int = 0


# --- scenarios and target -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stage:
    """A constant arrival rate for some seconds."""

    rate: float
    seconds: float


@dataclass(frozen=True, slots=True)
class OpenWorkload:
    """Arrivals come on schedule, whether or not answers do.

    Attributes:
        stages: In order; together they last as long as the load.
        arrivals: `poisson` draws exponential gaps, `even` spaces them equally.
        seed: Two runs with one seed get the same arrival times.
        max_users: Size of the pool of Locust users that serve the arrivals.
    """

    stages: tuple[Stage, ...]
    arrivals: Literal["poisson", "even"] = "poisson"
    seed: int = 1
    max_users: int = 100

    @property
    def seconds(self) -> float:
        """How long the arrivals last."""
        return sum(stage.seconds for stage in self.stages)


@dataclass(frozen=True, slots=True)
class ClosedWorkload:
    """A fixed number of users, each waiting for its answers.

    Attributes:
        users: How many, once all have started.
        spawn_rate: Users started per second.
    """

    users: int
    spawn_rate: float
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Scenario:
    """A locustfile with a workload.

    The load lasts `warm_up + duration` seconds; the window is the last `duration` of them.

    Attributes:
        locustfile: Resolved against the folder of budgets.yaml.
        drain: Longest wait for requests in flight after the last arrival, seconds.
    """

    name: str
    locustfile: Path
    workload: OpenWorkload | ClosedWorkload
    warm_up: float
    duration: float
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    drain: float = 30.0


@dataclass(frozen=True, slots=True)
class Target:
    """The service under load.

    `{port}` may stand in `command`, `url`, `metrics` and values of `environment`.

    Attributes:
        command: Shell words that start it; None tests a service that already runs.
        url: Base URL, without a trailing slash.
        ready: Path or URL that answers 2xx once the service is ready; None only waits for the port.
        metrics: Paths or URLs to scrape, one per replica; empty when there are none.
        environment: Added to the environment of the command.
        directory: Where the command runs: the folder of budgets.yaml.
    """

    url: str
    command: str | None = None
    setup: str | None = None
    ready: str | None = None
    metrics: tuple[str, ...] = ()
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

    def budgets_of(self, scenario: str) -> tuple[Budget, ...]:
        """The budgets that are judged in a scenario, in the file's order, without those off."""
        return tuple(
            b
            for b in self.budgets
            if b.severity != "off" and (not b.scenarios or scenario in b.scenarios)
        )
