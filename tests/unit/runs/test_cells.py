"""Buckets against HdrHistogram itself."""

import math

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from harness.runs.cells import HIGHEST, bucket_of, coarse_bucket_of, middle_of

HISTOGRAM = HdrHistogram(1, HIGHEST, 3)
NANOSECONDS = st.one_of(
    st.integers(0, HIGHEST),
    st.builds(lambda e, d: 2**e + d, st.integers(1, 41), st.integers(-2, 2)),
)


@given(NANOSECONDS)
def test_bucket_of_any_time_is_that_of_hdrhistogram(nanoseconds: int) -> None:
    seconds = nanoseconds / 1e9
    value = min(int(seconds * 1e9), HIGHEST)
    assert bucket_of(seconds) == HISTOGRAM.get_lowest_equivalent_value(value)


@given(NANOSECONDS)
def test_middle_of_a_bucket_lies_between_its_edges(nanoseconds: int) -> None:
    bucket = bucket_of(nanoseconds / 1e9)
    top = HISTOGRAM.get_highest_equivalent_value(bucket)
    assert middle_of(bucket) == pytest.approx((bucket + top) / 2e9, rel=1e-12)
    assert math.isclose(
        middle_of(bucket), min(nanoseconds, HIGHEST) / 1e9, rel_tol=0.0006, abs_tol=1e-9
    )


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [
        (-0.001, 0),
        (0.0, 0),
        (2.047e-6, 2047),
        (0.1, 99942400),
        (3600, 3599182594048),
        (1e9, 3599182594048),
    ],
    ids=["negative", "zero", "exact below two microseconds", "a tenth", "an hour", "endless"],
)
def test_bucket_of_a_time(seconds: float, bucket: int) -> None:
    assert bucket_of(seconds) == bucket


@given(NANOSECONDS)
def test_coarse_bucket_is_a_bucket_within_a_sixteenth(nanoseconds: int) -> None:
    seconds = nanoseconds / 1e9
    coarse = coarse_bucket_of(seconds)
    assert HISTOGRAM.get_lowest_equivalent_value(coarse) == coarse
    assert abs(coarse - bucket_of(seconds)) <= bucket_of(seconds) / 16


def test_coarse_buckets_are_eight_for_each_doubling() -> None:
    found = {coarse_bucket_of(nanoseconds / 1e9) for nanoseconds in range(32_768, 65_536, 50)}
    assert len(found) == 8
