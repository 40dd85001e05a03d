"""Indicators: from their spec to the model, with all rules about their units."""

from __future__ import annotations

import re
from collections.abc import Iterable

from harness.budgets.model import (
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    Promql,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
    Utilization,
)
from harness.budgets.parse.problems import Place, Problems
from harness.budgets.parse.schema import (
    ErrorRatioSpec,
    GaugeSpec,
    IndicatorSpec,
    LatencySpec,
    MeanSpec,
    PromqlSpec,
    QuantileSpec,
    RateSpec,
    RatioSpec,
    SelectorSpec,
    ServiceSpec,
    ThroughputSpec,
    UtilizationSpec,
)
from harness.budgets.parse.types import LABEL
from harness.budgets.presets import Named
from harness.units import Unit

_FIXED_UNITS: dict[type[Indicator], Unit] = {
    Latency: Unit.SECONDS,
    ErrorRatio: Unit.RATIO,
    Throughput: Unit.PER_SECOND,
    Utilization: Unit.RATIO,
}
_UNIT_SUFFIXES = {"_seconds": Unit.SECONDS, "_bytes": Unit.BYTES, "_ratio": Unit.RATIO}
_FOREIGN_SUFFIXES = ("_milliseconds", "_microseconds", "_nanoseconds", "_ms", "_percent")


def read(spec: IndicatorSpec, place: Place, problems: Problems) -> Named:
    """The indicator that a mapping in the file describes; what makes no sense is noted."""
    explicit = getattr(spec, "unit", None)
    indicator = _indicator(spec, place, problems)
    if explicit is None:
        _refuse_foreign_unit(indicator, place, problems)
    return Named(indicator, Unit(explicit) if explicit else None)


def unit_of(named: Named, bounds: Iterable[str]) -> Unit:
    """The unit of an indicator's value, and so of its bounds.

    The file's or catalogue's word counts first, then what the kind or the metric's name implies.

    Args:
        named: The indicator.
        bounds: Its bounds as written: one in % makes a ratio of counters a ratio.
    """
    if named.unit is not None:
        return named.unit
    match named.indicator:
        case Quantile(histogram=selector) | Mean(histogram=selector):
            return _by_name(selector.metric, Unit.SECONDS)
        case Gauge(gauge=selector):
            return _by_name(selector.metric, Unit.COUNT)
        case Ratio():
            return Unit.RATIO if any(b.rstrip().endswith("%") for b in bounds) else Unit.COUNT
        case Rate(to=to):
            return Unit.RATIO if to else Unit.PER_SECOND
        case other:
            return _FIXED_UNITS[type(other)]


def _by_name(metric: str, default: Unit) -> Unit:
    return next((u for suffix, u in _UNIT_SUFFIXES.items() if metric.endswith(suffix)), default)


def _indicator(spec: IndicatorSpec, place: Place, problems: Problems) -> Indicator:
    match spec:
        case LatencySpec():
            return _latency(spec, place, problems)
        case ErrorRatioSpec():
            return ErrorRatio(spec.request)
        case ThroughputSpec():
            return Throughput(spec.request)
        case PromqlSpec():
            return Promql(spec.query)
        case _:
            return _of_service(spec, place, problems)


def _of_service(spec: ServiceSpec, place: Place, problems: Problems) -> Indicator:
    def select(key: str, value: str | SelectorSpec) -> Selector:
        return _selector(value, (*place, key), problems)

    match spec:
        case QuantileSpec():
            return Quantile(_histogram(spec, place, problems), spec.quantile)
        case MeanSpec():
            return Mean(_histogram(spec, place, problems))
        case GaugeSpec():
            return Gauge(_selector(spec, place, problems), spec.over)
        case RateSpec():
            to = None if spec.to is None else select("to", spec.to)
            return Rate(_selector(spec, place, problems), to)
        case RatioSpec():
            return Ratio(of=select("of", spec.of), to=select("to", spec.to))
        case UtilizationSpec():
            return Utilization(select("of", spec.of), select("to", spec.to), spec.over)


def _latency(spec: LatencySpec, place: Place, problems: Problems) -> Latency:
    if (spec.quantile is None) is not spec.mean and not problems.within(place):
        problems.add(place, "needs exactly one of `quantile: 0.95` and `mean: true`")
    return Latency(spec.quantile, spec.request, spec.of, spec.outcome)


def _selector(spec: str | SelectorSpec, place: Place, problems: Problems) -> Selector:
    if isinstance(spec, str):
        return Selector(spec)
    for label in spec.where:
        if not re.fullmatch(LABEL, label):
            problems.add(
                (*place, "where", label), "is no label name; labels have letters, digits and _"
            )
    return Selector(spec.metric, dict(spec.where))


def _histogram(spec: SelectorSpec, place: Place, problems: Problems) -> Selector:
    for suffix in ("_bucket", "_count", "_sum"):
        if spec.metric.endswith(suffix):
            name = spec.metric.removesuffix(suffix)
            problems.add(
                (*place, "metric"), f"name the whole histogram, without {suffix}: `{name}`"
            )
    return _selector(spec, place, problems)


def _refuse_foreign_unit(indicator: Indicator, place: Place, problems: Problems) -> None:
    """A metric in milliseconds would be read as seconds, a thousand times too large."""
    match indicator:
        case Quantile(histogram=selector) | Mean(histogram=selector) | Gauge(gauge=selector):
            if selector.metric.endswith(_FOREIGN_SUFFIXES):
                problems.add(
                    (*place, "metric"),
                    "is not in a base unit; add `unit: 1` and write bounds as plain numbers "
                    "in the metric's own unit",
                )
        case _:
            pass
