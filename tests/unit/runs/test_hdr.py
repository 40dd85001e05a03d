"""Our encoding of histograms against the reference implementation, in both directions."""

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from harness.runs.cells import HIGHEST, bucket_of
from harness.runs.hdr import buckets_of, decode, decode_all, encode

BUCKETS = st.one_of(st.integers(0, 5000), st.integers(0, HIGHEST)).map(lambda n: bucket_of(n / 1e9))
COUNTS = st.dictionaries(BUCKETS, st.integers(1, 2**40), min_size=1, max_size=40)


@given(COUNTS)
def test_histogram_that_we_encode_is_read_by_hdrhistogram(counts: dict[int, int]) -> None:
    read = HdrHistogram.decode(encode(counts))
    assert {b: read.get_count_at_value(b) for b in counts} == counts
    assert read.get_total_count() == sum(counts.values())
    assert read.get_max_value() == read.get_highest_equivalent_value(max(counts))


@given(COUNTS)
def test_histogram_that_hdrhistogram_encodes_is_read_by_us(counts: dict[int, int]) -> None:
    histogram = HdrHistogram(1, HIGHEST, 3)
    for bucket, count in counts.items():
        histogram.record_value(bucket, count)
    assert decode(histogram.encode().decode()) == counts


def test_histogram_without_counts_round_trips() -> None:
    assert decode(encode({})) == {}
    assert HdrHistogram.decode(encode({})).get_total_count() == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "HISTF",
        "not base64",
        encode({5: 1})[:-8],
        encode({5: 1})[:40] + "AAAA" + encode({5: 1})[44:],
        HdrHistogram(1, 1000, 2).encode().decode(),
        encode({1 << 4000: 1}),
        encode({5: 2**63}),
    ],
    ids=[
        "empty",
        "short",
        "no base64",
        "cut off",
        "changed",
        "other settings",
        "a bucket beyond an hour",
        "a count of more than 64 bits",
    ],
)
def test_damaged_histogram_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(text)


BIG_COUNTS = st.dictionaries(BUCKETS, st.integers(1, 2**62 - 1), max_size=40)


@given(st.lists(st.one_of(COUNTS, BIG_COUNTS), max_size=6))
def test_many_histograms_are_decoded_as_each_of_them(histograms: list[dict[int, int]]) -> None:
    found = decode_all([encode(counts).encode() for counts in histograms])
    rows = [(n, *one) for n, counts in enumerate(histograms) for one in sorted(counts.items())]
    columns = (found.places, buckets_of(found.indexes), found.counts)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == rows


@pytest.mark.parametrize("text", ["HISTF", encode({5: 1})[:-8], encode({1 << 4000: 1})])
def test_damaged_histogram_among_many_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_all([one.encode() for one in (encode({5: 1}), text, encode({7: 1}))])
