"""The shape of budgets.yaml: which keys there are, and what each may hold.

The JSON Schema is made from these models, so a description here is what an editor shows. What a
key means for another one (bounds and units, names that must exist) is the business of `resolve`.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from harness.budgets.model import OnNoData, Over, Severity
from harness.budgets.parse.scenario_schema import ScenarioSpec, TargetSpec
from harness.budgets.parse.types import (
    CASE,
    LABEL,
    NAME,
    BoundText,
    Date,
    Flag,
    Metric,
    Positive,
    PositiveRatio,
    QuantileOf,
    Request,
    Scalar,
    Seconds,
    Section,
    Text,
    Texts,
)
from harness.budgets.presets import PRESETS

UnitName = Annotated[
    Literal["s", "ratio", "bytes", "1/s", "1"],
    WithJsonSchema({"enum": ["s", "ratio", "bytes", "1/s", "1", 1]}),
]

_METRIC = "Name of the metric, as the exposition writes it"
_WHERE = "Labels that a series must have; those that match are summed"
_UNIT = (
    "Unit of the value, when the kind and the metric's name do not tell: s, ratio, bytes, 1/s, 1"
)
_REQUEST = 'One request as the locustfile names it, e.g. "GET /contacts"; without it, all of them'
_OVER = "How the window becomes one value: its mean, max, last value, or growth (last minus first)"


# --- indicators -------------------------------------------------------------------------------


class SelectorSpec(Section):
    """Series of one metric."""

    metric: Metric = Field(description=_METRIC)
    where: dict[str, Scalar] = Field(
        default={},
        description=_WHERE,
        json_schema_extra={"propertyNames": {"pattern": LABEL}},
    )


Selectable: TypeAlias = Annotated[
    Annotated[Metric, Tag("metric-name")] | Annotated[SelectorSpec, Tag("selector")],
    Discriminator(lambda value: {str: "metric-name", dict: "selector"}.get(type(value))),
]


class LatencySpec(Section):
    """Latency that the load generator saw."""

    kind: Literal["latency"]
    quantile: QuantileOf | None = Field(
        None, description="Which quantile; 0.95 is the 95th percentile"
    )
    mean: Flag = Field(default=False, description="true for the mean instead of a quantile")
    request: Request | None = Field(None, description=_REQUEST)
    of: Literal["latency", "service_time"] = Field(
        "latency",
        description="latency counts from when the request was due, service_time from its sending",
    )
    outcome: Literal["ok", "error", "all"] = Field("ok", description="Which requests count")


class ErrorRatioSpec(Section):
    """Failed requests over all requests, as the load generator saw them."""

    kind: Literal["error_ratio"]
    request: Request | None = Field(None, description=_REQUEST)


class ThroughputSpec(Section):
    """Successful requests per second, as the load generator saw them."""

    kind: Literal["throughput"]
    request: Request | None = Field(None, description=_REQUEST)


class QuantileSpec(SelectorSpec):
    """A quantile of a histogram of the service."""

    kind: Literal["quantile"]
    quantile: QuantileOf = Field(description="Which quantile; 0.95 is the 95th percentile")
    unit: UnitName | None = Field(None, description=_UNIT)


class MeanSpec(SelectorSpec):
    """The mean of a histogram or summary of the service."""

    kind: Literal["mean"]
    unit: UnitName | None = Field(None, description=_UNIT)


class RatioSpec(Section):
    """The increase of one counter over that of another."""

    kind: Literal["ratio"]
    of: Selectable = Field(description="Counter above the line: a metric name, or metric and where")
    to: Selectable = Field(description="Counter below the line: a metric name, or metric and where")
    unit: UnitName | None = Field(
        None, description="ratio when bounds are in %, else 1, or e.g. bytes"
    )


class RateSpec(SelectorSpec):
    """The increase of a counter per second."""

    kind: Literal["rate"]
    to: Selectable | None = Field(None, description="Gauge to divide by, e.g. the number of cores")
    unit: UnitName | None = Field(None, description=_UNIT)


class GaugeSpec(SelectorSpec):
    """A gauge of the service."""

    kind: Literal["gauge"]
    over: Over = Field("mean", description=_OVER)
    unit: UnitName | None = Field(None, description=_UNIT)


class UtilizationSpec(Section):
    """A gauge over a gauge."""

    kind: Literal["utilization"]
    of: Selectable = Field(description="What is used: a metric name, or metric and where")
    to: Selectable = Field(description="What there is: a metric name, or metric and where")
    over: Over = Field("mean", description=_OVER)


class PromqlSpec(Section):
    """An expression that a Prometheus server evaluates, with `--prometheus URL`."""

    kind: Literal["promql"]
    query: Text = Field(description="Expression in PromQL; {window} becomes the window's length")
    unit: UnitName = Field(description="Unit of the value: s, ratio, bytes, 1/s or 1")


ServiceSpec: TypeAlias = (
    QuantileSpec | MeanSpec | RatioSpec | RateSpec | GaugeSpec | UtilizationSpec
)
IndicatorSpec: TypeAlias = Annotated[
    LatencySpec | ErrorRatioSpec | ThroughputSpec | ServiceSpec | PromqlSpec,
    Field(discriminator="kind"),
]
KINDS: dict[str, type[Section]] = {
    get_args(spec.model_fields["kind"].annotation)[0]: spec
    for spec in get_args(get_args(IndicatorSpec)[0])
}

PresetName = Annotated[
    str,
    WithJsonSchema({"anyOf": [{"enum": sorted(PRESETS)}, {"type": "string", "minLength": 1}]}),
]
IndicatorReference: TypeAlias = Annotated[
    Annotated[PresetName, Tag("preset")] | Annotated[IndicatorSpec, Tag("mapping")],
    Discriminator(lambda value: {str: "preset", dict: "mapping"}.get(type(value))),
]


# --- budgets ----------------------------------------------------------------------------------


class AlertSpec(Section):
    """The bound in production; without this block a budget makes no alert."""

    max: BoundText | None = Field(None, description="Alert when the value is above this")
    min: BoundText | None = Field(None, description="Alert when the value is below this")
    hold: Seconds = Field(alias="for", description="How long it must last before the alert fires")
    severity: Literal["info", "warning", "critical"] = Field("warning", description="Its label")
    keep_firing_for: Seconds = Field(0.0, description="How long it fires on after recovery")


class WaiverSpec(Section):
    """A breach that is accepted until a date; until then the budget only warns."""

    until: Date = Field(description="Last day of the waiver, e.g. 2026-12-31")
    reason: Text = Field(description="Why the breach is accepted, for those who read the report")


class BudgetSpec(Section):
    """An indicator with a bound."""

    indicator: IndicatorReference = Field(
        description="What is measured: the name of a preset or of one of `indicators`, or a "
        "mapping with `kind`"
    )
    description: Text | None = Field(None, description="The budget in a sentence, for people")
    max: BoundText | None = Field(None, description='The value must not exceed this, e.g. "200ms"')
    min: BoundText | None = Field(None, description='The value must reach this, e.g. "80%"')
    max_regression: PositiveRatio | None = Field(
        None, description='Tolerated worsening in `harness compare`, e.g. "10%"'
    )
    severity: Severity = Field("error", description="error fails the run, warn warns, off ignores")
    on_no_data: OnNoData = Field("inconclusive", description="What a run without data means")
    min_samples: Positive = Field(1, description="Fewer samples than this are no data")
    scenarios: Texts | None = Field(None, description="Scenarios it applies to; without it, all")
    abort: Flag = Field(
        default=False,
        description="true stops the load as soon as the breach is certain; only for max of an "
        "error_ratio or of a latency with a quantile",
    )
    abort_after: Seconds | None = Field(
        None, description='How much of the window abort waits for, default "5s"'
    )
    alert: AlertSpec | None = Field(None, description="The bound in production, for Prometheus")
    objective: PositiveRatio | None = Field(
        None, description='Share of events within the bound, for burn-rate alerts, e.g. "99.9%"'
    )
    window: Seconds | None = Field(
        None, description='What the objective is about, between "7d" and "90d"'
    )
    runbook: Text | None = Field(None, description="Where people read what to do about a breach")
    waiver: WaiverSpec | None = Field(None, description="Accepts a breach until a date")


# --- the file ---------------------------------------------------------------------------------


class SelftestSpec(Section):
    """A mistake that is planted on purpose, and what must notice it."""

    description: Text | None = Field(None, description="The mistake in a sentence, for people")
    environment: dict[str, Scalar] = Field(
        min_length=1,
        description="Added to the target's environment: what plants the mistake",
    )
    breaks: Texts | None = Field(None, description="Budgets that must be breached, all of them")
    expect: Literal["breach", "unjudged"] = Field(
        "breach",
        description="unjudged when the run must end inconclusive (exit 4) instead of in a breach",
    )
    scenario: Text | None = Field(None, description="The scenario to run, default the first")


class FileSpec(Section):
    """Performance budgets of a service, and how to load it."""

    # Absence of these is told by `resolve`, with advice; for editors they are required.
    model_config = ConfigDict(
        json_schema_extra={"required": ["version", "service", "scenarios", "budgets"]}
    )

    version: Annotated[str, WithJsonSchema({"const": 1})] = Field(
        "", description="Version of this file's format: 1"
    )
    service: Text | None = Field(None, description="Name of the service")
    target: TargetSpec | None = Field(None, description="The service under load")
    runbooks: Text | None = Field(
        None, description="URL of the pages that alerts link to; each is named after its budget"
    )
    scenarios: dict[str, ScenarioSpec] = Field(
        default={},
        description="Ways to load the service, by name",
        json_schema_extra={"propertyNames": {"pattern": NAME}, "minProperties": 1},
    )
    indicators: dict[str, IndicatorSpec] = Field(
        default={}, description="Indicators by name; they add to the presets or redefine them"
    )
    budgets: dict[str, BudgetSpec] = Field(
        default={},
        description="What must hold, by name",
        json_schema_extra={"propertyNames": {"pattern": NAME}, "minProperties": 1},
    )
    selftest: dict[str, SelftestSpec] = Field(
        default={},
        description="Mistakes to plant and what must notice them, by name",
        json_schema_extra={"propertyNames": {"pattern": CASE}},
    )
