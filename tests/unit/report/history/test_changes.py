"""Change points: of series with known changes, of none, and how often there is a false one."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from harness.judge.model import Verdict
from harness.report.history.changes import Change, change_points, with_changes
from harness.report.history.history import Trend, histories
from tests.unit.report.cases import HITS, MEMORY, P95
from tests.unit.report.history.cases import at, past


def noisy(*levels: tuple[int, float], spread: float = 1.0) -> list[float]:
    """Levels with normal noise: so many values around each."""
    rng = np.random.default_rng(3)
    means = np.concatenate([np.full(count, level) for count, level in levels])
    return [float(value) for value in means + spread * rng.normal(size=len(means))]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([1.0] * 5 + [2.0] * 4, [], id="nine values are too few"),
        pytest.param([1.0] * 5 + [2.0] * 5, [5], id="ten values without noise"),
        pytest.param([3.0] * 40, [], id="one value"),
        pytest.param([3.0] * 20 + [3.01] * 4, [20], id="a small step without noise"),
        pytest.param([3.0] * 20 + [4.0] * 2, [], id="the latest two may be outliers"),
        pytest.param([3.0] * 10 + [9.0] + [3.0] * 10, [], id="an outlier"),
        pytest.param(noisy((30, 0)), [], id="noise"),
        pytest.param(noisy((15, 0), (15, 5)), [15], id="a step in noise"),
        pytest.param(noisy((15, 5), (15, 0)), [15], id="a step down"),
        pytest.param(noisy((20, 0), (20, 8), (20, 0)), [20, 40], id="up and down again"),
        pytest.param(noisy(*((12, 10 * n) for n in range(5))), [12, 24, 36, 48], id="stairs"),
        pytest.param(noisy((20, 0), (20, 6), (20, 1000)), [20, 40], id="a small step and a large"),
    ],
)
def test_change_points_are_where_the_level_changes(
    values: Sequence[float], found: list[int]
) -> None:
    assert change_points(values) == found


def test_change_points_do_not_depend_on_the_scale() -> None:
    values = noisy((20, 0), (20, 4))
    assert change_points(list(np.exp(values))) == change_points(values) == [20]


@pytest.mark.parametrize("count", [20, 50])
@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(lambda rng, count: rng.normal(size=count), id="normal"),
        pytest.param(lambda rng, count: rng.lognormal(0, 0.5, size=count), id="lognormal"),
    ],
)
def test_false_alarms_are_as_rare_as_said(
    count: int, noise: Callable[[np.random.Generator, int], Sequence[float]]
) -> None:
    rng = np.random.default_rng(11)
    alarms = sum(bool(change_points(list(noise(rng, count)))) for _ in range(500))
    # Of 500 series 5 are expected; more than 12 would be once in 500 times.
    assert alarms <= 12


def test_known_changes_of_a_published_benchmark_are_found() -> None:
    values = json.loads(Path(__file__).with_name("tigerbeetle.json").read_text())["values"]
    found = change_points(values)
    assert {15, 71, 95} <= set(found)
    assert not {9, 10, 11, 12} & set(found)  # the outlier
    assert len(found) <= 10  # the slope has a few steps
    # A change is found soon after it happened.
    assert change_points(values[:21]) == [15]
    assert change_points(values[:77])[-1] == 71


# --- of a trend -----------------------------------------------------------------------------------


def trend(values: Sequence[float | None], of: Verdict) -> Trend:
    (history,) = histories([past(day, at(value, of)) for day, value in enumerate(values)])
    (found,) = with_changes(history).trends
    return found


@pytest.mark.parametrize(
    ("values", "of", "expected"),
    [
        pytest.param(
            [0.1] * 5 + [None, None] + [0.15] * 5, P95, Change(7, 4, 0.1, 0.15, 0.5), id="gap"
        ),
        pytest.param([0.9] * 5 + [0.75] * 5, HITS, Change(5, 4, 0.9, 0.75, 0.2), id="a min"),
        pytest.param([0.2] * 5 + [0.1] * 5, P95, Change(5, 4, 0.2, 0.1, -0.5), id="better"),
        pytest.param([-5.0] * 5 + [5.0] * 5, MEMORY, Change(5, 4, -5.0, 5.0, None), id="sign"),
    ],
)
def test_change_names_the_runs_around_it_and_the_levels(
    values: Sequence[float | None], of: Verdict, expected: Change
) -> None:
    (found,) = trend(values, of).changes
    assert (found.run, found.previous) == (expected.run, expected.previous)
    assert (found.before, found.after) == (expected.before, expected.after)
    assert found.regression == (expected.regression and pytest.approx(expected.regression))


def test_level_between_two_changes_is_of_the_runs_between_them() -> None:
    first, second = trend([0.1] * 10 + [0.2] * 10 + [0.3] * 10, P95).changes
    assert (first.before, first.after, second.before, second.after) == (0.1, 0.2, 0.2, 0.3)
