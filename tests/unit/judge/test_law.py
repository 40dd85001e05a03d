"""Less evidence never makes a verdict better: runs that are not green, damaged in many ways.

`python -m tests.law --cases 20000` damages more of them, with another seed each time.
"""

import pytest

from harness.judge.judge import judge
from tests.law.case import Case
from tests.law.cases import cases
from tests.law.damage import EVERY
from tests.law.law import GREEN, violations


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_case_of_the_law_is_not_green_before_it_is_damaged(case: Case) -> None:
    assert judge((case.budget,), case.run).outcome not in GREEN


@pytest.mark.untraced
@pytest.mark.parametrize("seed", range(2))
def test_run_that_is_not_green_does_not_become_green_by_less_evidence(seed: int) -> None:
    assert list(violations(1500, seed)) == []


def test_every_damage_is_done() -> None:
    assert len(EVERY) == len(set(EVERY)) == 24
