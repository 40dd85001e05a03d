"""Indicators: the keys of each kind, its meaning in the model, and the rules about its unit.

A new kind is a class here, a member of `IndicatorSpec`, and a case in each `match`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import Discriminator, Field, Tag, WithJsonSchema

from harness.budgets.model import (
    ErrorRatio,
    Gauge,
    Latency,
    Mean,
    Over,
    PerRequest,
    Promql,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
    Utilization,
)
from harness.budgets.parse.kinds import of_milliseconds
from harness.budgets.parse.problems import Place, Problems
from harness.budgets.parse.types import (
    LABEL,
    Absent,
    Filter,
    Flag,
    Metric,
    QuantileOf,
    Request,
    Section,
    Text,
)
from harness.budgets.presets import Named
from harness.budgets.selector import matcher
from harness.units import Unit

UnitName = Annotated[
    Literal["s", "ratio", "bytes", "1/s", "1"],
    WithJsonSchema({"enum": ["s", "ratio", "bytes", "1/s", "1", 1]}),
]

REQUESTS = "requests"  # as the denominator of a ratio
MetricUnitName = Annotated[
    Literal["s", "ms", "ratio", "bytes", "1/s", "1"],
    WithJsonSchema({"enum": ["s", "ms", "ratio", "bytes", "1/s", "1", 1]}),
]
_METRIC = "Name of the metric, as the exposition writes it"
_WHERE = (
    "Labels that a series must have: a value, a list of values, ~ and a regular expression, or ! "
    "before either for all others; matching series are summed"
)
_UNIT = (
    "Unit of the value, if the kind and the metric's name do not imply it: s, ratio, bytes, 1/s, 1;"
    " ms for a metric in milliseconds, whose bounds are times such as 200ms"
)
_REQUEST = 'One request as the locustfile names it, e.g. "GET /contacts"; default all of them'
_OVER = "How the window becomes one value: its mean, max, last value, or growth (last minus first)"
_FOREIGN_SUFFIXES = ("_milliseconds", "_microseconds", "_nanoseconds", "_ms", "_percent")


# --- the kinds --------------------------------------------------------------------------------


class SelectorSpec(Section):
    """Series of one metric."""

    metric: Metric = Field(description=_METRIC)
    where: dict[str, Filter] = Field(
        default={},
        description=_WHERE,
        json_schema_extra={"propertyNames": {"pattern": LABEL}},
    )


class CounterSpec(SelectorSpec):
    """Series of one counter."""

    absent: Absent | None = Field(
        None,
        description="0 if the counter is exposed from its first event on, and is zero before that",
    )


Countable: TypeAlias = Annotated[
    Annotated[Metric, Tag("metric-name")] | Annotated[CounterSpec, Tag("counter")],
    Discriminator(lambda value: {str: "metric-name", dict: "counter"}.get(type(value))),
]
Selectable: TypeAlias = Annotated[
    Annotated[Metric, Tag("metric-name")] | Annotated[SelectorSpec, Tag("selector")],
    Discriminator(lambda value: {str: "metric-name", dict: "selector"}.get(type(value))),
]


class LatencySpec(Section):
    """Latency as the load generator measures it."""

    kind: Literal["latency"]
    quantile: QuantileOf | None = Field(
        None, description="Which quantile; 0.95 is the 95th percentile"
    )
    mean: Flag = Field(default=False, description="true for the mean instead of a quantile")
    request: Request | None = Field(None, description=_REQUEST)
    of: Literal["latency", "service_time"] = Field(
        "latency",
        description="latency starts when a request is due, service_time when it is sent",
    )
    outcome: Literal["ok", "error", "all"] = Field("ok", description="Which requests count")

    def indicator(self, place: Place, problems: Problems) -> Latency:
        """The indicator in the model."""
        if (self.quantile is None) is not self.mean and not problems.within(place):
            problems.add(place, "needs exactly one of `quantile: 0.95` and `mean: true`")
        return Latency(self.quantile, self.request, self.of, self.outcome)


class ErrorRatioSpec(Section):
    """Failed requests divided by all requests, as the load generator counts them."""

    kind: Literal["error_ratio"]
    request: Request | None = Field(None, description=_REQUEST)

    def indicator(self, _: Place, __: Problems) -> ErrorRatio:
        """The indicator in the model."""
        return ErrorRatio(self.request)


class ThroughputSpec(Section):
    """Successful requests per second, as the load generator counts them."""

    kind: Literal["throughput"]
    request: Request | None = Field(None, description=_REQUEST)

    def indicator(self, _: Place, __: Problems) -> Throughput:
        """The indicator in the model."""
        return Throughput(self.request)


class QuantileSpec(SelectorSpec):
    """A quantile of a histogram of the service."""

    kind: Literal["quantile"]
    quantile: QuantileOf = Field(description="Which quantile; 0.95 is the 95th percentile")
    unit: MetricUnitName | None = Field(None, description=_UNIT)

    def indicator(self, place: Place, problems: Problems) -> Quantile:
        """The indicator in the model."""
        return Quantile(_histogram(self, place, problems), self.quantile)


class MeanSpec(SelectorSpec):
    """The mean of a histogram or summary of the service."""

    kind: Literal["mean"]
    unit: MetricUnitName | None = Field(None, description=_UNIT)

    def indicator(self, place: Place, problems: Problems) -> Mean:
        """The indicator in the model."""
        return Mean(_histogram(self, place, problems))


class RatioSpec(Section):
    """The increase of one counter divided by the increase of another."""

    kind: Literal["ratio"]
    of: Countable = Field(
        description="Counter of the numerator: a metric name, or metric and where"
    )
    to: Selectable = Field(
        description="Counter of the denominator: a metric name, or metric and where; or `requests` "
        "for those that the load generator made"
    )
    unit: MetricUnitName | None = Field(
        None, description="ratio when bounds are in %, else 1, or e.g. bytes"
    )

    def indicator(self, place: Place, problems: Problems) -> Ratio | PerRequest:
        """The indicator in the model."""
        of = _selector(self.of, (*place, "of"), problems)
        if self.to == REQUESTS:
            return PerRequest(of)
        return Ratio(of, _selector(self.to, (*place, "to"), problems))


class RateSpec(CounterSpec):
    """The increase of a counter per second."""

    kind: Literal["rate"]
    to: Selectable | None = Field(None, description="Gauge to divide by, e.g. the number of cores")
    unit: MetricUnitName | None = Field(None, description=_UNIT)

    def indicator(self, place: Place, problems: Problems) -> Rate:
        """The indicator in the model."""
        to = None if self.to is None else _selector(self.to, (*place, "to"), problems)
        return Rate(_selector(self, place, problems), to)


class GaugeSpec(SelectorSpec):
    """A gauge of the service."""

    kind: Literal["gauge"]
    over: Over = Field("mean", description=_OVER)
    unit: MetricUnitName | None = Field(None, description=_UNIT)

    def indicator(self, place: Place, problems: Problems) -> Gauge:
        """The indicator in the model."""
        _refuse_foreign_unit(self, place, problems)
        return Gauge(_selector(self, place, problems), self.over)


class UtilizationSpec(Section):
    """A gauge divided by a gauge."""

    kind: Literal["utilization"]
    of: Selectable = Field(
        description="Gauge of what is in use: a metric name, or metric and where"
    )
    to: Selectable = Field(description="Gauge of the limit: a metric name, or metric and where")
    over: Over = Field("mean", description=_OVER)

    def indicator(self, place: Place, problems: Problems) -> Utilization:
        """The indicator in the model."""
        of = _selector(self.of, (*place, "of"), problems)
        return Utilization(of, _selector(self.to, (*place, "to"), problems), self.over)


class PromqlSpec(Section):
    """An expression that a Prometheus server evaluates, with `--prometheus URL`."""

    kind: Literal["promql"]
    query: Text = Field(description="Expression in PromQL; {window} becomes the window's length")
    unit: UnitName = Field(description="Unit of the value: s, ratio, bytes, 1/s or 1")

    def indicator(self, _: Place, __: Problems) -> Promql:
        """The indicator in the model."""
        return Promql(self.query)


IndicatorSpec: TypeAlias = Annotated[
    LatencySpec
    | ErrorRatioSpec
    | ThroughputSpec
    | QuantileSpec
    | MeanSpec
    | RatioSpec
    | RateSpec
    | GaugeSpec
    | UtilizationSpec
    | PromqlSpec,
    Field(discriminator="kind"),
]
KINDS: dict[str, type[Section]] = {
    get_args(spec.model_fields["kind"].annotation)[0]: spec
    for spec in get_args(get_args(IndicatorSpec)[0])
}


def read(spec: IndicatorSpec, place: Place, problems: Problems) -> Named:
    """The indicator of a mapping in the file; `problems` takes the mistakes in it."""
    explicit = getattr(spec, "unit", None)
    indicator = spec.indicator(place, problems)
    if explicit == "ms":
        return Named(of_milliseconds(indicator), Unit.SECONDS)
    return Named(indicator, Unit(explicit) if explicit else None)


# --- their parts ------------------------------------------------------------------------------


def _selector(spec: str | SelectorSpec, place: Place, problems: Problems) -> Selector:
    if isinstance(spec, str):
        return Selector(spec)
    for label, written in spec.where.items():
        try:
            matcher(written)
        except ValueError as error:
            problems.add((*place, "where", label), f"is not a filter: {error}")
        if not re.fullmatch(LABEL, label):
            problems.add(
                (*place, "where", label),
                "is not a label name; it consists of letters, digits and _",
            )
    absent = isinstance(spec, CounterSpec) and spec.absent is not None
    return Selector(spec.metric, dict(spec.where), absent)


def _histogram(spec: QuantileSpec | MeanSpec, place: Place, problems: Problems) -> Selector:
    for suffix in ("_bucket", "_count", "_sum"):
        if spec.metric.endswith(suffix):
            name = spec.metric.removesuffix(suffix)
            problems.add(
                (*place, "metric"), f"name the whole histogram, without {suffix}: `{name}`"
            )
    _refuse_foreign_unit(spec, place, problems)
    return _selector(spec, place, problems)


def _refuse_foreign_unit(
    spec: QuantileSpec | MeanSpec | GaugeSpec, place: Place, problems: Problems
) -> None:
    """A metric in milliseconds would be read as seconds, a thousand times too large."""
    if spec.unit is None and spec.metric.endswith(_FOREIGN_SUFFIXES):
        problems.add(
            (*place, "metric"),
            "is in milliseconds; add `unit: ms`, and write bounds as times, e.g. 200ms"
            if spec.metric.endswith(("_milliseconds", "_ms"))
            else "is not in a base unit; add `unit: 1` and write bounds as plain numbers "
            "in the metric's own unit",
        )
