"""The schema of budgets.yaml: its keys, and the values that each accepts.

The JSON Schema is made from these models: an editor shows the descriptions. Rules between keys
(bounds and units, names that must exist) are in `resolve`.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from harness.budgets.model import OnNoData, Severity
from harness.budgets.parse.indicators import IndicatorSpec
from harness.budgets.parse.scenario_schema import ScenarioSpec, TargetSpec
from harness.budgets.parse.types import (
    CASE,
    NAME,
    BoundText,
    Date,
    Flag,
    ObjectiveShare,
    ObjectiveWindow,
    Regression,
    Request,
    Samples,
    Scalar,
    Seconds,
    Section,
    Text,
    Texts,
)
from harness.budgets.presets import PRESETS

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
    hold: Seconds = Field(
        alias="for", description="How long the breach must last before the alert fires"
    )
    severity: Literal["info", "warning", "critical"] = Field(
        "warning", description="The alert's label `severity`"
    )
    keep_firing_for: Seconds = Field(
        0.0, description="How long the alert keeps firing after recovery"
    )


class WaiverSpec(Section):
    """A breach that is accepted until a date; until then the budget only warns."""

    until: Date = Field(description="Last day of the waiver, e.g. 2026-12-31")
    reason: Text = Field(description="Why the breach is accepted; the report shows it")


class BudgetSpec(Section):
    """An indicator with a bound."""

    indicator: IndicatorReference = Field(
        description="What is measured: the name of a preset or of one of `indicators`, or a "
        "mapping with `kind`"
    )
    description: Text | None = Field(None, description="The budget in a sentence, for people")
    max: BoundText | None = Field(None, description='The value must not exceed this, e.g. "200ms"')
    min: BoundText | None = Field(None, description='The value must reach this, e.g. "80%"')
    max_regression: Regression | None = Field(
        None,
        description='Tolerated regression in `harness compare`, e.g. "10%". The budget fails when '
        "the candidate is worse with 99% confidence and perhaps by 10% or more. It passes when the "
        "candidate is worse by less than 10% with 95% confidence. A share (failures, misses, "
        "observations of a histogram over the bound) is 10% worse when 10% more events are bad",
    )
    severity: Severity = Field("error", description="error fails the run, warn warns, off ignores")
    on_no_data: OnNoData = Field(
        "inconclusive", description="Outcome of the budget when there is no data"
    )
    min_samples: Samples = Field(1, description="Fewer samples than this are no data")
    decide: Literal["interval", "value"] = Field(
        "interval",
        description="interval (default): the verdict is about the service; value: the value alone "
        "decides, about this run only",
    )
    scenarios: Texts | None = Field(None, description="Scenarios that it applies to; default all")
    abort: Flag = Field(
        default=False,
        description="true stops the load as soon as the breach is certain; only for max of an "
        "error_ratio or of a latency with a quantile",
    )
    abort_after: Seconds | None = Field(
        None, description='Time of the window before abort can stop the load, default "5s"'
    )
    alert: AlertSpec | None = Field(None, description="The bound in production, for Prometheus")
    objective: ObjectiveShare | None = Field(
        None, description='Share of events within the bound, for burn-rate alerts, e.g. "99.9%"'
    )
    window: ObjectiveWindow | None = Field(
        None, description='Time that the objective covers, between "7d" and "90d"'
    )
    runbook: Text | None = Field(None, description="URL of the instructions for a breach")
    waiver: WaiverSpec | None = Field(None, description="Accepts a breach until a date")


# --- the file ---------------------------------------------------------------------------------


class SelftestSpec(Section):
    """A mistake that is planted on purpose, and the budgets that must detect it."""

    description: Text | None = Field(None, description="The mistake in a sentence, for people")
    environment: dict[str, Scalar] = Field(
        min_length=1,
        description="Added to the target's environment; plants the mistake",
    )
    breaks: Texts | None = Field(None, description="Budgets that must be breached, all of them")
    expect: Literal["breach", "unjudged"] = Field(
        "breach",
        description="unjudged if the run must take place and end inconclusive (exit 4) instead of "
        "with a breach",
    )
    unjudged: Texts | None = Field(
        None,
        description="With expect: unjudged, the budgets that must be inconclusive, all of them",
    )
    scenario: Text | None = Field(None, description="The scenario to run, default the first")
    cause: Text | None = Field(
        None,
        description="With `harness selftest --diagnose`, what must be named as the cause: a part "
        "of a statement, of a function or of a place such as `contacts.py`",
    )


class CompareSpec(Section):
    """Comparisons of two versions, by `harness compare`."""

    control: Request | None = Field(
        None,
        description="An endpoint that cannot change between the versions, as the locustfile names "
        'it, e.g. "GET /health": when its median latency moves, the comparison is inconclusive',
    )


class FileSpec(Section):
    """Performance budgets of a service, and how to load it."""

    # `resolve` reports missing ones with advice; for editors they are required.
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
    compare: CompareSpec | None = Field(
        None, description="Comparisons of two versions, by `harness compare`"
    )
    selftest: dict[str, SelftestSpec] = Field(
        default={},
        description="Planted mistakes and the budgets that must detect them, by name",
        json_schema_extra={"propertyNames": {"pattern": CASE}},
    )
