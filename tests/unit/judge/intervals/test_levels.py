"""How sure each look at a run must be, so that all looks together keep the promised errors."""

import numpy as np
import pytest
from scipy.special import ndtri

from harness.judge.intervals.levels import (
    AGAIN,
    GONE_FAR,
    GONE_ON,
    ONCE,
    PLANNED_END,
    ErrorLevels,
    levels_of,
    looks,
)
from tests.unit.judge.evidence import START, manifest

EARLY = list(looks(120))
ON, FAR = list(np.geomspace(1, 3, 5)), list(np.geomspace(1, 20, 5))


def paths(moments: list[float], starts: float) -> tuple[np.ndarray, np.ndarray]:
    """Estimates at each look, and their standard deviations: chance and the luck of a start."""
    generator = np.random.default_rng(1)
    times = np.array(moments) / moments[0]
    steps = generator.normal(size=(60_000, len(times))) * np.sqrt(np.diff(times, prepend=0))
    luck = generator.normal(size=(60_000, 1)) * starts
    return np.cumsum(steps, axis=1) / times + luck, 1 / np.sqrt(times)


@pytest.mark.parametrize("starts", [0.0, 0.5, 1.0, 2.0, 8.0])
@pytest.mark.parametrize(
    ("moments", "levels"),
    [
        (EARLY, [AGAIN] * len(EARLY)),
        (ON, [PLANNED_END, *[GONE_ON] * 4]),
        (FAR, [PLANNED_END, *[GONE_FAR] * 4]),
    ],
    ids=["early", "goes on", "goes on for long"],
)
def test_errors_of_all_looks_together_are_those_of_one(
    moments: list[float], levels: list[ErrorLevels], starts: float
) -> None:
    estimates, deviations = paths(moments, starts)
    for which, promised in enumerate(ONCE):
        within = -ndtri([level[which] for level in levels]) * deviations
        square = np.hypot(within, -ndtri([level[which] for level in levels]) * starts)
        limits = np.minimum(square, within - ndtri(promised) * starts)
        wrong = np.mean((estimates > limits).any(axis=1))
        assert wrong <= promised * 1.1  # three standard errors of the simulation


@pytest.mark.parametrize(
    ("scenario", "seconds", "levels"),
    [
        ({}, 10, ONCE),
        ({"planned": None, "duration": 10.0}, 10, ONCE),
        ({"planned": 10.0, "duration": 20.0}, 10, AGAIN),  # of an older version
        ({"planned": 10.0, "duration": 20.0, "early": True}, 20, AGAIN),
        ({"planned": 10.0, "duration": 30.0, "early": False}, 10, PLANNED_END),
        ({"planned": 9.5, "duration": 28.0, "early": False}, 10, PLANNED_END),
        ({"planned": 10.0, "duration": 30.0, "early": False}, 14, GONE_ON),
        ({"planned": 10.0, "duration": 40.0, "early": False}, 14, GONE_FAR),
    ],
)
def test_levels_follow_from_how_the_run_may_have_ended(
    scenario: dict[str, object], seconds: float, levels: ErrorLevels
) -> None:
    found = manifest()
    clock = found.clock.model_copy(update={"window_end": START + seconds})
    assert levels_of(found.model_copy(update={"scenario": scenario, "clock": clock})) == levels
