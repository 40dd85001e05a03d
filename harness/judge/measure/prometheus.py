"""What a Prometheus server answered about an indicator.

It extrapolates an increase to the edges of the window from the scrapes within it, and does not see
the first value of a new series. So each value is labelled, and compared with the exact one where
it is known.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from harness import names
from harness.budgets.model import (
    Budget,
    Gauge,
    Indicator,
    Mean,
    PerRequest,
    Promql,
    Quantile,
    Rate,
    Ratio,
    ServiceIndicator,
    Utilization,
)
from harness.budgets.series import FEWEST_READINGS, asked_selectors
from harness.judge.measure.histograms import bucket_edge, cumulative
from harness.judge.measure.observation import (
    Coverage,
    Histogram,
    ObservedAnswer,
    ObservedHistogram,
    ObservedRate,
    ObservedRatio,
    OwnObservation,
)
from harness.judge.measure.quantile import measure_quantile
from harness.judge.measure.series import PROMETHEUS, Interval, NoDataError, window
from harness.judge.model import Measurement
from harness.runs.model import Evidence, ServerAnswer
from harness.runs.openmetrics import series_text
from harness.units import Unit, format_quantity

# Share of the steps of the window at which each series of a gauge must have a sample.
PRESENT = 0.9
_ABOUT_SCRAPES = (
    *(names.ASKED_FIRST, names.ASKED_LAST, names.ASKED_FEWEST),
    *(names.ASKED_MOST, names.ASKED_AGE, names.ASKED_PRESENT),
)
_SAME = 1e-6  # relative
_FEWEST = 2  # scrapes that an increase can be taken of
_HINT = "is the service scraped, with the labels of the query?"


def observe_answer(
    answer: ServerAnswer,
    indicator: ServiceIndicator,
    own: OwnObservation,
    evidence: Evidence,
) -> ObservedAnswer:
    """What a Prometheus server answered about an indicator.

    Args:
        answer: To the queries of `harness.promql.queries`.
        indicator: Its kind says which of the answers count.
        own: What the harness's own scrapes say.
        evidence: The run.

    Raises:
        NoDataError: No answer, no series, too few or stale samples, a counter that fell, or NaN.
    """
    planned = window(evidence)
    if answer.problem:
        raise NoDataError(f"{answer.server}: {answer.problem}")
    coverage = answer_coverage(answer, own, indicator, planned)
    if isinstance(indicator, Promql):
        return ObservedAnswer(indicator, coverage, _expression(answer, planned), 1, 1, own)
    scrapes = _scrapes(answer, indicator, planned)
    if resets := _sum(answer, names.ASKED_RESETS):
        raise NoDataError(
            f"a counter fell {resets:.0f} times within the window; did the service restart?"
        )
    if isinstance(indicator, Quantile):
        histogram = _histogram(answer, indicator, planned)
        samples = max(1, round(histogram.count))
        batches = _batches_by_edge(answer, indicator)
        found = ObservedHistogram(indicator, coverage, histogram, batches)
        return ObservedAnswer(indicator, coverage, found, samples, scrapes, own, found)
    value, samples = _only(answer), _samples(answer, scrapes, planned)
    if isinstance(indicator, Ratio) and not value and not answer.found.get(f"{names.ASKED_MOST} 0"):
        _check_zero(indicator, own)
    scatter = _scatter(answer, indicator, coverage, value, planned)
    return ObservedAnswer(indicator, coverage, value, samples, scrapes, own, scatter)


def _check_zero(indicator: Ratio, own: OwnObservation) -> None:
    """Without series of the numerator, the harness's own scrapes must show that it is zero.

    Raises:
        NoDataError: They do not.
    """
    if not isinstance(own, ObservedRatio) or own.of:
        raise NoDataError(
            f"the server has no series of {indicator.of}, and the harness's own scrapes do not show"
            " that it is 0"
        )


def _scatter(
    answer: ServerAnswer,
    indicator: ServiceIndicator,
    coverage: Coverage,
    value: float,
    planned: Interval,
) -> ObservedRatio | ObservedRate | None:
    """A value with the increases in each part of the window; None for a kind without these."""
    of, to = _batches(answer, 0), _batches(answer, 1)
    match indicator:
        case Mean() | Ratio():
            return ObservedRatio(indicator, coverage, value, 1.0, of, to, PROMETHEUS)
        case Rate():
            seconds = planned.seconds / names.BATCHES
            every = {number: of.get(number, 0.0) for number in range(names.BATCHES)} if of else {}
            total = math.fsum(every.values()) / planned.seconds
            divisor = total / value if value and total else 1.0
            each = dict.fromkeys(every, seconds)
            return ObservedRate(indicator, coverage, value, divisor, 1, every, each, PROMETHEUS)
        case Quantile() | Gauge() | Utilization() | PerRequest() | Promql():
            return None
        case _:
            assert_never(indicator)


def _batches(answer: ServerAnswer, number: int) -> dict[int, float]:
    """The increases of a selector in each part of the window, by its number."""
    return {part: value for part, _, value in _parts(answer, number)}


def _batches_by_edge(answer: ServerAnswer, indicator: Quantile) -> dict[float, dict[int, float]]:
    found: dict[float, dict[int, float]] = defaultdict(dict)
    for part, labels, value in _parts(answer, 0):
        here = found[bucket_edge(labels, indicator.histogram)]
        here[part] = here.get(part, 0.0) + value
    return dict(sorted(found.items()))


def _parts(answer: ServerAnswer, number: int) -> Iterator[tuple[int, Mapping[str, str], float]]:
    for labels, value in answer.found.get(f"{names.ASKED_BATCHES} {number}", ()):
        if labels.get(names.BATCH, "") in map(str, range(names.BATCHES)) and math.isfinite(value):
            yield int(labels[names.BATCH]), labels, value


def answer_coverage(
    answer: ServerAnswer,
    own: OwnObservation,
    indicator: ServiceIndicator,
    planned: Interval | None = None,
) -> Coverage:
    """The series of an answer, and which part of the window the server's scrapes cover.

    Args:
        answer: To the queries of `harness.promql.queries`.
        own: What the harness's own scrapes say.
        indicator: Its selectors say which of the answers count.
        planned: The window; None where it is not known.
    """
    labels = [labels for labels, _ in answer.found.get(names.ASKED_VALUE, ())]
    found = Coverage(
        tuple(sorted(series_text("", one) for one in labels)),
        tuple(sorted({one[names.INSTANCE] for one in labels if one.get(names.INSTANCE)})),
        resets=own.coverage.resets,
    )
    if planned is None:
        return found
    shares, readings, gaps = [], [], []
    for number, (selector, is_gauge) in enumerate(asked_selectors(indicator)):
        first, last, fewest, most, age, present = (
            _number(answer, f"{what} {number}") for what in _ABOUT_SCRAPES
        )
        if most is None and not is_gauge:
            continue  # no such series, such as failures that did not happen
        shares.append(0.0 if first is None or last is None else (last - first) / planned.seconds)
        if is_gauge:
            readings.append(round(fewest or 0))
        if fewest is None or most is None or fewest < most - 1:
            gaps.append(f"{selector} has a series with {fewest or 0:g} of {most or 0:g} scrapes")
        elif is_gauge and not (
            (age or 0.0) <= planned.seconds / (FEWEST_READINGS - 1)
            and (present or 0.0) >= PRESENT * names.ASKED_STEPS
        ):
            gaps.append(f"{selector} is missing for a part of the window")
    return replace(
        found,
        share=max(0.0, min(1.0, *shares)) if shares else None,
        readings=min(readings, default=None),
        gaps=tuple(gaps),
    )


def _number(answer: ServerAnswer, what: str) -> float | None:
    found = answer.found.get(what, ())
    return found[0][1] if found and math.isfinite(found[0][1]) else None


def _expression(answer: ServerAnswer, planned: Interval) -> float:
    value = _only(answer)
    newest = [found for _, found in answer.found.get(names.ASKED_NEWEST, ())]
    if newest and newest[0] < planned.start:
        age = format_quantity(planned.end - newest[0], Unit.SECONDS)
        raise NoDataError(
            f"the series is stale: its last sample is {age} older than the window's end;"
            " is the service still scraped?"
        )
    return value


def _only(answer: ServerAnswer) -> float:
    """The value of the one series."""
    found = answer.found.get(names.ASKED_VALUE, ())
    if not found:
        raise NoDataError(f"the query has no result at the window's end; {_HINT}")
    if len(found) > 1:
        raise NoDataError(
            f"the query yields {len(found)} series, e.g. {dict(found[0][0])}; make them one,"
            " for example with sum()"
        )
    value = found[0][1]
    if math.isnan(value):
        raise NoDataError(
            "the result is NaN: it is a share or mean of events, and the window had none"
        )
    if math.isinf(value):
        raise NoDataError("the result is infinite: it divides by a value that is 0 in the window")
    return value


def _scrapes(answer: ServerAnswer, indicator: Indicator, planned: Interval) -> int:
    """How many samples within the window there are, at the best series."""
    level = isinstance(indicator, Gauge | Utilization)
    scrapes = round(_sum(answer, names.ASKED_SCRAPES))
    if not scrapes:
        raise NoDataError(f"there is no sample within the window; {_HINT}")
    if scrapes < _FEWEST and not level:
        raise NoDataError(
            f"one sample within a window of {format_quantity(planned.seconds, Unit.SECONDS)} is too"
            " few for an increase; raise `duration`, or let Prometheus scrape more often"
        )
    return scrapes


def _sum(answer: ServerAnswer, what: str) -> float:
    values: Sequence[float] = [value for _, value in answer.found.get(what, ())]
    if not all(map(math.isfinite, values)):
        raise NoDataError(f"the answer about {what} is NaN or infinite")
    return math.fsum(values)


def _samples(answer: ServerAnswer, scrapes: int, planned: Interval) -> int:
    if names.ASKED_EVENTS not in answer.found:
        return scrapes
    return max(1, round(_sum(answer, names.ASKED_EVENTS) * planned.seconds))


def _histogram(answer: ServerAnswer, indicator: Quantile, planned: Interval) -> Histogram:
    if len(set(_by_edge(answer, names.ASKED_LAYOUT, indicator).values())) > 1:
        raise NoDataError(
            f"the instances of {indicator.histogram.metric} have different buckets, which cannot be"
            " added; give all the same, or narrow `where`"
        )
    rates = _by_edge(answer, names.ASKED_BUCKETS, indicator)
    layout = tuple(sorted(rates))
    if not layout or layout[-1] != math.inf:
        raise NoDataError(f'{indicator.histogram.metric} has no bucket le="+Inf"; {_HINT}')
    counts = {edge: rate * planned.seconds for edge, rate in rates.items()}
    if not counts[math.inf] > 0:
        raise NoDataError(
            f"{indicator.histogram.metric} observed nothing in the window; does the load use it?"
        )
    return Histogram(layout, cumulative(layout, [counts]), PROMETHEUS)


def _by_edge(answer: ServerAnswer, what: str, indicator: Quantile) -> dict[float, float]:
    """Values by the edge of their bucket; "1" and "1.0" are one."""
    found: dict[float, float] = defaultdict(float)
    for labels, value in answer.found.get(what, ()):
        if not math.isfinite(value):
            raise NoDataError(f"a bucket of {indicator.histogram.metric} is NaN or infinite")
        found[bucket_edge(labels, indicator.histogram)] += value
    return found


def measure_answer(budget: Budget, observed: ObservedAnswer, own: float | None) -> Measurement:
    """The value that a Prometheus server answered.

    Args:
        budget: Of any kind that the load generator does not measure.
        observed: The answer.
        own: The value by the harness's own scrapes, where there is one.
    """
    if isinstance(observed.found, ObservedHistogram):
        found = measure_quantile(budget, observed.found)
    else:
        found = Measurement(observed.found, observed.samples, PROMETHEUS)
    return replace(found, note=_note(budget, observed, found, own))


def _note(budget: Budget, observed: ObservedAnswer, found: Measurement, own: float | None) -> str:
    """How the value was obtained, and how far it is from the exact one."""
    value = found.value
    if isinstance(observed.indicator, Promql):
        return "evaluated by Prometheus"
    level = isinstance(observed.indicator, Gauge | Utilization)
    note = f"{'read' if level else 'extrapolated'} by Prometheus from {observed.scrapes} scrapes"
    if own is None or value is None:
        return note
    if math.isclose(value, own, rel_tol=_SAME):
        return f"{note}, the same as by the harness's own scrapes"
    if found.bucket is not None:
        return note  # the distance of two values within buckets is not known
    exact = format_quantity(own, budget.unit)
    if not own:
        return f"{note}; by the harness's own scrapes it is {exact}"
    distance = format_quantity(abs(value / own - 1), Unit.RATIO)
    side = "over" if value > own else "under"
    return f"{note}, {distance} {side} the {exact} of the harness's own scrapes"
