"""The campaign on how often a run is inconclusive: its rows, by a small simulation."""

import numpy as np
import pytest

from benchmarks.campaign.absolute import Case, Model, simulate
from benchmarks.inconclusive.__main__ import BoundVerdict, _row
from benchmarks.inconclusive.models import Exponential, Pausing


@pytest.mark.parametrize("model", [Exponential(), Pausing(5.0, 0.05)])
@pytest.mark.parametrize(("ratio", "outcome"), [(0.5, "passed"), (2.0, "failed")])
def test_service_far_from_its_bound_is_always_decided(
    model: Model, ratio: float, outcome: str
) -> None:
    tally = simulate(Case(ratio, seconds=15, ends="goes on", rate=30), 40, 1, model)
    assert getattr(tally, outcome) == 40


def test_request_in_a_pause_waits_until_its_end() -> None:
    times = np.exp(Pausing(1e9, 0.0)(np.random.default_rng(1), 3, 20, 30))
    assert times.shape == (3, 600)
    assert times.max() < 0.1
    paused = np.exp(Pausing(5.0, 1.0)(np.random.default_rng(1), 3, 20, 30))
    assert paused.max() > 0.5


@pytest.mark.parametrize(
    ("ratio", "wrong", "row"),
    [
        (0.8, "fail", ["0.8", "1: 25.00%", "**2: 50.00%", "canary 1, precision 1", "26, 45"]),
        (0.9, "fail", ["0.9", "1: 25.00%", "2: 50.00%", "canary 1, precision 1", "26, 45"]),
        (2.0, "pass", ["2", "1: 25.00%", "**2: 50.00%", "canary 1, precision 1", "26, 45"]),
    ],
)
def test_row_counts_what_is_wrong_and_marks_a_missed_aim(
    ratio: float, wrong: str, row: list[str]
) -> None:
    right = "pass" if wrong == "fail" else "fail"
    found = [
        BoundVerdict(ratio, wrong, 15),
        BoundVerdict(ratio, right, 15),
        BoundVerdict(ratio, "inconclusive", 26, "canary"),
        BoundVerdict(ratio, "inconclusive", 45, "precision"),
    ]
    shown = _row("it", ratio, found, [one.seconds for one in found])
    assert shown[0] == "it"
    assert [cell.partition(" [")[0] for cell in shown[1:]] == row
