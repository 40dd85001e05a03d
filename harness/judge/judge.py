"""From measurements and guards to verdicts, and from verdicts to the outcome of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from harness.budgets.model import Budget, ClientIndicator, Latency, PerRequest, Quantile
from harness.judge.bounds import holds, holds_by_value, margin, proven
from harness.judge.describe import advice, describe
from harness.judge.failed import with_advice
from harness.judge.guards.all import guards
from harness.judge.guards.lateness import usual_lateness
from harness.judge.guards.readings import GeneratorReading, read_generator
from harness.judge.intervals.interval import confidence
from harness.judge.intervals.levels import levels_of
from harness.judge.intervals.start_noise import NOISE
from harness.judge.locustfile import locustfile_verdict
from harness.judge.measure.measure import Measured, measure_budgets
from harness.judge.measure.observation import ObservedTimes
from harness.judge.measure.series import PROMETHEUS
from harness.judge.model import (
    Confidence,
    Guard,
    Judgement,
    Leniency,
    Measurement,
    Outcome,
    Verdict,
)
from harness.names import REPORTED_BYTES
from harness.runs.model import Evidence, Manifest
from harness.units import Unit, bucket_text, counted, format_quantity

_ONLY_THIS_RUN = "; by the value alone, which claims nothing beyond this run"
# Guards that more load may clear: a look at a run finds requests that are about to be answered.
_CLEARS = frozenset({"in-flight-at-end"})
# Guards on delays, which doubt a breach that is no larger than the delays may have made it.
_DELAYS = frozenset(
    {
        "generator-loop-lag",
        "generator-canary",
        "scheduler-lag",
        "host-steal",
        "cgroup-throttled",
        "cpu-contention",
    }
)


def judge(budgets: tuple[Budget, ...], evidence: Evidence, off: tuple[str, ...] = ()) -> Judgement:
    """Judge a run: observe and measure each budget, hold guards against that, decide.

    Args:
        budgets: Those that apply to the run's scenario; none of them is off.
        evidence: The run.
        off: Names of the budgets that are off, for the reader.

    Returns:
        The guards, a verdict for each budget in the given order, one more if the locustfile set an
        exit code, and the outcome of the run.
    """
    measured = measure_budgets(budgets, evidence)
    found = guards(evidence, measured)
    generator = read_generator(evidence)
    intervals = [_interval(one, evidence.manifest, generator) for one in measured]
    verdicts = tuple(
        with_advice(one.budget, decide(one.budget, one.measurement, found, interval), evidence)
        for one, interval in zip(measured, intervals, strict=True)
    )
    judged = any(
        verdict.outcome != "inconclusive" and not _why_no_data(one.budget, one.measurement)
        for verdict, one in zip(verdicts, measured, strict=True)
    )
    outcome = _run_outcome(verdicts, judged=judged)
    if gate := locustfile_verdict(evidence.manifest):
        outcome, verdicts = gate.outcome, (*verdicts, gate)
    return Judgement(outcome, found, verdicts, _leniency(budgets, off))


def _leniency(budgets: Sequence[Budget], off: tuple[str, ...]) -> Leniency:
    return Leniency(
        waived=tuple((one.name, one.waiver.until) for one in budgets if one.waiver),
        warning=tuple(one.name for one in budgets if one.severity == "warn" and not one.waiver),
        off=off,
        ignoring=tuple(one.name for one in budgets if one.on_no_data == "ignore"),
    )


def _interval(one: Measured, manifest: Manifest, generator: GeneratorReading) -> Confidence | None:
    """The interval of a budget's indicator without the usual lateness of the generator."""
    if manifest.aborted_by == one.name or one.budget.decide == "value":
        return None  # an abort was certain by all that was recorded, some of it after the cut
    noise = manifest.noise.get(one.name, NOISE)
    value = one.measurement.value
    found = confidence(one.budget, one.observation, value, levels_of(manifest), noise)
    if found is None or found.lower is None or not isinstance(one.observation, ObservedTimes):
        return found
    late = usual_lateness(one.observation, generator)
    return replace(found, lower=max(0.0, found.lower - late))


def decide(
    budget: Budget,
    measurement: Measurement,
    guards: Sequence[Guard],
    interval: Confidence | None = None,
) -> Verdict:
    """The verdict on one budget.

    In this order: a tripped guard makes it inconclusive; without data `on_no_data` decides; a
    value that may lie on either side of the bound is inconclusive; the bound decides the rest: the
    whole interval keeps it, or breaches it, or the verdict is inconclusive.

    Args:
        budget: The budget.
        measurement: Of its indicator.
        guards: Of the run, tripped or not.
        interval: In which the indicator lies; None lets the value itself decide.
    """
    tripped = [guard for guard in guards if _takes_away(guard, budget, measurement)]
    outcome, reason = _outcome(budget, measurement, tripped, interval)
    return replace(
        _verdict(budget, measurement, interval, outcome),
        reason=reason,
        waits=outcome == "inconclusive" and _waits(budget, measurement, tripped, interval),
        guard=tripped[0].name if tripped else "",
    )


def _verdict(
    budget: Budget, measurement: Measurement, interval: Confidence | None, outcome: Outcome
) -> Verdict:
    """A verdict without its reason."""
    breached = outcome in {"fail", "warn"} and not _why_no_data(budget, measurement)
    indicator = budget.indicator
    quantile = indicator.quantile if isinstance(indicator, Quantile) else None
    share = None if quantile is None else measurement.share_over
    # Within a bucket, a value would be made up. Without data, 0 .. 100% is no news.
    value = None if measurement.bucket else measurement.value
    shown = interval if measurement.value is not None else None
    low, high = _share_ends(share, interval)
    return Verdict(
        name=budget.name,
        description=budget.description,
        outcome=outcome,
        severity=budget.severity,
        value=value,
        lower=shown.lower if shown else None,
        upper=shown.upper if shown else None,
        bound=budget.bound,
        direction=budget.direction,
        unit=budget.unit,
        margin=None if value is None else margin(value, budget.bound, budget.direction),
        samples=measurement.samples,
        source=measurement.source,
        reason="",
        advice=advice(indicator) if breached else "",
        runbook=budget.runbook,
        line=budget.line,
        request=(indicator.request or "") if isinstance(indicator, Latency) else None,
        failing=(indicator.request or "") if isinstance(indicator, ClientIndicator) else None,
        at_least=measurement.at_least,
        decide=budget.decide,
        bucket=measurement.bucket,
        whole=measurement.whole,
        share_over=share,
        share_lower=low,
        share_upper=high,
        share_allowed=None if share is None or quantile is None else 1 - quantile,
    )


def _share_ends(
    share: float | None, interval: Confidence | None
) -> tuple[float | None, float | None]:
    """The interval of a share, widened to hold the share that a Prometheus server answered."""
    if share is None or interval is None or interval.share_over is None:
        return None, None
    return min(share, interval.share_over[0]), max(share, interval.share_over[1])


def _waits(
    budget: Budget,
    measurement: Measurement,
    tripped: Sequence[Guard],
    interval: Confidence | None,
) -> bool:
    """Whether more load may decide a budget that is inconclusive.

    Delays leave a breach in doubt while the run goes on. But a breach that is not certain without
    them either may turn out to be none, or a larger one.
    """
    names = {guard.name for guard in tripped}
    if names - _CLEARS - _DELAYS:
        return False
    if names and names <= _CLEARS:
        return True
    if _why_no_data(budget, measurement):
        return measurement.value is not None
    if measurement.undecided or interval is None:
        return False
    return proven(interval.lower, interval.upper, budget.bound, budget.direction) is None


def _outcome(
    budget: Budget,
    measurement: Measurement,
    tripped: Sequence[Guard],
    interval: Confidence | None,
) -> tuple[Outcome, str]:
    if tripped:
        also = f" (also tripped: {', '.join(g.name for g in tripped[1:])})" if tripped[1:] else ""
        return "inconclusive", f"{tripped[0].name}: {tripped[0].reason}{also}"
    if missing := _why_no_data(budget, measurement):
        return _without_data(budget, missing)
    if measurement.undecided:
        return "inconclusive", f"{_measured(budget, measurement)}, but {measurement.undecided}"
    holding = bool(holds_by_value(budget, measurement))
    if interval is not None:
        if (sure := proven(interval.lower, interval.upper, budget.bound, budget.direction)) is None:
            return _uncertain(budget, measurement, interval)
        holding = sure
    if holding:
        return "pass", _measured(budget, measurement)
    return _breach(budget, f"{_measured(budget, measurement)}{_details(budget, measurement)}")


def _takes_away(guard: Guard, budget: Budget, measurement: Measurement) -> bool:
    """Whether a guard has tripped that makes the verdict on a budget inconclusive.

    A guard on one request says no more than the missing data of this request, which `on_no_data`
    decides. Guards on the harness's own scrapes say nothing about a Prometheus server's scrapes.
    """
    if guard.outcome == "ok" or guard.request:
        return False
    if guard.scope == "server" and measurement.source == PROMETHEUS:
        return False
    if guard.budgets is not None and budget.name not in guard.budgets:
        return False
    return in_scope(guard, budget)


def in_scope(guard: Guard, budget: Budget) -> bool:
    """Whether a budget is in the scope of a guard."""
    indicator = budget.indicator
    both = isinstance(indicator, PerRequest)
    client = both or isinstance(indicator, ClientIndicator)
    if isinstance(indicator, PerRequest) and indicator.counter.metric in REPORTED_BYTES:
        both = False  # both parts are the load generator's
    match guard.scope:
        case "all":
            return True
        case "latency":
            return isinstance(budget.indicator, Latency)
        case "client":
            return client
        case "server":
            return both or not client
        case _:
            assert_never(guard.scope)


def _why_no_data(budget: Budget, measurement: Measurement) -> str:
    """Why a measurement is no data; empty when it is."""
    unknown = measurement.meets is None and not measurement.undecided
    if measurement.value is None and unknown:
        return measurement.reason
    if measurement.samples < budget.min_samples:
        return (
            f"{_samples_are(measurement)} fewer than min_samples ({budget.min_samples});"
            " raise the duration or the load"
        )
    return ""


def _samples_are(measurement: Measurement) -> str:
    """Such as "90 samples are"."""
    return counted(measurement.samples, "sample is", "samples are")


def _without_data(budget: Budget, reason: str) -> tuple[Outcome, str]:
    match budget.on_no_data:
        case "inconclusive":
            return "inconclusive", f"no data: {reason}"
        case "fail":
            return _breach(budget, f"no data, which fails by on_no_data: {reason}")
        case "ignore":
            return "warn", f"no data, ignored by on_no_data: {reason}"
        case _:
            assert_never(budget.on_no_data)


def _uncertain(
    budget: Budget, measurement: Measurement, interval: Confidence
) -> tuple[Outcome, str]:
    """Neither side of the bound is certain."""
    what = _measured(budget, measurement)
    if measurement.samples < interval.fewest:
        why = (
            f"{what}, but {_samples_are(measurement)} too few to be certain: at least"
            f" {interval.fewest} are needed; raise the duration or the load"
        )
    else:
        why = (
            f"{what}, but the true value may be on the other side of the bound: it is"
            f" {_range(budget, interval)}; "
            + (measurement.at_first or "measure longer, or move the bound")
        )
    return ("warn", _waived(budget, why)) if budget.waiver else ("inconclusive", why)


def _range(budget: Budget, interval: Confidence) -> str:
    lower, upper = (
        None if end is None else format_quantity(end, budget.unit)
        for end in (interval.lower, interval.upper)
    )
    if lower is None:
        return "not known from this run" if upper is None else f"at most {upper}"
    return f"at least {lower}" if upper is None else f"between {lower} and {upper}"


def _waived(budget: Budget, reason: str) -> str:
    assert budget.waiver is not None
    return f"{reason}; waived until {budget.waiver.until}: {budget.waiver.reason}"


def _breach(budget: Budget, reason: str) -> tuple[Outcome, str]:
    if budget.waiver:
        return "warn", _waived(budget, reason)
    match budget.severity:
        case "error":
            return "fail", reason
        case "warn" | "off":
            return "warn", reason
        case _:
            assert_never(budget.severity)


def _measured(budget: Budget, measurement: Measurement) -> str:
    """What was measured, and how far from the bound that is."""
    what = describe(budget.indicator)
    bound = f"the {budget.direction} of {format_quantity(budget.bound, budget.unit)}"
    note = f" ({measurement.note})" if measurement.note else ""
    note += _ONLY_THIS_RUN if budget.decide == "value" else ""
    if measurement.value is None:
        return f"{what} is not known exactly ({measurement.reason}), against {bound}{note}"
    if measurement.bucket is not None:
        return f"{what} is {bucket_text(measurement.bucket, budget.unit)}, against {bound}{note}"
    value = format_quantity(measurement.value, budget.unit)
    value += f" of {measurement.whole}" if measurement.whole else ""
    if measurement.at_least:
        value = f"at least {value}"
    return f"{what} is {value}, {_distance(budget, measurement.value)} {bound}{note}"


def _distance(budget: Budget, value: float) -> str:
    distance = margin(value, budget.bound, budget.direction)
    inside, outside = ("under", "over") if budget.direction == "max" else ("over", "under")
    if distance == 0 or value == budget.bound:
        return "exactly at"
    if distance is None:
        return inside if holds(value, budget.bound, budget.direction) else outside
    share = format_quantity(abs(distance), Unit.RATIO)
    return f"{share} {inside if distance > 0 else outside}"


def _details(budget: Budget, measurement: Measurement) -> str:
    """Further facts on a breach."""
    over, samples = measurement.share_over, counted(measurement.samples, "sample")
    parts = [
        f"{format_quantity(over, Unit.RATIO)} of {samples} are over it" if over else "",
        measurement.reason if measurement.value is not None else "",
        measurement.at_first,
    ]
    return "".join(f"; {part}" for part in parts if part)


def _run_outcome(verdicts: Sequence[Verdict], *, judged: bool) -> Outcome:
    if any(v.outcome == "fail" for v in verdicts):
        return "fail"
    if any(v.outcome == "inconclusive" and v.severity == "error" for v in verdicts):
        return "inconclusive"
    # Budgets that only warn cannot make a run inconclusive one by one; but a run of which nothing
    # at all was judged is never green.
    if not judged:
        return "inconclusive"
    return "pass" if all(v.outcome == "pass" for v in verdicts) else "warn"
