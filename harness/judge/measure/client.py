"""Measurements from the load generator: latency, error ratio and throughput."""

from __future__ import annotations

from difflib import get_close_matches

from harness.budgets.model import Budget, ErrorRatio, Latency, Throughput
from harness.judge.bounds import holds
from harness.judge.measure.series import LOAD_GENERATOR, NoDataError, listed, window
from harness.judge.model import Measurement
from harness.names import LATENCY, OK
from harness.runs.model import Distribution, Evidence
from harness.units import Unit, format_quantity

# A mean has no share of requests that it may ignore; it gets that of the usual p95.
_MEAN_MAY_MISS = 0.05
_FLOAT_NOISE = 1e-9


def measure_client(
    budget: Budget, indicator: Latency | ErrorRatio | Throughput, evidence: Evidence
) -> Measurement:
    """Measure what the load generator saw.

    Raises:
        NoDataError: No request that the indicator asks for was recorded.
    """
    ok, failed = _asked(evidence, indicator.request)
    match indicator:
        case Latency():
            return _latency(budget, indicator, evidence, failed / (ok + failed))
        case ErrorRatio():
            reason = _most_failures(evidence) if failed and indicator.request is None else ""
            ratio = failed / (ok + failed)
            return Measurement(ratio, ok + failed, LOAD_GENERATOR, reason=reason)
        case Throughput():
            return Measurement(ok / window(evidence).seconds, ok + failed, LOAD_GENERATOR)


def requests(evidence: Evidence) -> dict[str, tuple[int, int]]:
    """How many requests of the window succeeded and failed, by name ("GET /contacts")."""
    found: dict[str, tuple[int, int]] = {}
    for key, times in evidence.latency.items():
        if key.what == LATENCY and times.count:
            ok, failed = found.get(key.request, (0, 0))
            good = key.outcome == OK
            found[key.request] = (ok + times.count * good, failed + times.count * (not good))
    return found


def _asked(evidence: Evidence, request: str | None) -> tuple[int, int]:
    found = requests(evidence)
    if not found:
        raise NoDataError("no request was recorded in the window")
    if request is None:
        return sum(ok for ok, _ in found.values()), sum(bad for _, bad in found.values())
    if request not in found:
        close = get_close_matches(request, found, n=1)
        meant = f"did you mean {close[0]}?" if close else f"recorded: {listed(found)}"
        raise NoDataError(f"no request {request} was recorded in the window; {meant}")
    return found[request]


def _latency(budget: Budget, indicator: Latency, evidence: Evidence, failed: float) -> Measurement:
    times = times_of(evidence, indicator, indicator.request)
    value = _value(times, indicator)
    if value is None:
        what = "every request failed" if indicator.outcome == OK else "no request failed"
        raise NoDataError(f"{what}, so there is no time to judge")
    undecided = ""
    if indicator.outcome == OK and holds(value, budget.bound, budget.direction):
        undecided = _hidden(indicator, failed)
    return Measurement(
        value,
        times.count,
        LOAD_GENERATOR,
        undecided=undecided,
        share_over=times.share_over(budget.bound),
        reason=_slowest(indicator, evidence, budget),
    )


def times_of(evidence: Evidence, indicator: Latency, request: str | None) -> Distribution:
    """The times of the window that an indicator asks for, of one request or of all."""
    return Distribution.merge(
        times
        for key, times in evidence.latency.items()
        if key.what == indicator.of
        and indicator.outcome in {key.outcome, "all"}
        and request in {key.request, None}
    )


def _value(times: Distribution, indicator: Latency) -> float | None:
    return times.mean if indicator.quantile is None else times.quantile(indicator.quantile)


def _hidden(indicator: Latency, failed: float) -> str:
    """Why requests that failed forbid a verdict on the time of those that did not."""
    may_miss = _MEAN_MAY_MISS if indicator.quantile is None else 1 - indicator.quantile
    if failed <= may_miss + _FLOAT_NOISE:
        return ""
    return (
        f"{format_quantity(failed, Unit.RATIO)} of the requests failed, and their time is not that"
        " of an answer; repair the failures first"
    )


def _slowest(indicator: Latency, evidence: Evidence, budget: Budget) -> str:
    """Which request is slowest, when several are judged together."""
    if indicator.request is not None:
        return ""
    values = {
        name: value
        for name in requests(evidence)
        if (value := _value(times_of(evidence, indicator, name), indicator)) is not None
    }
    if len(values) < 2:
        return ""
    name = max(values, key=lambda n: values[n])
    return f"the slowest is {name} with {format_quantity(values[name], budget.unit)}"


def _most_failures(evidence: Evidence) -> str:
    found = requests(evidence)
    name = max(found, key=lambda n: found[n][1])
    ok, failed = found[name]
    return f"most failures are of {name}: {failed} of {ok + failed}"
