"""Stages of users become ramps, one user after the other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.budgets.workload import ClosedWorkload, UserStage
from harness.load.user_ramp import SPAWN_RATE, Step, steps_of


@pytest.mark.parametrize(
    ("stages", "steps"),
    [
        ((UserStage(50, 60),), [Step(0, 50, 100)]),
        ((UserStage(3000, 60),), [Step(0, 3000, 300)]),
        ((UserStage(50, 10, 0), UserStage(50, 60)), [Step(0, 50, 5)]),
        (
            (UserStage(50, 10, 0), UserStage(50, 20), UserStage(10, 8, 50), UserStage(10, 5)),
            [Step(0, 50, 5), Step(30, 10, 5)],
        ),
        ((UserStage(10, 5), UserStage(30, 5), UserStage(0, 5)),
         [Step(0, 10, 100), Step(5, 30, 100), Step(10, 0, 100)]),
        ((UserStage(60, 10, 20),), [Step(0, 20, 100), Step(0.2, 60, 40 / 9.8)]),
        ((UserStage(20, 10, 20),), [Step(0, 20, 100)]),
        ((UserStage(110, 1, 100),), [Step(0, 100, 100), Step(1, 110, 1000)]),
        ((UserStage(0, 10),), []),
    ],
    ids=[
        "users of a constant stage start at a hundred a second",
        "many users within ten seconds",
        "a ramp, held",
        "up and down again",
        "steps",
        "a ramp that does not start where the stage before ended",
        "a ramp to where it starts",
        "a ramp with no time left for it",
        "no users",
    ],
)  # fmt: skip
def test_steps_of_stages(stages: tuple[UserStage, ...], steps: list[Step]) -> None:
    got = steps_of(ClosedWorkload(stages))
    assert got == [pytest.approx(step) for step in steps]


stage = st.builds(UserStage, st.integers(0, 200), st.floats(5, 60), st.none() | st.integers(0, 200))


@given(st.lists(stage, min_size=1, max_size=5).map(tuple))
def test_each_step_ends_within_its_stage_with_the_users_of_the_stage(
    stages: tuple[UserStage, ...],
) -> None:
    steps = steps_of(ClosedWorkload(stages))
    users, done, end = 0, 0.0, 0.0
    for wanted in stages:
        begin, end = end, end + wanted.seconds
        for step in [s for s in steps if begin <= s.at < end]:
            assert step.at >= done - 1e-6
            done = step.at + abs(step.users - users) / step.rate
            users = step.users
            assert step.rate > 0
        assert users == wanted.users
        assert done <= end + 1e-6
    assert all(s.rate >= SPAWN_RATE for s in steps if s.at == 0 and stages[0].start_users is None)
