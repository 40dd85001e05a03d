"""What one request of a run cost, by the counters of the service, its processes and the load.

The costs need no budget: they are measured as the presets of the same names, for the report. CPU
time, page faults and the like are those of all that the service did within the window, background
tasks and the scrapes of its metrics included, divided by the requests of the load.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from harness.budgets.model import Budget
from harness.budgets.presets import CATALOGUE, COSTS, PRESETS
from harness.judge.intervals.interval import confidence
from harness.judge.intervals.levels import ONCE
from harness.judge.intervals.start_noise import NOISE
from harness.judge.measure.measure import Measured, measure_budgets
from harness.runs.model import Evidence
from harness.units import Unit


@dataclass(frozen=True, slots=True)
class Cost:
    """One cost of a request.

    Attributes:
        name: Of the preset.
        value: In `unit`, per request.
        lower: The lower end of its interval; None if it is not known.
        upper: The upper end.
        source: Where it was measured, for people.
    """

    name: str
    meaning: str
    value: float
    lower: float | None
    upper: float | None
    unit: Unit
    source: str


def request_costs(evidence: Evidence) -> tuple[Cost, ...]:
    """The costs of a request that the evidence of a run tells, in the order of `COSTS`.

    A run without a window has none, and a cost without data is left out.
    """
    budgets = (_budget(name) for name in COSTS)
    # A Prometheus server was asked about the budgets of the file, which may have the same names.
    measured = measure_budgets(tuple(budgets), replace(evidence, answers={}))
    noise = evidence.manifest.noise
    found = (_cost(one, noise.get(one.name, NOISE)) for one in measured)
    return tuple(cost for cost in found if cost is not None)


def _budget(preset: str) -> Budget:
    """A budget that every value keeps."""
    named = PRESETS[preset]
    assert named.unit is not None
    return Budget(preset, named.indicator, named.unit, math.inf, "max", preset=preset)


def _cost(one: Measured, noise: float) -> Cost | None:
    budget, found = one.budget, one.measurement
    if found.value is None:
        return None
    ends = confidence(budget, one.observation, found.value, ONCE, noise)
    return Cost(
        budget.name,
        CATALOGUE[budget.preset].meaning,
        found.value,
        ends.lower if ends else None,
        ends.upper if ends else None,
        budget.unit,
        found.source,
    )
