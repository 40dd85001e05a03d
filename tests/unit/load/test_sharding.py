"""Shards of a schedule: together they emit it once, also after the loss of a generator."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.load.sharding import KEPT, ScheduleShard, apportion, draw


def take(shard: ScheduleShard, until: float) -> list[int]:
    """The places of the arrivals that are due before a time."""
    places = []
    while shard.due < until:
        places.append(shard.place)
        shard.advance()
    return places


schedules = st.lists(st.floats(0, 20), max_size=60).map(sorted)


@given(schedules, st.integers(1, 5))
def test_shards_together_are_the_schedule(schedule: list[float], count: int) -> None:
    emitted = [take(ScheduleShard(schedule, index, count), 100) for index in range(count)]
    assert sorted(chain(*emitted)) == list(range(len(schedule)))
    assert all(place % count == index for index, places in enumerate(emitted) for place in places)


@given(schedules, st.integers(2, 5), st.data())
def test_remaining_shards_emit_later_arrivals_exactly_once(
    schedule: list[float], count: int, data: st.DataObject
) -> None:
    lost = data.draw(st.integers(0, count - 1))
    resplit = data.draw(st.floats(0, 21))  # position of the others at the resplit
    moment = resplit + data.draw(st.floats(0, 5))
    remaining = [index for index in range(count) if index != lost]
    emitted = []
    for new, old in enumerate(remaining):
        shard = ScheduleShard(schedule, old, count)
        emitted += take(shard, resplit)
        shard.resplit(new, len(remaining), moment)
        emitted += take(shard, 100)
    missing = set(range(len(schedule))) - set(emitted)
    assert len(emitted) == len(set(emitted))
    assert missing == {
        place for place, due in enumerate(schedule) if due < moment and place % count == lost
    }


@given(st.floats(0, KEPT - 0.5))
def test_late_resplit_emits_missing_arrivals_at_once(ago: float) -> None:
    schedule = [number / 10 for number in range(200)]
    shard = ScheduleShard(schedule, 0, 2)
    before = take(shard, 10.0)
    shard.resplit(0, 1, 10.0 - ago)
    at_once = take(shard, 10.0)
    assert at_once == [p for p in range(1, 100, 2) if schedule[p] >= 10.0 - ago]
    assert before + take(shard, 100) == [*range(0, 100, 2), *range(100, 200)]


def test_shard_of_three_becomes_one_of_two_and_then_the_whole() -> None:
    schedule = [float(number) for number in range(30)]
    shard = ScheduleShard(schedule, 2, 3)
    assert take(shard, 6) == [2, 5]
    shard.resplit(1, 2, 10.0)
    assert take(shard, 15) == [8, 11, 13]
    shard.resplit(0, 1, 20.0)
    assert take(shard, 100) == [15, 17, 19, *range(20, 30)]
    assert shard.due == float("inf")


def test_shard_that_has_ended_continues_with_arrivals_of_others() -> None:
    shard = ScheduleShard([0.0, 1.0, 2.0, 3.0, 4.0], 0, 5)
    assert take(shard, 100) == [0]
    shard.resplit(0, 1, 2.0)
    assert take(shard, 100) == [2, 3, 4]


@pytest.mark.parametrize("seed", [0, 1, 2, 2**63, -5])
def test_draws_of_neighbouring_places_are_uniform_and_independent(seed: int) -> None:
    numbers = np.array([draw(seed, place) for place in range(20_000)])
    assert stats.kstest(numbers, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 4 / np.sqrt(20_000)


def test_draws_of_neighbouring_seeds_are_independent() -> None:
    one, other = ([draw(seed, place) for place in range(20_000)] for seed in (1, 2))
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(20_000)


def test_draw_agrees_with_the_published_generator() -> None:
    # The first outputs of SplitMix64 with seed 1234567, as its authors' implementation gives them.
    from harness.load import sharding as slices

    state, got = 1234567, []
    for _ in range(3):
        state = (state + slices._GOLDEN) & slices._MASK
        got.append(slices._mix(state))
    assert got == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize(
    ("total", "shares", "parts"),
    [
        (10, [0.75, 0.25], [8, 2]),
        (10, [1 / 3, 1 / 3, 1 / 3], [4, 3, 3]),
        (4, [0.97, 0.01, 0.01, 0.01], [1, 1, 1, 1]),
        (50, [0.98, 0.01, 0.01], [48, 1, 1]),
        (1, [0.5, 0.5], [1, 1]),
        (0, [1.0], [1]),
    ],
    ids=[
        "the larger remainder is rounded up",
        "equal remainders go to the first",
        "everyone has one",
        "small shares are rounded up to one",
        "fewer than there are shares",
        "nothing to share out",
    ],
)
def test_apportioned_parts(total: int, shares: list[float], parts: list[int]) -> None:
    assert apportion(total, shares) == parts


@given(st.integers(1, 500), st.lists(st.floats(0.01, 1), min_size=1, max_size=6))
def test_apportioned_parts_add_up_and_are_near_their_quotas(
    total: int, weights: list[float]
) -> None:
    shares = [weight / sum(weights) for weight in weights]
    parts = apportion(total, shares)
    assert min(parts) >= 1
    assert sum(parts) == max(total, len(parts))
    if min(total * share for share in shares) >= 1:
        assert all(abs(p - total * s) < 1 for p, s in zip(parts, shares, strict=True))
