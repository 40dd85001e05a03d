"""What the load generators reported of themselves, by process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.judge.measure.series import EDGE_SLACK, Interval, NoDataError, inside, window
from harness.names import (
    GENERATOR_ASKED,
    GENERATOR_CANARY,
    GENERATOR_IDLE_USERS,
    GENERATOR_LOOP_LAG,
    INSTANCE,
    SCHEDULER_LAG,
    SOURCE,
    START_LAG,
)
from harness.runs.model import Distribution, Evidence

if TYPE_CHECKING:
    from harness.judge.guards.tails import Floats

_LAGS = frozenset({START_LAG, SCHEDULER_LAG, GENERATOR_LOOP_LAG, GENERATOR_CANARY})


class TimedReading(NamedTuple):
    """A number that a generator reported, and when, in seconds since the epoch."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class GeneratorReading:
    """What the load generator reported of itself, as far as it decides on verdicts.

    Attributes:
        lags: Its lags within the window by their kind, one of each process.
        closed: Whether some load is of the closed model, where a late generator sends fewer
            requests.
        users_ran_out: Whether an open load had no idle user left at some moment.
        batches: The lags of each batch of the window, one of each process as in `lags`.
        near: Quantiles of a lag around each batch from 0 on, kept by `lateness` because budgets
            share them: by the kind of lag and the number of later batches.
    """

    lags: Mapping[str, tuple[Distribution, ...]]
    closed: bool
    users_ran_out: bool
    batches: Mapping[str, tuple[Mapping[int, Distribution], ...]]
    near: dict[tuple[str, int], Floats] = field(default_factory=dict, repr=False, compare=False)

    def lag(self, what: str, quantile: float = 0.99) -> float | None:
        """A quantile of a lag, of the process where it is highest; None without any."""
        found = (lag.quantile(quantile) for lag in self.lags.get(what, ()))
        return max((value for value in found if value is not None), default=None)

    def mean_lag(self, what: str) -> float:
        """The mean of a lag, of the process where it is highest; 0 without any."""
        return max((lag.mean or 0.0 for lag in self.lags.get(what, ())), default=0.0)


def read_generator(evidence: Evidence) -> GeneratorReading:
    """What the load generator reported of itself within the window."""
    kinds = {key.what for key in evidence.latency}
    lags = {
        what: tuple(d for key, d in evidence.latency.items() if key.what == what and d.count)
        for what in kinds & _LAGS
    }
    batches = {
        what: tuple(evidence.batches.get(key, {}) for key in evidence.latency if key.what == what)
        for what in lags
    }
    return GeneratorReading(lags, is_closed(evidence), _users_ran_out(evidence), batches)


def readings(evidence: Evidence, name: str) -> dict[str, list[TimedReading]]:
    """The readings of one name within the window: by source, in the order of time."""
    try:
        planned = window(evidence)
    except NoDataError:
        return {}
    return readings_between(evidence, name, planned)


def readings_between(
    evidence: Evidence, name: str, interval: Interval
) -> dict[str, list[TimedReading]]:
    """As `readings`, within another interval."""
    found: dict[str, list[TimedReading]] = {}
    for series in evidence.series:
        if series.name == name and INSTANCE not in series.labels:  # else the service's own
            samples = [TimedReading(t, v) for t, v in inside(series, interval, EDGE_SLACK)]
            found.setdefault(series.labels.get(SOURCE, ""), []).extend(samples)
    return {source: sorted(values) for source, values in found.items() if values}


def every_reading(evidence: Evidence, name: str) -> dict[str, list[TimedReading]]:
    """As `readings`, over the whole run."""
    return readings_between(evidence, name, Interval(float("-inf"), float("inf")))


def increases(evidence: Evidence, name: str) -> dict[str, float]:
    """By how much a counter of each source grew within the window."""
    return {
        source: values[-1].value - values[0].value
        for source, values in readings(evidence, name).items()
    }


def of(source: str) -> str:
    """Which generator, for the middle of a sentence."""
    return f"the generator {source}" if source else "the generator"


def loads(evidence: Evidence) -> list[Mapping[str, Any]]:
    """The loads of the scenario, as the manifest has them."""
    return list(evidence.manifest.scenario.get("loads") or ())


def is_closed(evidence: Evidence) -> bool:
    """Whether some load is of the closed model, where a late generator sends fewer requests."""
    models = {load.get("workload", {}).get("model") for load in loads(evidence)} - {None}
    return "closed" in models if models else not evidence.manifest.requests.asked


def _users_ran_out(evidence: Evidence) -> bool:
    """Whether some class of users had none left to begin an iteration, in the open model."""
    try:
        planned = window(evidence)
    except NoDataError:
        return False
    return any(
        value <= 0
        for series in evidence.series
        if series.name == GENERATOR_IDLE_USERS and INSTANCE not in series.labels
        for _, value in inside(series, planned, EDGE_SLACK)
    )


def closed_sources(evidence: Evidence, name: str) -> set[str]:
    """Those of the sources of a reading that have no schedule of arrivals."""
    schedules = every_reading(evidence, GENERATOR_ASKED)
    return {
        source
        for source in every_reading(evidence, name)
        if not any(reading.value for reading in schedules.get(source, ()))
    }
