"""Seconds lost, counted in each batch and in several batches together."""

import math
from collections.abc import Sequence
from math import ceil

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.budgets.model import Latency
from harness.judge.guards.excess import (
    Loss,
    LossByBatch,
    Queue,
    breached_in_spite_of,
    longest,
    lost_by_batch,
    queues,
    summed,
)
from harness.judge.guards.tails import Floats
from harness.judge.measure.observation import Coverage, ObservedTimes, RequestCount, Waits
from harness.judge.measure.series import Interval
from harness.runs.model import Distribution
from harness.runs.records.intervals import rows_of
from tests.unit.judge.evidence import distribution

WINDOW = Interval(0.0, 20.0)  # batches of 2 s


def test_loss_that_reaches_into_two_batches_counts_in_both_and_once_in_both_together() -> None:
    lost = lost_by_batch([Loss(1.5, 2.5, 0.4)], WINDOW)
    assert [lost.since(n, n) for n in (-1, 0, 1, 2)] == [0.0, 0.4, 0.4, 0.0]
    assert (lost.since(0, 1), lost.total, lost.last) == (0.4, 0.4, 1)
    assert (lost.since(-9, -1), lost.since(0, 9), lost.up_to(0), lost.up_to(-1)) == (0, 0.4, 0.4, 0)


def test_losses_between_scrapes_add_up_to_what_was_lost() -> None:
    """A thread that waits 0.3 s in each second, by scrapes once a second, from 5 s before."""
    losses = [Loss(n - 0.4, n + 0.6, 0.3) for n in range(-5, 20)]
    lost = lost_by_batch(losses, WINDOW)
    assert lost.total == pytest.approx(25 * 0.3)
    assert lost.up_to(4) <= 15 * 0.3 + 2 * 0.3  # 15 s, and the losses at the edge
    assert lost.since(0, 9) <= 20 * 0.3 + 2 * 0.3


def test_loss_takes_no_longer_than_the_batches_that_it_reaches_into() -> None:
    lost = lost_by_batch([Loss(0.5, 1.5, 9.0)], WINDOW)  # of several threads together
    assert (lost.since(0, 0), lost.total) == (2.0, 2.0)


def test_no_loss() -> None:
    assert (LossByBatch().up_to(3), LossByBatch().total, LossByBatch().last) == (0.0, 0.0, None)


TIMES = st.floats(-10, 25)
LOSSES = st.lists(
    st.tuples(TIMES, st.floats(0, 5), st.floats(0, 1)).map(
        lambda one: Loss(one[0], one[0] + one[1], one[2] * one[1])
    ),
    max_size=8,
)


@given(LOSSES, LOSSES, st.integers(-6, 12), st.integers(0, 12), st.floats(0, 1))
def test_bound_holds_wherever_in_its_interval_a_loss_occurred(
    one: list[Loss], other: list[Loss], first: int, count: int, place: float
) -> None:
    start, end = 2.0 * first, 2.0 * (first + count)

    def lost(losses: list[Loss]) -> float:
        """The seconds lost in the batches, if each loss is one piece at a place of its interval."""
        found = 0.0
        for loss in losses:
            begin = loss.start + place * (loss.end - loss.start - loss.seconds)
            found += max(0.0, min(end, begin + loss.seconds) - max(start, begin))
        return found

    parts = [lost_by_batch(losses, WINDOW) for losses in (one, other)]
    slack = 1e-9
    for part, losses in zip(parts, (one, other), strict=True):
        assert part.since(first, first + count - 1) >= lost(losses) - slack
    both = summed(parts).since(first, first + count - 1)
    assert both >= lost(one) + lost(other) - slack
    assert longest(parts).since(first, first + count - 1) >= max(lost(one), lost(other)) - slack


@given(LOSSES, st.dictionaries(st.integers(0, 9), st.floats(0, 3)), st.integers(0, 9))
def test_queue_is_no_longer_than_at_any_moment_with_what_was_lost_since(
    losses: list[Loss], lengths: dict[int, float], number: int
) -> None:
    lost = lost_by_batch(losses, WINDOW)

    def by_definition() -> float:
        last = number
        while True:
            found = lost.up_to(last)
            found = min(
                [found, *(s + lost.since(n, last) for n, s in lengths.items() if n < number)]
            )
            end = min(number if lost.last is None else lost.last, number + ceil((0.2 + found) / 2))
            if end <= last:
                return found
            last = end

    found = Queue(lost, lengths).too_long(np.array([number]), np.array([0.2]), 2)
    assert found == pytest.approx([by_definition()], abs=1e-9)


def test_window_of_a_night_is_judged_in_proportion_to_its_length() -> None:
    count, calls = 14_400, 0

    class Counted(dict[int, float]):
        def get(self, key: int, default: float = 0.0) -> float:  # type: ignore[override]
            nonlocal calls
            calls += 1
            return super().get(key, default)

    lost = Counted(dict.fromkeys(range(0, count, 2), 0.5))
    queue = Queue(LossByBatch(lost, lost), dict.fromkeys(range(count), 0.01))
    found = queue.too_long(np.arange(count), np.full(count, 0.2), 2)
    assert found[[0, 1, -1]] == pytest.approx([0.5, 1.0, 0.51])
    assert calls <= 2 * count


def observed(batches: dict[int, list[float]], quantile: float | None) -> ObservedTimes:
    numbers = tuple(sorted(batches))
    parts = tuple(distribution(batches[number]) for number in numbers)
    times = Distribution.merge(parts)
    count = RequestCount(times.count)
    return ObservedTimes(
        *(Latency(quantile), Coverage(), times, times, {}, parts, parts, count, Waits(), 2, numbers)
    )


SLOW = st.dictionaries(
    st.integers(0, 9), st.lists(st.floats(0.01, 4), min_size=1, max_size=5), min_size=1
)


@given(LOSSES, SLOW, st.sampled_from([0.5, 0.9, None]), st.floats(0, 4))
def test_breach_stands_when_enough_requests_are_over_the_bound_with_the_queue_of_their_batch(
    losses: list[Loss], batches: dict[int, list[float]], quantile: float | None, bound: float
) -> None:
    lost = lost_by_batch(losses, WINDOW)
    numbers, parts = sorted(batches), observed(batches, quantile).batches
    queue = Queue(lost, dict(zip(numbers, queues(rows_of(parts)).tolist(), strict=True)))

    def too_long(number: int, limit: float) -> float:
        return float(queue.too_long(np.array([number]), np.array([limit]), 2)[0])

    every = [(number, time) for number, times in batches.items() for time in times]
    if quantile is None:
        longest_of = {number: max(times) for number, times in batches.items()}
        rest = sum(time - too_long(number, longest_of[number]) for number, time in every)
        assume(abs(rest / len(every) - bound) > 1e-9)
        breached = rest / len(every) > bound
    else:
        over = sum(time > bound + too_long(number, bound) for number, time in every)
        breached = over > (1 - quantile) * len(every) + 1e-9
    assert breached_in_spite_of(lost, observed(batches, quantile))(bound) == breached


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        pytest.param([[1, 2, 4], [1, 3, 5]], [1, 2], id="less the shortest of the window"),
        pytest.param([[1, 2, 4], [1.5, 3, 5]], [1, 2], id="nearly as short in the later half"),
        pytest.param([[1, 2, 4], [1.6, 3, 5]], [2, 3], id="a queue that grows"),
        pytest.param([[2, 3], [4, 5], [2, 6], [9, 9]], [0, 2, 0, 7], id="the first of two medians"),
        pytest.param([], [], id="no batches"),
    ],
)
def test_queue_of_a_batch(batches: list[list[float]], expected: list[float]) -> None:
    found = queues(rows_of([distribution(times) for times in batches]))
    assert found == pytest.approx(np.array(expected, dtype=float))


def fifo(arrivals: Floats, work: Floats, pauses: Sequence[tuple[float, float]]) -> Floats:
    """How long the requests of a single server take that does nothing in its pauses."""
    free, found = -math.inf, []
    for due, seconds in zip(arrivals.tolist(), work.tolist(), strict=True):
        at, left = max(due, free), seconds
        for start, end in pauses:
            if end <= at:
                continue
            if at + left <= start:
                break
            left -= max(0.0, start - at)
            at = end
        free = at + left
        found.append(free - due)
    return np.array(found)


@pytest.mark.parametrize("waits", [0.0, 0.05], ids=["computes", "waits for 50 ms, too"])
@pytest.mark.parametrize("busy", [0.1, 0.5, 0.9], ids="busy {:.0%}".format)
def test_no_bound_that_holds_without_the_pauses_is_breached_for_certain(
    busy: float, waits: float
) -> None:
    """The latencies of a queue with and without pauses; the second are the truth."""
    for seed in range(12):
        random = np.random.default_rng(seed)
        rate = random.choice([10, 50, 200])
        arrivals = np.sort(random.uniform(0, 20, 20 * rate))
        work = random.lognormal(0, random.choice([0.1, 0.5, 1]), len(arrivals))
        work *= busy / rate / work.mean()
        starts = np.sort(random.uniform(-2, 20, random.integers(1, 6)))
        lasts = np.minimum(starts + random.choice([0.05, 0.2, 0.5, 1.5]), [*starts[1:], 20.0])
        pauses = list(zip(starts.tolist(), lasts.tolist(), strict=True))
        truth, found = (waits + fifo(arrivals, work, some) for some in ([], pauses))
        lost = lost_by_batch([Loss(s, e, e - s) for s, e in pauses], WINDOW)
        batches: dict[int, list[float]] = {}
        for due, seconds in zip(arrivals.tolist(), found.tolist(), strict=True):
            batches.setdefault(int(due // 2), []).append(seconds)
        for quantile in (0.5, 0.95, 0.99):
            true = float(np.quantile(truth, quantile, method="higher"))
            certainly = breached_in_spite_of(lost, observed(batches, quantile))
            assert not certainly(true + 1e-6), (seed, quantile, true)


def test_pause_takes_nothing_from_what_is_slow_long_after_it() -> None:
    """A request waits 50 ms for something else, and the queue of a pause is gone in no time."""
    times = {n: [0.5, 0.3, 0.1] if n == 0 else [0.05, 0.051, 0.06, 0.09] for n in range(10)}
    lost = lost_by_batch([Loss(0.2, 0.7, 0.5)], WINDOW)
    assert breached_in_spite_of(lost, observed(times, 0.95))(0.085)
    assert not breached_in_spite_of(lost, observed(times, 0.95))(0.095)
