"""Pairs that show a regression never pass with less evidence of one side.

`python -m tests.law --subject compare` damages more of them, with another seed each time.
"""

from dataclasses import replace
from random import Random

import pytest

from harness.runs.model import Evidence
from tests.law.compare import Comparison, comparisons, outcome, violations
from tests.law.damage import metric_of_replica_missing, series_begins_late, sum_missing
from tests.law.law import GREEN
from tests.unit.judge.evidence import START


@pytest.mark.parametrize("case", comparisons(), ids=lambda case: case.name)
def test_comparison_of_the_law_shows_a_regression(case: Comparison) -> None:
    assert outcome(case.budget, case.sides) == "fail"


@pytest.mark.untraced
def test_regression_does_not_pass_with_less_evidence_of_one_side() -> None:
    assert list(violations(100, 0)) == []


@pytest.mark.untraced
def test_metric_that_one_replica_or_label_set_lacks_does_not_hide_a_regression() -> None:
    assert list(violations(40, 1, [metric_of_replica_missing, sum_missing])) == []


@pytest.mark.parametrize(
    "name", ["rate", "mean of a histogram", "queries", "share of failures", "queries per request"]
)
def test_counter_of_the_baseline_that_appears_late_does_not_hide_a_regression(name: str) -> None:
    (case,) = (one for one in comparisons() if one.name == name)
    for seed in range(16):
        sides = [(series_begins_late(Random(seed), a), b) for a, b in case.sides]
        assert outcome(case.budget, sides) not in GREEN


def test_regression_of_a_rate_is_not_hidden_by_two_scrapes_that_are_missing_at_an_edge() -> None:
    """Found by the law: the stamps of the scrapes step by 2 s at the start of the window."""
    (case,) = (one for one in comparisons() if one.name == "rate of births")
    sides = [(a, _stepped(b)) for a, b in case.sides]
    assert outcome(case.budget, sides) not in GREEN


def _stepped(run: Evidence) -> Evidence:
    later = (
        replace(one, times=tuple(t + 2 if t >= START else t for t in one.times))
        for one in run.series
    )
    return replace(run, series=tuple(later))
