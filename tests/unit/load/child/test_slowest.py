"""Of each endpoint the slowest are kept and told once, the sampled ones on their own."""

from hypothesis import given
from hypothesis import strategies as st

from harness.load.child.slowest import KEPT, Slowest
from harness.load.protocol.frames import Slow

REQUESTS = st.lists(
    st.builds(
        lambda latency, at, sampled: Slow(at, "GET", "/", "ok", latency, latency, "", sampled),
        st.floats(0, 60),
        st.floats(0, 3600),
        st.booleans(),
    ),
    max_size=40,
    unique_by=(lambda slow: slow.latency, lambda slow: slow.at),
)


def top(requests: list[Slow]) -> set[Slow]:
    return set(sorted(requests, key=lambda slow: -slow.latency)[:KEPT])


def told_of(requests: list[Slow], every: int, *, sampling: bool) -> tuple[list[Slow], list[Slow]]:
    """All that is told when it is asked for after every few requests; what it was offered."""
    slowest, told, offered = Slowest(sampling=sampling), [], []
    for number, request in enumerate(requests, 1):
        if request.latency > slowest.bar:
            slowest.offer(request)
            offered.append(request)
        if number % every == 0:
            told += slowest.take()
    return told + slowest.take(), offered


@given(REQUESTS, st.integers(1, 10))
def test_told_are_the_slowest_of_all_and_of_the_sampled_each_once(
    requests: list[Slow], every: int
) -> None:
    told, _ = told_of(requests, every, sampling=True)
    assert len(told) == len(set(told))
    sampled = [request for request in requests if request.sampled]
    assert set(told) >= top(requests) | top(sampled)
    if every >= len(requests):
        assert set(told) == top(requests) | top(sampled)


@given(REQUESTS, st.integers(1, 10))
def test_without_sampling_only_the_slowest_of_all_are_looked_at(
    requests: list[Slow], every: int
) -> None:
    told, offered = told_of(requests, every, sampling=False)
    assert len(told) == len(set(told))
    assert set(told) >= top(requests)
    # The bar lets through exactly those that are among the slowest when they come.
    assert offered == [
        request for i, request in enumerate(requests) if request in top(requests[: i + 1])
    ]


def test_slow_request_that_a_slower_one_displaces_before_it_was_told_is_not_told() -> None:
    slowest = Slowest(sampling=False)
    for latency in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0):
        slowest.offer(Slow(0.0, "GET", "/", "ok", latency, latency))
    assert sorted(slow.latency for slow in slowest.take()) == [2, 3, 4, 5, 6]
    assert slowest.bar == 2.0
    assert slowest.take() == []
