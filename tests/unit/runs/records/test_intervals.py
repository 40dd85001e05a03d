"""Times by interval in arrays, against counting them one by one."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.runs.cells import Cell, bucket_of, middle_of
from harness.runs.latency import LatencyLog, merged, read_times
from harness.runs.model import Distribution, LatencyKey

START = 1_800_000_000.0
KEYS = (
    LatencyKey("latency", "ok", "GET", "/a"),
    LatencyKey("latency", "error", "GET", "/a"),
    LatencyKey("service_time", "ok", "GET", "/b"),
    LatencyKey("scheduler_lag"),
)
COUNTS = st.dictionaries(
    st.floats(0, 10).map(bucket_of),
    st.one_of(st.integers(1, 9), st.integers(1, 2**62 - 1)),
    min_size=1,
    max_size=5,
)
CELLS = st.lists(
    st.builds(
        lambda key, second, counts: Cell(
            key.what, key.outcome, key.method, key.name, second, counts
        ),
        *(st.sampled_from(KEYS), st.integers(-3, 8), COUNTS),
    ),
    max_size=12,
)


def of(counts: Counter[int]) -> Distribution:
    buckets = sorted(counts)
    return Distribution(tuple(map(middle_of, buckets)), tuple(counts[b] for b in buckets))


@given(CELLS)
def test_lines_of_an_interval_add_up_without_those_outside_the_window(
    tmp_path_factory: pytest.TempPathFactory, cells: list[Cell]
) -> None:
    path: Path = tmp_path_factory.mktemp("log") / "l.hlog"
    with LatencyLog(path) as log:
        log.begin(START)
        for cell in cells:
            log.write([cell])
    found = read_times(path, START, 2, START + 6)
    intervals: dict[LatencyKey, dict[int, Counter[int]]] = {}
    totals, failed = defaultdict[str, int](int), 0
    for cell in cells:
        count = sum(cell.counts.values())
        totals[cell.what] += count
        failed += count if (cell.what, cell.outcome) == ("latency", "error") else 0
        if 0 <= cell.second < 6:
            of_key = intervals.setdefault(LatencyKey.of(cell), {})
            of_key.setdefault(cell.second // 2, Counter()).update(cell.counts)
    assert found.intervals == {
        key: {number: of(counts) for number, counts in sorted(of_key.items())}
        for key, of_key in intervals.items()
    }
    assert list(found.intervals) == list(intervals)
    assert merged(found.intervals) == {
        key: of(sum(of_key.values(), Counter())) for key, of_key in intervals.items()
    }
    assert (found.recorded, found.failed) == (totals["latency"], failed)
    assert found.iterations == (totals["scheduler_lag"], 0)
