"""When a process's memory is called flat."""

import numpy as np
import pytest

from benchmarks.memory import MIB, by_minute, verdict

NOISE = np.random.default_rng(4).normal(0, 0.05, 20)


def minutes(slope: float) -> list[float]:
    return [50 + slope * minute + noise for minute, noise in enumerate(NOISE)]


@pytest.mark.parametrize(
    ("sizes", "word"),
    [
        pytest.param(minutes(0.0), "flat", id="noise alone is flat"),
        pytest.param([50.0] * 20, "flat", id="the same reading each minute is flat"),
        pytest.param(minutes(0.2), "growing", id="a fifth of a MiB each minute is growth"),
        pytest.param(minutes(-0.2), "undecided", id="what shrinks has not settled"),
        pytest.param(minutes(0.05), "undecided", id="a slope at the bound is undecided"),
        pytest.param([50, 51, 55, 60, *[60.0] * 16], "flat", id="what settles early is flat"),
        pytest.param(minutes(0.0)[:6], "undecided: too short", id="five minutes tell nothing"),
    ],
)
def test_verdict_of_memory_by_minute(sizes: list[float], word: str) -> None:
    assert verdict(sizes)[1] == word


def test_verdict_of_a_straight_line_tells_its_slope() -> None:
    assert verdict([50 + 0.1 * minute for minute in range(20)])[0] == "+0.100 [+0.100 .. +0.100]"


def test_by_minute_takes_the_median_of_full_minutes() -> None:
    readings = [(float(second), MIB * (second // 60 + 1)) for second in range(150)]
    readings[30] = (30.0, 1000 * MIB)
    assert by_minute(readings, 150.0) == [1.0, 2.0]
