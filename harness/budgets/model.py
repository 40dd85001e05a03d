"""The model of budgets.yaml: frozen values in base units, without any YAML.

All durations are seconds, rates are per second, ratios 0..1, sizes bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal, assert_never

from harness.budgets.selector import Selector as Selector  # noqa: PLC0414 - a part of the model
from harness.budgets.workload import CapacityOptions, Workload
from harness.names import OK
from harness.units import Unit

Severity = Literal["error", "warn", "off"]
OnNoData = Literal["inconclusive", "fail", "ignore"]
Over = Literal["mean", "max", "last", "growth"]
Direction = Literal["max", "min"]
Decide = Literal["interval", "value"]
MILLISECONDS: Final = 0.001  # the scale of a metric in milliseconds


@dataclass(frozen=True, slots=True)
class Latency:
    """Client-side latency of a request: a quantile, or the mean when `quantile` is None.

    Attributes:
        quantile: 0 < quantile <= 1, or None for the mean.
        request: "METHOD name" as the locustfile names it; None is every request.
        of: `latency` counts from the intended start, `service_time` from the real one.
        outcome: Which requests count: successful ones ("ok"), failed ones ("error"), or all.
    """

    quantile: float | None = 0.95
    request: str | None = None
    of: Literal["latency", "service_time"] = "latency"
    outcome: Literal["ok", "error", "all"] = OK


@dataclass(frozen=True, slots=True)
class ErrorRatio:
    """Failed requests divided by all requests, as the client counts them."""

    request: str | None = None


@dataclass(frozen=True, slots=True)
class Throughput:
    """Successful requests per second of the window."""

    request: str | None = None


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile of a histogram over the window."""

    histogram: Selector
    quantile: float


@dataclass(frozen=True, slots=True)
class Mean:
    """Sum divided by count of a histogram or summary over the window."""

    histogram: Selector


@dataclass(frozen=True, slots=True)
class Ratio:
    """Increase of one counter divided by the increase of another."""

    of: Selector
    to: Selector


@dataclass(frozen=True, slots=True)
class PerRequest:
    """Increase of a counter divided by the requests that the load generator made.

    Attributes:
        answered: Whether these are the requests that were answered between the readings of the
            counter, instead of those that were due in the window. The two differ while a service
            falls behind; what it counts is then of fewer requests than were due.
    """

    counter: Selector
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Rate:
    """Increase of a counter per second, divided by the mean of gauge `to` if it is given."""

    counter: Selector
    to: Selector | None = None


@dataclass(frozen=True, slots=True)
class Gauge:
    """A gauge over the window; `growth` is last minus first."""

    gauge: Selector
    over: Over = "mean"


@dataclass(frozen=True, slots=True)
class Utilization:
    """A gauge divided by a gauge, sample by sample."""

    of: Selector
    to: Selector
    over: Over = "mean"


@dataclass(frozen=True, slots=True)
class Promql:
    """An expression for a Prometheus server; `{window}` in it becomes the window's length."""

    query: str


ClientIndicator = Latency | ErrorRatio | Throughput
ServiceIndicator = Quantile | Mean | Ratio | PerRequest | Rate | Gauge | Utilization | Promql
CounterIndicator = Mean | Ratio | Rate  # measured by the increases of counters
Indicator = ClientIndicator | ServiceIndicator


def typed_selectors(indicator: Indicator) -> tuple[tuple[Selector, tuple[str, ...]], ...]:
    """The series that `selectors` returns, each with the types of metric that fit."""
    found: tuple[tuple[Selector, tuple[str, ...]], ...] = ()
    match indicator:
        case Quantile(histogram=histogram):
            found = ((histogram, ("histogram",)),)
        case Mean(histogram=histogram):
            found = ((histogram, ("histogram", "summary")),)
        case Ratio(of=of, to=to):
            found = ((of, ("counter",)), (to, ("counter",)))
        case PerRequest(counter=counter):
            found = ((counter, ("counter",)),)
        case Rate(counter=counter, to=divisor):
            found = ((counter, ("counter",)),)
            found += ((divisor, ("gauge",)),) if divisor else ()
        case Gauge(gauge=gauge):
            found = ((gauge, ("gauge",)),)
        case Utilization(of=of, to=to):
            found = ((of, ("gauge",)), (to, ("gauge",)))
        case Latency() | ErrorRatio() | Throughput() | Promql():
            pass
        case _:
            assert_never(indicator)
    return found


def selectors(indicator: Indicator) -> tuple[Selector, ...]:
    """The series of the service that an indicator reads, its subject first; may be empty."""
    return tuple(selector for selector, _ in typed_selectors(indicator))


@dataclass(frozen=True, slots=True)
class Waiver:
    """A breach that is accepted until a date; the budget then only warns."""

    until: date
    reason: str


@dataclass(frozen=True, slots=True)
class Alert:
    """The production bound of a budget, for Prometheus."""

    bound: float
    hold: float  # seconds that the breach must last, `for` in YAML
    severity: Literal["info", "warning", "critical"]
    keep_firing_for: float = 0.0


@dataclass(frozen=True, slots=True)
class Objective:
    """The share of events within the bound, over a window of days.

    Attributes:
        share: E.g. 0.999; the error budget is `1 - share`.
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
        max_regression: Tolerated regression in a paired comparison, relative, e.g. 0.1.
        min_samples: Fewer samples than this are no data.
        decide: "interval" decides what holds for the service; "value" only what held in the run.
        scenarios: Names of the scenarios that it applies to; empty means all.
        abort: Whether the load stops as soon as the breach is certain.
        abort_after: Seconds of the window that pass before the load can stop.
        line: Line in budgets.yaml, for annotations.
        preset: Name of the preset that the indicator was made from; empty without one.
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
    decide: Decide = "interval"
    scenarios: tuple[str, ...] = ()
    alert: Alert | None = None
    objective: Objective | None = None
    waiver: Waiver | None = None
    abort: bool = False
    abort_after: float = 0.0
    runbook: str = ""
    line: int = 0
    preset: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Load:
    """A locustfile with a workload.

    Attributes:
        locustfile: Resolved against the folder of budgets.yaml.
        name: Empty for the only load of a scenario.
        start: Seconds from the start of the scenario to the start of the workload.
        arguments: For the locustfile's own parser, from the command line.
    """

    locustfile: Path
    workload: Workload
    name: str = ""
    start: float = 0.0
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One or several simultaneous loads.

    The scenario lasts `warm_up + duration` seconds; the window is the last `duration` of them.

    Attributes:
        drain: Longest wait for requests in flight after the last arrival, seconds.
        workers: Locust processes for each load: 1 is a single process, more are workers with a
            master; None is one for each spare core of the machine.
        trace_ratio: Share of the requests whose traceparent asks the service to record a trace.
        auto_warm_up: Whether the window starts where the latency has settled, which is determined
            after the run; until then `warm_up` is half of the duration.
        planned: Seconds of the window after which the run ends unless a budget is undecided; it
            then goes on, at most to `duration`. None: the run lasts `duration`.
        early: With `stop: decided`, whether the run ends even before `planned` when every budget is
            decided and none needs all of it.
        locustfile_exit_code: Whether an exit code that the locustfile sets, other than 0, fails the
            run.
        capacity: Its section `capacity`; None without one.
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
    early: bool = False
    locustfile_exit_code: Literal["fail", "ignore"] = "fail"
    capacity: CapacityOptions | None = None

    @property
    def seconds(self) -> float:
        """Longest duration of the load."""
        return self.warm_up + self.duration

    @property
    def expected(self) -> float:
        """Seconds of the window when every budget is decided at its planned end."""
        return self.duration if self.planned is None else self.planned


@dataclass(frozen=True, slots=True)
class Target:
    """The service under load.

    `{port}` may stand in `command`, `url`, `metrics` and values of `environment`; `{port2}` to
    `{port9}` likewise, but not in `url`; `{side}`, which is "baseline" or "candidate", in
    `command`, `setup` and values of `environment`.

    Attributes:
        command: Shell words that start it; None for a service that already runs.
        url: Base URL. The locustfile gets a slash at its end.
        ready: Path or URL that answers 2xx once the service is ready; None only waits for the port.
        metrics: Paths or URLs to scrape, one per replica; may be empty.
        exporters: URLs to scrape as well, of processes that do not belong to the service.
        scrape_interval: Seconds; None is as short as the cost of a scrape allows.
        environment: Added to the environment of the command.
        directory: Working directory of the command: the folder of budgets.yaml.
        dialects: Names of the dialects of its metrics; empty recognises them.
        requests: The metric of its requests and its labels, by the keys of `target.requests`.
        ca_file: Certificates in PEM that verify its https URLs; None uses those of the machine.
    """

    url: str
    command: str | None = None
    setup: str | None = None
    ready: str | None = None
    metrics: tuple[str, ...] = ()
    exporters: tuple[str, ...] = ()
    scrape_interval: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_timeout: float = 30.0
    stop_timeout: float = 10.0
    directory: Path = field(default_factory=Path)
    dialects: tuple[str, ...] = ()
    requests: Mapping[str, str] = field(default_factory=dict)
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Selftest:
    """A mistake that is planted on purpose, and the budgets that must detect it.

    Attributes:
        environment: Added to the target's environment; plants the mistake.
        scenario: The scenario that is run.
        breaks: Budgets that must be breached; empty when budgets must be inconclusive.
        unjudged: Budgets that must be inconclusive, in a run that took place.
        description: The mistake in a sentence.
        cause: What a diagnosis has to name: a part of the text or of the place of a cause.
    """

    name: str
    environment: Mapping[str, str]
    scenario: str
    breaks: tuple[str, ...] = ()
    description: str = ""
    unjudged: tuple[str, ...] = ()
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole of budgets.yaml.

    Attributes:
        selftests: Planted mistakes by name, for `harness selftest`.
        control: An endpoint that cannot change between two versions; None without one.
        runbooks: Base URL of the pages that alerts link to; may be empty.
        source: The file's path as given.
        text: The file's content, verbatim.
        document: Its sections with every variable replaced, for `budgets.parse.in_force`.
        specs: The parsed scenarios, for `budgets.override`.
    """

    service: str
    target: Target | None
    scenarios: Mapping[str, Scenario]
    budgets: tuple[Budget, ...]
    source: Path
    text: str
    selftests: Mapping[str, Selftest] = field(default_factory=dict)
    control: str | None = None
    runbooks: str = ""
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    specs: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)

    @property
    def judged(self) -> tuple[Budget, ...]:
        """The budgets whose severity is not off, in the order of the file."""
        return tuple(budget for budget in self.budgets if budget.severity != "off")

    def off_in(self, scenario: str) -> tuple[str, ...]:
        """Names of the budgets that apply to a scenario and are off."""
        off = (b for b in self.budgets if b.severity == "off")
        return tuple(b.name for b in off if not b.scenarios or scenario in b.scenarios)

    def budgets_of(self, scenario: str) -> tuple[Budget, ...]:
        """The judged budgets that apply to a scenario, in the order of the file."""
        return tuple(b for b in self.judged if not b.scenarios or scenario in b.scenarios)
