"""What a budget promises in production, where Prometheus watches it and nobody loads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Alert:
    """The production bound of a budget, for Prometheus."""

    bound: float
    hold: float  # seconds it must last, `for` in YAML
    severity: Literal["info", "warning", "critical"]
    keep_firing_for: float = 0.0


@dataclass(frozen=True, slots=True)
class Objective:
    """The share of events that keep within the bound, over a window of days.

    Attributes:
        share: E.g. 0.999. What is left of 1 is the error budget.
        window: Seconds.
    """

    share: float
    window: float
