"""The values of latency and error ratio, by what the load generator recorded."""

from __future__ import annotations

from harness.budgets.model import Budget, Latency
from harness.judge.bounds import FLOAT_NOISE, holds
from harness.judge.intervals.first_seconds import slow_at_first
from harness.judge.measure.observation import ObservedFailures, ObservedTimes
from harness.judge.measure.series import LOAD_GENERATOR
from harness.judge.model import Measurement
from harness.names import OK
from harness.runs.model import Distribution
from harness.units import Unit, format_quantity

# A mean has no share of requests that it may ignore; it gets that of the usual p95.
_MEAN_MAY_MISS = 0.05


def measure_failures(observed: ObservedFailures) -> Measurement:
    """The share of the requests that failed."""
    count = observed.count
    if not count.total:
        reason = (
            f"{count.unanswered} of {count.made} requests unanswered, so it is not known whether"
            " they fail"
        )
        return Measurement(None, 0, LOAD_GENERATOR, reason=reason)
    reason = _most_failures(observed) if count.failed and observed.by_request else ""
    between = None
    if count.unanswered:
        between = count.failed / count.made, (count.failed + count.unanswered) / count.made
    return Measurement(
        count.failed / count.total, count.total, LOAD_GENERATOR, reason=reason, between=between
    )


def measure_times(budget: Budget, observed: ObservedTimes) -> Measurement:
    """The quantile or the mean of the times; of unanswered requests, of the shortest possible."""
    indicator, times, count = observed.indicator, observed.shortest, observed.count
    value, undecided = statistic(times, indicator), ""
    holding = value is not None and holds(value, budget.bound, budget.direction)
    if indicator.outcome == OK and holding and count.total:
        undecided = _hidden(indicator, count.failed / count.total)
    longest = statistic(observed.longest, indicator)
    at_least, hidden = longest != value, undecided
    if at_least and holding and budget.direction == "max" and not undecided:
        undecided = "the unanswered requests may take longer"
    between = None
    if value is not None and longest is not None and at_least and not hidden:
        between = value, longest
    return Measurement(
        value,
        times.count,
        LOAD_GENERATOR,
        undecided=undecided,
        share_over=times.share_over(budget.bound),
        reason=_slowest(budget, observed),
        note=_unanswered(observed),
        at_least=at_least,
        at_first=slow_at_first(budget, observed.batches, observed.width),
        between=between,
    )


def _unanswered(observed: ObservedTimes) -> str:
    """How many requests without an answer are in the value; empty without any."""
    waits, parts = observed.waits, []
    if count := waits.latencies.count:
        every = observed.count.total + count
        after = format_quantity(waits.latencies.values[0], Unit.SECONDS)
        parts.append(f"{count} of {every} requests unanswered after {after}")
    if count := waits.unstarted.count:
        parts.append(f"{count} arrivals never began because {waits.blocked} waited for the service")
    return ", ".join(parts)


def statistic(times: Distribution, indicator: Latency) -> float | None:
    """The quantile or the mean that an indicator is, of some times; None without any."""
    return times.mean if indicator.quantile is None else times.quantile(indicator.quantile)


def may_exceed(indicator: Latency) -> float:
    """The share of the requests that may exceed the bound of an indicator."""
    return _MEAN_MAY_MISS if indicator.quantile is None else 1 - indicator.quantile


def _hidden(indicator: Latency, failed: float) -> str:
    """Why requests that failed forbid a verdict on the time of those that did not."""
    if failed <= may_exceed(indicator) + FLOAT_NOISE:
        return ""
    return (
        f"{format_quantity(failed, Unit.RATIO)} of the requests failed, and the time of a failure"
        " is not the time of an answer; repair the failures first"
    )


def _slowest(budget: Budget, observed: ObservedTimes) -> str:
    """Which request is slowest, when several are judged together."""
    values = {
        name: value
        for name, times in observed.by_request.items()
        if (value := statistic(times, observed.indicator)) is not None
    }
    if len(values) < 2:
        return ""
    name = max(values, key=lambda n: values[n])
    return f"the slowest is {name} with {format_quantity(values[name], budget.unit)}"


def _most_failures(observed: ObservedFailures) -> str:
    name = max(observed.by_request, key=lambda n: observed.by_request[n].failed)
    count = observed.by_request[name]
    return f"most failures are of {name}: {count.failed} of {count.total}"
