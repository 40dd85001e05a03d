"""Times over a bound in all batches at once, against counting them one by one."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.judge.guards.tails import Tails
from tests.unit.judge.evidence import distribution

TIMES = st.one_of(st.sampled_from([0.1, 0.2, 0.3, math.inf]), st.floats(0, 1))
BATCHES = st.lists(st.tuples(st.lists(TIMES, max_size=6), TIMES), max_size=5)


@given(BATCHES, st.data())
def test_counts_are_those_of_each_batch_with_its_own_bound(
    batches: list[tuple[list[float], float]], data: st.DataObject
) -> None:
    tails = Tails([distribution(times) for times, _ in batches])
    assert tails.highest.tolist() == [max(times, default=-math.inf) for times, _ in batches]
    over = [sum(time > bound for time in times) for times, bound in batches]
    assert tails.over(np.array([bound for _, bound in batches])) == sum(over)
    which = data.draw(
        st.lists(st.sampled_from(range(len(batches))), unique=True) if batches else st.just([])
    )
    bounds = np.array([batches[n][1] for n in which])
    assert tails.over(bounds, np.array(which, dtype=np.int64)) == sum(over[n] for n in which)
