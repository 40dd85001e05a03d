"""Guards on the answers of a Prometheus server: its scrapes cover the window, and ours agree."""

from __future__ import annotations

from collections.abc import Iterator

from harness.budgets.model import (
    Gauge,
    Promql,
    Utilization,
)
from harness.budgets.series import FEWEST_READINGS, reads_between_edges
from harness.judge.bounds import holds_by_value
from harness.judge.guards.service import COVERAGE
from harness.judge.intervals.interval import confidence
from harness.judge.intervals.levels import levels_of
from harness.judge.intervals.start_noise import NOISE
from harness.judge.measure.measure import Measured, MeasuredBudgets, measure
from harness.judge.measure.observation import ObservedAnswer
from harness.judge.measure.series import listed
from harness.judge.model import Guard, Measurement, guard
from harness.runs.model import Evidence, Manifest
from harness.units import Unit, bucket_text, counted, format_quantity

# Of the larger of two levels, which a server and the harness read at other moments.
LEVELS = 0.5
# Of the larger of two increases, in addition to the share of the window without scrapes.
INCREASES = 0.01


def server_coverage(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """The server scraped each series from one end of the window to the other, often enough."""
    asked = [one for one, _ in _answered(measured) if not isinstance(one.budget.indicator, Promql)]
    if not asked:
        return
    agreeing = {one.name for one, answer in _answered(measured) if _agrees(one, answer, evidence)}
    lacking = {one.name: why for one in asked if (why := _lack(one, one.name in agreeing))}
    share = min(one.observation.coverage.share or 0.0 for one in asked)
    reason = f"the server's scrapes cover {format_quantity(share, Unit.RATIO)} of the window"
    if lacking:
        name, why = next(iter(lacking.items()))
        reason = (
            f"{why} (budget {name}); let Prometheus scrape more often, at least 20 times within the"
            " window, or raise the duration"
        )
    yield guard(
        "server-coverage",
        reason,
        tripped=bool(lacking),
        value=share,
        limit=COVERAGE,
        unit=Unit.RATIO,
        scope="all",
        budgets=tuple(lacking) or None,
    )


def server_agrees(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """What a server answers and what the harness itself scraped do not contradict each other."""
    held = [
        (one, answer, own)
        for one, answer in _answered(measured)
        if (own := measure(one.budget, answer.own)).value is not None
    ]
    if not held:
        return
    apart = [(one, own) for one, answer, own in held if not _agrees(one, answer, evidence)]
    reason = "the server's answers agree with the harness's own scrapes"
    if apart:
        one, own = apart[0]
        server, exact = (_shown(found, one.budget.unit) for found in (one.measurement, own))
        reason = (
            f"{one.name} is {server} by the server and {exact} by"
            " the harness's own scrapes, which contradict each other; do both scrape the same"
            " service, with the labels of the query, and often enough?"
        )
    yield guard(
        "server-agrees",
        reason,
        tripped=bool(apart),
        value=len(apart),
        limit=0,
        scope="all",
        budgets=tuple(one.name for one, _ in apart) or None,
    )


def _shown(found: Measurement, unit: Unit) -> str:
    if found.bucket is not None:
        return bucket_text(found.bucket, unit)
    return "not known exactly" if found.value is None else format_quantity(found.value, unit)


def _answered(measured: MeasuredBudgets) -> Iterator[tuple[Measured, ObservedAnswer]]:
    for one in measured:
        if isinstance(one.observation, ObservedAnswer):
            yield one, one.observation


def _lack(one: Measured, agrees: bool) -> str:
    """What the server's scrapes lack for a budget; empty when nothing does."""
    coverage, indicator = one.observation.coverage, one.budget.indicator
    if coverage.share is None or coverage.share < COVERAGE:
        share = format_quantity(coverage.share or 0.0, Unit.RATIO)
        return (
            f"the server's scrapes cover {share} of the window, and"
            f" {format_quantity(COVERAGE, Unit.RATIO)} are needed"
        )
    readings = coverage.readings
    if reads_between_edges(indicator) and readings is not None and readings < FEWEST_READINGS:
        return (
            f"the server has {counted(readings, 'reading')} of a gauge, and {FEWEST_READINGS} are"
            " needed"
        )
    # A counter that is born in the window: its first value is missing in the server's increase,
    # and not in that of the harness.
    if coverage.gaps and not (agrees and not isinstance(indicator, Gauge | Utilization)):
        return f"in the server's answers, {listed(coverage.gaps)}"
    return ""


def _agrees(one: Measured, answer: ObservedAnswer, evidence: Evidence) -> bool:
    """Whether a server's value may be the one of the harness's own scrapes; False without these.

    It must be on the same side of the bound, and not outside of the own interval by more than the
    share of the window that the server did not scrape; a level by half of the larger one.
    """
    own, value = measure(one.budget, answer.own), one.measurement.value
    if own.value is None:
        return False
    sides = {holds_by_value(one.budget, own), one.holds}
    if sides == {True, False}:
        return False
    if value is None:
        return True  # a quantile over the last edge
    lower, upper = _own_range(one, answer, own.value, evidence.manifest)
    level = isinstance(one.budget.indicator, Gauge | Utilization)
    share = LEVELS if level else 1 - (answer.coverage.share or 0.0) + INCREASES
    allowed = share * max(abs(value), abs(own.value))
    return lower - allowed <= value <= upper + allowed


def _own_range(
    one: Measured, answer: ObservedAnswer, own: float, manifest: Manifest
) -> tuple[float, float]:
    """The interval of the own value; the value itself where there is none."""
    noise = manifest.noise.get(one.name, NOISE)
    found = confidence(one.budget, answer.own, own, levels_of(manifest), noise)
    if found is None:
        return own, own
    lower = float("-inf") if found.lower is None else found.lower
    upper = float("inf") if found.upper is None else found.upper
    return min(lower, own), max(upper, own)
