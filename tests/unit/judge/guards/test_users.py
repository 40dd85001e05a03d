"""Guards on the number of users."""

from typing import Any

import pytest

from harness import names
from harness.runs.model import Requests
from tests.unit.judge.evidence import (
    evidence,
)
from tests.unit.judge.guards.guarding import (
    CLOSED,
    account,
    found,
    readings,
)


def users(alive: list[float], target: list[float], source: str = "") -> tuple[Any, ...]:
    return (
        readings(names.GENERATOR_USERS, alive, source),
        readings(names.GENERATOR_TARGET_USERS, target, source),
    )


@pytest.mark.parametrize(
    ("alive", "target", "missing"),
    [
        pytest.param([10, 9, 9, 10], [10] * 4, 1, id="one gone in two readings"),
        pytest.param([10, 0, 0, 0], [10] * 4, 10, id="all gone"),
        pytest.param([10, 9, 10, 9], [10] * 4, 0, id="one gone for a moment, twice"),
        pytest.param([10] * 4, [10] * 4, 0, id="all there"),
        pytest.param([12, 12, 11, 11], [10] * 4, 0, id="more than asked, still stopping"),
    ],
)
@pytest.mark.parametrize(
    ("counts", "scope"), [(CLOSED, "all"), (account(), "client")], ids=["closed", "open"]
)
def test_users_that_are_gone_for_two_readings_trip(
    alive: list[float], target: list[float], missing: int, counts: Requests, scope: str
) -> None:
    asked = readings(names.GENERATOR_ASKED, [counts.asked] * 4)
    run = evidence(*users(alive, target), asked, requests=counts)
    guard = found(run)["users-alive"]
    assert (guard.outcome, guard.value) == ("tripped" if missing else "ok", missing)
    if missing:
        assert guard.scope == scope
        assert (
            f"{missing} user{'s' if missing > 1 else ''} of the generator had ended" in guard.reason
        )


def test_users_of_several_generators_are_not_mixed_up() -> None:
    gone_in_turn = (
        *users([10, 9, 10], [10, 10, 10], "worker-1"),
        *users([9, 10, 9], [10, 10, 10], "worker-2"),
    )
    assert found(evidence(*gone_in_turn, requests=CLOSED))["users-alive"].outcome == "ok"
    second = found(evidence(*gone_in_turn, *users([5, 5], [6, 6], "worker-3"), requests=CLOSED))
    assert second["users-alive"].outcome == "tripped"
    assert "of the generator worker-3" in second["users-alive"].reason


def test_users_whose_number_changes_are_not_missed() -> None:
    alive = readings(names.GENERATOR_USERS, [1, 3, 5, 7, 10])
    known = readings(names.GENERATOR_TARGET_USERS, [10], first=5.0)
    assert found(evidence(alive, known, requests=CLOSED))["users-alive"].outcome == "ok"
    assert "users-alive" not in found(evidence(alive, requests=CLOSED))
