"""The arrival rate of the stages of an open workload, and its integral."""

from __future__ import annotations

from collections.abc import Sequence

from harness.budgets.workload import Stage


def first_rate(stage: Stage) -> float:
    """Arrivals per second as a stage begins."""
    return stage.rate if stage.start_rate is None else stage.start_rate


def rate_within(stage: Stage, t: float) -> float:
    """Arrivals per second `t` seconds after a stage begins."""
    begin = first_rate(stage)
    return begin + (stage.rate - begin) * (t / stage.seconds)


def expected(stages: Sequence[Stage], until: float) -> float:
    """Arrivals expected in the first `until` seconds of stages that follow one another."""
    total = 0.0
    for stage in stages:
        t = min(max(until, 0.0), stage.seconds)
        total += t * (first_rate(stage) + rate_within(stage, t)) / 2
        until -= stage.seconds
    return total
