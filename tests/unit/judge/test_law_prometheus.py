"""No answer of a Prometheus server makes a run green that is not green by the own scrapes.

`python -m tests.law --subject prometheus` gives more answers, with another seed each time.
"""

import math

import pytest

from harness import names
from harness.judge.judge import judge
from tests.law.case import Case
from tests.law.law import GREEN
from tests.law.prometheus import asked_cases, true_answer, violations, with_answer

CASES = asked_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_run_is_not_green_by_a_server_that_sees_the_same(case: Case) -> None:
    run = with_answer(case.run, case.budget, true_answer(case))
    assert judge((case.budget,), run).outcome not in GREEN


@pytest.mark.untraced
def test_run_that_is_not_green_does_not_become_green_by_an_answer() -> None:
    assert list(violations(400, 0)) == []


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize(
    "what", [names.ASKED_VALUE, names.ASKED_BUCKETS, names.ASKED_EVENTS, names.ASKED_SCRAPES]
)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answer_that_is_no_number_is_no_data(case: Case, what: str, value: float) -> None:
    found = true_answer(case)
    if what not in found:
        return
    found[what] = [(labels, value) for labels, _ in found[what]]
    (verdict,) = judge((case.budget,), with_answer(case.run, case.budget, found)).verdicts
    assert verdict.outcome in {"inconclusive", "fail"}
