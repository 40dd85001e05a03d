"""The unit in which times travel from the load generator to latency.hlog: a cell.

A cell counts times of one kind, of one request, of one second. Its buckets are exactly the
equivalence ranges of `HdrHistogram(1, 3_600_000_000_000, 3)` over nanoseconds: 2048 buckets of one
nanosecond, then 1024 for each doubling, so that a bucket is at most 0.1% wide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

HIGHEST = 3_600_000_000_000  # ns; longer times count as one hour
_COARSE_BITS = 4
_BITS = 11  # bits that a bucket's lower edge keeps: 2**11 is the first power of two over 2 * 10**3


@dataclass(frozen=True, slots=True)
class Cell:
    """Times that belong to one second.

    Attributes:
        what: The first field of a tag: names.LATENCY, SERVICE_TIME, RECEIVE_LAG or a reading of the
            generator.
        outcome: names.OK or ERROR; empty for a generator reading.
        second: Whole seconds from the start of the window to the second in which these requests
            were meant to start; negative during the warm-up.
        counts: Lower edge of a bucket in nanoseconds -> how many times fell into it.
    """

    what: str
    outcome: str
    method: str
    name: str
    second: int
    counts: Mapping[int, int]


def bucket_of(seconds: float) -> int:
    """The lower edge, in nanoseconds, of the bucket that a time falls into."""
    value = int(seconds * 1e9)
    if not 2048 <= value <= HIGHEST:
        if value < 2048:
            return max(value, 0)
        value = HIGHEST
    shift = value.bit_length() - _BITS
    return value >> shift << shift


def coarse_bucket_of(seconds: float) -> int:
    """As `bucket_of`, for a time that is known to a sixteenth: the bucket in the middle of it.

    A distribution then takes a tenth of the space.
    """
    value = bucket_of(seconds)
    shift = value.bit_length() - _COARSE_BITS
    if shift <= 0:
        return value
    return (value >> shift << shift) + (1 << shift - 1)


@cache  # of the 33,000 buckets at most
def middle_of(bucket: int) -> float:
    """The middle of a bucket in seconds, given its lower edge in nanoseconds."""
    width = 1 << max(0, bucket.bit_length() - _BITS)
    return (bucket + (width - 1) / 2) / 1e9
