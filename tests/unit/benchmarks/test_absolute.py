"""How often one run is wrong, and how soon it is right, by simulation with a known truth.

The counts leave room for chance: benchmarks/README.md has those of thousands of runs.
"""

import numpy as np
import pytest

from benchmarks.campaign.absolute import Case, simulate
from harness.judge.intervals.levels import looks


@pytest.mark.untraced
@pytest.mark.parametrize(
    "case",
    [
        Case(1.0, seconds=30),
        Case(1.0, seconds=16, ends="goes on", rate=30),
        Case(1.0, seconds=30, ends="early"),
    ],
    ids=["30 s", "on until decided", "early"],
)
def test_a_service_at_its_limit_seldom_fails_and_seldom_passes(case: Case) -> None:
    tally = simulate(case, 200, 11)
    assert tally.failed <= 6  # 1% of 200 are 2; 7 or more of them are a chance of 0.5%
    assert tally.passed <= 18  # 5% are 10; 19 or more are a chance of 0.6%


@pytest.mark.untraced
@pytest.mark.parametrize(("ratio", "passes"), [(0.7, True), (1.5, False)])
def test_a_service_far_from_its_limit_is_decided_soon(ratio: float, passes: bool) -> None:
    tally = simulate(Case(ratio, ends="early"), 60, 12)
    assert (tally.passed if passes else tally.failed) >= 57
    assert np.median(tally.seconds) <= 20


def test_looks_come_every_five_seconds_and_later_every_tenth_of_the_time() -> None:
    assert list(looks(30)) == [10, 15, 20, 25, 30]
    assert list(looks(5)) == [5]
    found = list(looks(600))
    assert found[:11] == list(range(10, 65, 5))
    assert found[-1] == 600
    assert len(found) < 40
