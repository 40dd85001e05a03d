"""Charts of the load generator: request rate, latency, errors, requests in flight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isnan

from harness import names
from harness.budgets.model import Budget, ErrorRatio, Gauge, Latency, Rate, Selector, Throughput
from harness.report.html.axis import Axis
from harness.report.html.panel import ChartChoice, ChartLine, ChartPanel, bound_of, known
from harness.report.html.readings import Readings, Values
from harness.report.parts.words import clean
from harness.runs.model import Distribution, LatencyKey
from harness.runs.records.intervals import IntervalRows, counts_of, merged_rows, rows_of
from harness.units import Unit

Intervals = Mapping[
    LatencyKey, Mapping[int, Distribution]
]  # of latency.hlog, by the number of the interval
ALL_REQUESTS = "all requests"
MOST_REQUESTS = 12  # choices of the chart of latency; requests with a budget come first
_QUANTILES = (0.5, 0.95, 0.99)
_NAME = 120


def client_panels(
    intervals: Intervals, readings: Readings, axis: Axis, budgets: Sequence[Budget]
) -> list[ChartPanel]:
    """The charts in their order; a chart without data is left out."""
    panels = [
        _rate(intervals, readings, axis, budgets),
        _latency(intervals, axis, budgets),
        _errors(intervals, axis, budgets),
        ChartPanel(
            "Requests in flight and users", Unit.COUNT, (ChartChoice("", _users(readings)),)
        ),
    ]
    return [panel for panel in panels if any(known(line.values) for line in panel.lines)]


def _rate(
    intervals: Intervals, readings: Readings, axis: Axis, budgets: Sequence[Budget]
) -> ChartPanel:
    counters = {
        "iterations scheduled": names.GENERATOR_ASKED,
        "iterations sent": names.GENERATOR_STARTED_ITERATIONS,
        "iterations dropped": names.GENERATOR_DROPPED,
    }
    series = {label: readings.over_time(Rate(Selector(name))) for label, name in counters.items()}
    lines = [ChartLine(label, values) for label, values in series.items() if any(known(values))]
    for label, outcome in (("requests succeeded", names.OK), ("requests failed", names.ERROR)):
        counts = _counts(_of(intervals, names.LATENCY, outcome, None), axis)
        if any(counts):
            lines.append(ChartLine(label, [count / axis.width for count in counts]))
    bounds = [
        bound_of(budget)
        for budget in budgets
        if isinstance(budget.indicator, Throughput) and budget.indicator.request is None
    ]
    return ChartPanel(
        "Request rate", Unit.PER_SECOND, (ChartChoice("", tuple(lines), tuple(bounds)),)
    )


def _latency(intervals: Intervals, axis: Axis, budgets: Sequence[Budget]) -> ChartPanel:
    of_latency = [budget for budget in budgets if isinstance(budget.indicator, Latency)]
    choices = []
    for request in _requests(intervals, of_latency):
        own = [budget for budget in of_latency if _request(budget) == request]
        choices.append(_latency_choice(intervals, axis, request, own))
    return ChartPanel("Latency", Unit.SECONDS, tuple(choices))


def _latency_choice(
    intervals: Intervals, axis: Axis, request: str | None, budgets: Sequence[Budget]
) -> ChartChoice:
    budgeted = {
        q for b in budgets if isinstance(b.indicator, Latency) and (q := b.indicator.quantile)
    }
    latency, service_time = (
        merged_rows([rows_of(part) for part in _of(intervals, what, names.OK, request)])
        for what in (names.LATENCY, names.SERVICE_TIME)
    )
    lines = [
        ChartLine(f"p{100 * q:.6g}", _quantile(latency, q, axis))
        for q in sorted({*_QUANTILES, *budgeted} - {1.0})
    ]
    lines += [
        ChartLine("max", _quantile(latency, 1.0, axis), hidden=1.0 not in budgeted),
        ChartLine("p95 service time", _quantile(service_time, 0.95, axis), hidden=True),
    ]
    return ChartChoice(_label(request), tuple(lines), tuple(map(bound_of, budgets)))


def _errors(intervals: Intervals, axis: Axis, budgets: Sequence[Budget]) -> ChartPanel:
    of_errors = [budget for budget in budgets if isinstance(budget.indicator, ErrorRatio)]
    requests = dict.fromkeys([None, *map(_request, of_errors)])
    choices = []
    for request in requests:
        good, bad = (
            _counts(_of(intervals, names.LATENCY, outcome, request), axis)
            for outcome in (names.OK, names.ERROR)
        )
        shares: Values = [b / (g + b) if g + b else None for g, b in zip(good, bad, strict=True)]
        bounds = tuple(bound_of(budget) for budget in of_errors if _request(budget) == request)
        choices.append(
            ChartChoice(_label(request), (ChartLine("failed requests", shares),), bounds)
        )
    return ChartPanel("Error ratio", Unit.RATIO, tuple(choices))


def _users(readings: Readings) -> tuple[ChartLine, ...]:
    gauges = {
        "in flight": names.GENERATOR_IN_FLIGHT,
        "users": names.GENERATOR_USERS,
        "arrivals waiting for a user": names.GENERATOR_BACKLOG,
    }
    series = {label: readings.over_time(Gauge(Selector(name))) for label, name in gauges.items()}
    lines = [ChartLine(label, values) for label, values in series.items() if any(known(values))]
    # Many idle users would flatten the requests in flight.
    return tuple(ChartLine(line.label, line.values, hidden=line.label == "users") for line in lines)


def _requests(intervals: Intervals, budgets: Sequence[Budget]) -> list[str | None]:
    """All requests together, then requests with a budget, then the busiest."""
    counts: dict[str, int] = {}
    for key, parts in intervals.items():
        if key.what == names.LATENCY:
            count = sum(counts_of([parts]).values())
            counts[key.request] = counts.get(key.request, 0) + count
    budgeted = [request for budget in budgets if (request := _request(budget)) in counts]
    busiest = sorted(counts, key=lambda request: (-counts[request], request))
    if len(counts) == 1:
        budgeted, busiest = [], []
    return list(dict.fromkeys([None, *budgeted, *busiest]))[: 1 + MOST_REQUESTS]


def _request(budget: Budget) -> str | None:
    indicator = budget.indicator
    return indicator.request if isinstance(indicator, Latency | ErrorRatio | Throughput) else None


def _label(request: str | None) -> str:
    return ALL_REQUESTS if request is None else clean(request, _NAME)


def _of(
    intervals: Intervals, what: str, outcome: str, request: str | None
) -> list[Mapping[int, Distribution]]:
    return [
        parts
        for key, parts in intervals.items()
        if key.what == what and key.outcome == outcome and request in {key.request, None}
    ]


def _counts(parts: Iterable[Mapping[int, Distribution]], axis: Axis) -> list[int]:
    counts = [0] * axis.count
    for number, count in counts_of(parts).items():
        if number < axis.count:
            counts[number] = count
    return counts


def _quantile(rows: IntervalRows, q: float, axis: Axis) -> Values:
    """A quantile of the times in each interval; None without any."""
    values: Values = [None] * axis.count
    for number, value in zip(rows.numbers.tolist(), rows.quantile(q).tolist(), strict=True):
        if number < axis.count and not isnan(value):
            values[number] = value
    return values
