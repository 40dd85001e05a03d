"""The shape of budgets.yaml: which keys there are, and what each may hold.

The JSON Schema is made from these models, so a description here is what an editor shows. What a
key means for another one (bounds and units, names that must exist) is the business of `resolve`.
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
    Positive,
    PositiveRatio,
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
