"""The slowest requests of an endpoint are returned once, sampled requests separately."""

from hypothesis import given
from hypothesis import strategies as st

from harness.load.child.records.slowest import KEPT, Slowest
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


def taken(requests: list[Slow], every: int, *, sampling: bool) -> tuple[list[Slow], list[Slow]]:
    """All requests that `take` returns after every few requests, and those that were offered."""
    slowest, returned, offered = Slowest(sampling=sampling), [], []
    for number, request in enumerate(requests, 1):
        if request.latency > slowest.bar:
            slowest.offer(request)
            offered.append(request)
        if number % every == 0:
            returned += slowest.take()
    return returned + slowest.take(), offered


@given(REQUESTS, st.integers(1, 10))
def test_slowest_of_all_and_of_the_sampled_are_returned_once(
    requests: list[Slow], every: int
) -> None:
    returned, _ = taken(requests, every, sampling=True)
    assert len(returned) == len(set(returned))
    sampled = [request for request in requests if request.sampled]
    assert set(returned) >= top(requests) | top(sampled)
    if every >= len(requests):
        assert set(returned) == top(requests) | top(sampled)


@given(REQUESTS, st.integers(1, 10))
def test_without_sampling_only_the_slowest_of_all_are_kept(
    requests: list[Slow], every: int
) -> None:
    returned, offered = taken(requests, every, sampling=False)
    assert len(returned) == len(set(returned))
    assert set(returned) >= top(requests)
    # The bar admits exactly those that are among the slowest so far.
    assert offered == [
        request for i, request in enumerate(requests) if request in top(requests[: i + 1])
    ]


def test_slow_request_that_is_displaced_before_a_call_is_not_returned() -> None:
    slowest = Slowest(sampling=False)
    for latency in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0):
        slowest.offer(Slow(0.0, "GET", "/", "ok", latency, latency))
    assert sorted(slow.latency for slow in slowest.take()) == [2, 3, 4, 5, 6]
    assert slowest.bar == 2.0
    assert slowest.take() == []
