"""How a guard is written down."""

from __future__ import annotations

from typing import Literal

from harness.judge.model import Guard, Touches
from harness.units import Unit


def guard(
    name: str,
    reason: str,
    *,
    tripped: bool,
    value: float | None = None,
    limit: float | None = None,
    unit: Unit = Unit.COUNT,
    touches: Touches = "client",
    request: str = "",
    only: tuple[str, ...] | None = None,
) -> Guard:
    """A guard with the outcome that `tripped` says; the rest is as in `Guard`."""
    outcome: Literal["ok", "tripped"] = "tripped" if tripped else "ok"
    return Guard(name, outcome, value, limit, unit, reason, touches, request, only)
