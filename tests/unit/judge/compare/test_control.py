"""Controls: a control that moves takes verdicts away, by chance as rarely as is said."""

from collections.abc import Sequence
from dataclasses import replace
from math import expm1, log

import numpy as np
import pytest

from harness.budgets.model import Latency
from harness.experiments.compare import MOST_BUDGETS
from harness.judge.compare.compare import compare
from harness.judge.compare.control import (
    calibration_controls,
    control_budget,
    endpoint_control,
)
from harness.judge.compare.model import Comparison, Control, Pair, Rules, SideMeasurements
from harness.judge.model import Measurement
from harness.units import Unit
from tests.unit.judge.evidence import budget

HEALTH = "GET /health"
P95 = budget(Latency(), 0.2, name="p95", max_regression=0.1)
MEAN = budget(Latency(quantile=None), 0.2, name="mean", max_regression=0.1)
RULES = Rules(most=12)
QUIET = (0.0, 0.01, -0.01, 0.005, -0.005, 0.002, -0.002)
WORSE = (0.2, 0.21, 0.19, 0.2, 0.205, 0.2, 0.21)


def side(values: dict[str, float | None]) -> SideMeasurements:
    return SideMeasurements(
        {
            name: Measurement(value, 500 if value else 0, "load generator", reason="no answers")
            for name, value in values.items()
        }
    )


def pairs(p95: Sequence[float], control: Sequence[float | None]) -> list[Pair]:
    """Pairs with such log ratios of the budget and of the control; None is without answers."""
    name = control_budget(HEALTH).name
    return [
        Pair(
            side({"p95": 0.1, name: 0.002}),
            side(
                {
                    "p95": 0.1 * np.exp(one),
                    name: None if other is None else 0.002 * np.exp(other),
                }
            ),
            seconds=20.0,
        )
        for one, other in zip(p95, control, strict=True)
    ]


def judged(p95: Sequence[float], control: Sequence[float | None]) -> Comparison:
    return compare([P95], pairs(p95, control), RULES, control=HEALTH)


def test_control_is_the_median_latency_of_its_endpoint() -> None:
    found = control_budget(HEALTH)
    assert found.indicator == Latency(0.5, HEALTH)
    assert (found.unit, found.max_regression) == (Unit.SECONDS, None)


@pytest.mark.parametrize(
    ("p95", "control", "outcome", "code", "of_control"),
    [
        pytest.param(QUIET[:4], QUIET[:4], "pass", 0, "steady", id="a steady control, no change"),
        pytest.param(WORSE[:4], QUIET[:4], "fail", 3, "steady", id="a steady control, worse"),
        pytest.param(WORSE, WORSE, "inconclusive", 4, "moved", id="a slower control and worse"),
        pytest.param(QUIET, WORSE, "inconclusive", 4, "moved", id="a slower control, no change"),
        pytest.param(
            QUIET,
            [-one for one in WORSE],
            "inconclusive",
            4,
            "moved",
            id="a faster control, no change",
        ),
        pytest.param(WORSE[:4], [None] * 4, "fail", 3, "unknown", id="no data of the control"),
        pytest.param(
            QUIET[:5],
            [0.2, None, 0.2, 0.2, None],
            "pass",
            0,
            "unknown",
            id="three pairs of the control",
        ),
    ],
)
def test_a_control_that_moves_makes_the_comparison_inconclusive(
    p95: Sequence[float],
    control: Sequence[float | None],
    outcome: str,
    code: int,
    of_control: str,
) -> None:
    found = judged(p95, control)
    assert (found.outcome, found.exit_code, found.done) == (outcome, code, True)
    (one,) = found.controls
    assert (one.name, one.source, one.outcome) == (HEALTH, "endpoint", of_control)
    assert one.pairs == sum(value is not None for value in control)


def test_reason_names_the_control_and_what_was_found_without_it() -> None:
    (change,) = judged(WORSE, [0.12] * 7).changes
    assert change.decision == "inconclusive"
    assert change.reason.startswith(
        "the control moved: the p50 latency of GET /health, which cannot change between the"
        " versions, is 12.7% worse (+12.7% .. +12.7%); something besides the change"
    )
    assert "; without the control: fail, p95 latency of all requests is 22" in change.reason
    assert change.advice == ""


def test_control_has_its_estimate_and_interval() -> None:
    (one,) = judged(QUIET, [log(1.05)] * 7).controls
    assert (one.estimate, one.lower, one.upper) == pytest.approx((0.05, 0.05, 0.05))


def test_control_ends_a_comparison_that_cannot_be_decided_any_more() -> None:
    found = judged((*QUIET[:3], 0.3), [0.12] * 4)
    assert (found.done, found.outcome, found.pairs) == (True, "inconclusive", 4)


@pytest.mark.parametrize(
    ("identical", "outcome", "of_controls"),
    [
        pytest.param({}, "pass", [], id="no calibration"),
        pytest.param({"p95": QUIET}, "pass", ["steady"], id="identical pairs are alike"),
        pytest.param({"p95": QUIET[:3]}, "pass", ["unknown"], id="three identical pairs"),
        pytest.param({"p95": WORSE}, "inconclusive", ["moved"], id="identical pairs differ"),
        pytest.param({"other": WORSE}, "pass", [], id="those of another budget"),
    ],
)
def test_identical_pairs_of_the_calibration_are_the_control_without_an_endpoint(
    identical: dict[str, Sequence[float]], outcome: str, of_controls: list[str]
) -> None:
    found = compare([P95], pairs(QUIET[:4], QUIET[:4]), RULES, identical=identical)
    assert found.outcome == outcome
    assert [one.outcome for one in found.controls] == of_controls
    if outcome == "inconclusive":
        assert "in 7 identical pairs" in found.changes[0].reason


def test_identical_pairs_take_away_only_the_verdict_of_their_budget() -> None:
    found = [
        Pair(side({"p95": 0.1, "mean": 0.1}), side({"p95": 0.1, "mean": 0.1}), 20.0)
        for _ in range(4)
    ]
    comparison = compare([P95, MEAN], found, RULES, identical={"p95": WORSE, "mean": QUIET})
    assert [change.outcome for change in comparison.changes] == ["inconclusive", "pass"]


def test_each_of_as_many_budgets_as_a_comparison_may_have_has_its_identical_pairs() -> None:
    names = [f"b{number}" for number in range(MOST_BUDGETS)]
    budgets = [replace(P95, name=name) for name in names]
    usual = side(dict.fromkeys(names, 0.1))
    same = [Pair(usual, usual, 20.0)] * 4
    shifted = [0.2 + one / 10 for one in QUIET]
    found = compare(budgets, same, RULES, identical={"b0": shifted, "b1": QUIET})
    assert [one.outcome for one in found.controls] == ["moved", "steady"]
    assert [change.outcome for change in found.changes] == ["inconclusive"] + ["pass"] * 49


def test_an_endpoint_takes_the_place_of_the_calibration() -> None:
    found = compare(
        [P95], pairs(QUIET[:4], QUIET[:4]), RULES, control=HEALTH, identical={"p95": WORSE}
    )
    assert (found.outcome, [one.source for one in found.controls]) == ("pass", ["endpoint"])


def moved(controls: Sequence[Control]) -> bool:
    return any(one.outcome == "moved" for one in controls)


def test_control_moves_by_chance_in_at_most_one_of_100_comparisons() -> None:
    """300 comparisons of 12 pairs: more than 9 false alarms have p < 0.001 if the rate is 1%."""
    draws = np.random.default_rng(11).normal(0, 0.05, (300, 12))
    assert sum(moved([endpoint_control(HEALTH, row.tolist(), RULES)]) for row in draws) <= 9


def test_calibration_moves_by_chance_for_any_budget_in_at_most_one_of_100_comparisons() -> None:
    draws = np.random.default_rng(12).normal(0, 0.05, (300, 3, 8))
    names = ["a", "b", "c"]
    count = sum(
        moved(calibration_controls(dict(zip(names, rows.tolist(), strict=True)), names, RULES))
        for rows in draws
    )
    assert count <= 9


def test_control_finds_a_shift_of_two_deviations_within_12_pairs() -> None:
    draws = np.random.default_rng(13).normal(0.1, 0.05, (100, 12))
    found = [endpoint_control(HEALTH, row.tolist(), RULES) for row in draws]
    assert sum(moved([one]) for one in found) >= 95
    middle = np.median([one.estimate or 0 for one in found])
    assert middle == pytest.approx(expm1(0.1), abs=0.01)
