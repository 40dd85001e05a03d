"""latency.hlog: round trips, the window's edges, damage, and what standard tools read."""

import random
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import RunFolderError
from harness.runs.cells import Cell, bucket_of
from harness.runs.latency import LatencyLog, merged, read_intervals, read_times
from harness.runs.model import LatencyKey
from harness.runs.records import latency_lines
from tests.recorded import read_counts

START = 1_800_000_000.4567
LATER = START + 10_000
FAST = LatencyKey("latency", "ok", "GET", "/fast")


def cell(second: int, seconds: Sequence[float], key: LatencyKey = FAST) -> Cell:
    counts: dict[int, int] = {}
    for value in seconds:
        counts[bucket_of(value)] = counts.get(bucket_of(value), 0) + 1
    return Cell(*key, second, counts)


def written(path: Path, *reports: list[Cell], start: float = START) -> Path:
    with LatencyLog(path) as log:
        log.begin(start)
        for report in reports:
            log.write(report)
    return path


def test_quantiles_of_what_was_written_equal_those_of_the_samples(tmp_path: Path) -> None:
    chance = random.Random(5)
    samples = [[chance.lognormvariate(-3, 1) for _ in range(500)] for _ in range(6)]
    path = written(tmp_path / "l.hlog", *([cell(i, values)] for i, values in enumerate(samples)))
    read = merged(read_intervals(path, START, 1, LATER))[FAST]
    assert read.count == 3000
    for q in (0.01, 0.5, 0.95, 0.99, 0.999, 1.0):
        exact = float(np.quantile(np.concatenate(samples), q, method="inverted_cdf"))
        assert read.quantile(q) == pytest.approx(exact, rel=0.0005)
    assert read.mean == pytest.approx(np.concatenate(samples).mean(), rel=0.0005)


def test_receive_lags_are_read_by_request_and_are_no_requests(tmp_path: Path) -> None:
    lags = LatencyKey("receive_lag", "ok", "GET", "/fast")
    path = written(tmp_path / "l.hlog", [cell(0, [0.1] * 3), cell(0, [0.001] * 2, lags)])
    found = read_times(path, START, 1, START + 1)
    assert found.recorded == 3
    assert found.intervals[lags][0].count == 2


def test_iterations_that_were_scheduled_and_started_are_counted_over_the_whole_run(
    tmp_path: Path,
) -> None:
    lags = LatencyKey("scheduler_lag"), LatencyKey("start_lag", name="worker-1")
    cells = [cell(second, [0.001] * n, lags[n % 2]) for second, n in ((-5, 4), (0, 3), (1, 2))]
    path = written(tmp_path / "l.hlog", [*cells, cell(0, [0.01] * 9)])
    assert read_times(path, START, 1, START + 1)[1:3] == (9, (6, 3))


@pytest.mark.parametrize("start", [START, 1_800_000_000.0, 1_800_000_000.9996, 1.7e9 + 1 / 3])
def test_window_takes_whole_seconds_from_its_start_to_before_its_end(
    tmp_path: Path, start: float
) -> None:
    cells = [cell(second, [0.01] * (second + 4)) for second in range(-3, 5)]
    path = written(tmp_path / "l.hlog", cells, start=start)
    assert merged(read_intervals(path, start, 1, start + 2))[FAST].count == 4 + 5
    assert merged(read_intervals(path, start, 1, start + 1.5))[FAST].count == 4 + 5
    assert merged(read_intervals(path, start, 1, start + 1))[FAST].count == 4
    assert merged(read_intervals(path, start + 100, 1, start + 200)) == {}
    assert read_counts(path) == {FAST: sum(range(1, 9))}


def test_late_answers_add_to_their_second(tmp_path: Path) -> None:
    path = written(tmp_path / "l.hlog", [cell(0, [0.1])], [cell(1, [0.2]), cell(0, [3.0])])
    assert merged(read_intervals(path, START, 1, START + 1))[FAST].quantile(1.0) == pytest.approx(
        3, rel=1e-3
    )
    assert read_counts(path) == {FAST: 3}


@given(st.text(), st.text(), st.sampled_from(["latency", "service_time"]))
def test_any_name_survives_its_tag(
    tmp_path_factory: pytest.TempPathFactory, method: str, name: str, what: str
) -> None:
    key = LatencyKey(what, "error", method, name)
    path = written(tmp_path_factory.mktemp("log") / "l.hlog", [cell(0, [0.5], key)])
    assert read_counts(path) == {key: 1}
    assert len(path.read_text().splitlines()) == 7


def test_tag_of_an_ordinary_request_is_legible(tmp_path: Path) -> None:
    key = LatencyKey("service_time", "ok", "GET", "/items/{id}")
    cells = [cell(0, [0.5], key), cell(0, [0.001], LatencyKey("scheduler_lag"))]
    lines = written(tmp_path / "l.hlog", cells).read_text().splitlines()
    assert lines[6].startswith("Tag=service_time|ok|GET|/items/{id},1800000000.457,1.000,500.")
    assert lines[7].startswith("Tag=scheduler_lag,1800000000.457,")


def test_standard_reader_reads_every_line(tmp_path: Path) -> None:
    now = time.time() + 5
    keys = [FAST, LatencyKey("latency", "error", "POST", "/a,b c"), LatencyKey("start_lag")]
    cells = [cell(second, [0.1, 0.2], key) for second in range(-2, 3) for key in keys]
    path = written(tmp_path / "l.hlog", cells, start=now)
    reader = HistogramLogReader(str(path), HdrHistogram(1, 3_600_000_000_000, 3))
    seen = []
    while (histogram := reader.get_next_interval_histogram()) is not None:
        seen.append((histogram.get_tag(), histogram.get_start_time_stamp() / 1000))
        assert histogram.get_total_count() == 2
        assert histogram.get_max_value() == pytest.approx(0.2e9, rel=1e-3)
        assert histogram.get_end_time_stamp() - histogram.get_start_time_stamp() == 1000
    reader.close()
    assert len(seen) == 15
    assert seen[0] == ("latency|ok|GET|/fast", pytest.approx(now - 2, abs=0.001))
    assert {tag for tag, _ in seen} == {
        "latency|ok|GET|/fast",
        "latency|error|POST|/a%2Cb%20c",
        "start_lag",
    }


def test_log_that_is_cut_off_anywhere_keeps_all_whole_lines(tmp_path: Path) -> None:
    path = written(tmp_path / "l.hlog", [cell(0, [0.1])], [cell(1, [0.2, 0.3])])
    text = path.read_text()
    whole = text.rindex("Tag=")
    for end in range(whole, len(text) - 1):
        path.write_text(text[:end])
        assert read_counts(path) == {FAST: 1}


def test_line_that_is_damaged_in_the_middle_is_an_error_with_its_place(tmp_path: Path) -> None:
    path = written(tmp_path / "l.hlog", [cell(0, [0.1])], [cell(1, [0.2])])
    path.write_text(path.read_text().replace("HISTFAAAA", "HISTFXAAA", 1))
    with pytest.raises(RunFolderError, match=r"l\.hlog:7: damaged line"):
        read_counts(path)


def test_missing_log_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="No such file"):
        merged(read_intervals(tmp_path / "none.hlog", 0, 1, 1))


def test_empty_log_has_no_distributions(tmp_path: Path) -> None:
    path = written(tmp_path / "l.hlog")
    assert merged(read_intervals(path, START, 1, LATER)) == {}
    assert read_counts(path) == {}


def test_written_lines_are_on_disk_before_the_log_is_closed(tmp_path: Path) -> None:
    log = LatencyLog(tmp_path / "l.hlog")
    log.begin(START)
    log.write([cell(0, [0.1])])
    assert read_counts(tmp_path / "l.hlog") == {FAST: 1}
    log.close()


def test_waits_without_an_answer_are_stored_beside_the_times(tmp_path: Path) -> None:
    waiting = LatencyKey("unanswered_latency", "", "GET", "/fast")
    service = LatencyKey("unanswered_service_time", "", "GET", "/fast")
    never = LatencyKey("unstarted_latency")
    cells = [
        cell(0, [0.01] * 7),
        cell(-2, [33.0] * 2, waiting),
        cell(1, [30.0] * 3, waiting),
        cell(1, [29.0] * 3, service),
        cell(1, [28.0] * 4, never),
    ]
    path = written(tmp_path / "l.hlog", cells)
    read = read_times(path, START, 1, START + 5)
    assert (read.recorded, read.unanswered) == (7, 5)  # those of the warm-up included
    found = merged(read.intervals)
    assert {key: times.count for key, times in found.items()} == {
        FAST: 7,
        waiting: 3,
        service: 3,
        never: 4,
    }
    assert found[waiting].values == pytest.approx([30.0], rel=0.0005)
    assert waiting.request == "GET /fast"


def test_only_wanted_kinds_are_read(tmp_path: Path) -> None:
    other = LatencyKey("service_time", "ok", "GET", "/fast")
    path = written(tmp_path / "l.hlog", [cell(0, [0.1] * 3), cell(0, [0.2], other)])
    assert set(read_intervals(path, START, 1, LATER, {"service_time"})) == {other}
    assert set(read_intervals(path, START, 1, LATER)) == {FAST, other}


@given(st.integers(200, 3000))
@settings(max_examples=10)
def test_log_reads_the_same_in_blocks_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, size: int
) -> None:
    lags = LatencyKey("generator_loop_lag")
    cells = [cell(second, [0.01, second / 7], key) for second in range(9) for key in (FAST, lags)]
    path = written(tmp_path_factory.mktemp("log") / "l.hlog", cells)
    text = path.read_text()
    expected = read_times(path, START, 2, START + 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latency_lines, "_BLOCK", size)
        assert read_times(path, START, 2, START + 8) == expected
        path.write_text(text + text[-9:].rstrip())
        assert read_times(path, START, 2, START + 8) == expected
        path.write_text(text.replace("HISTF", "HISTG", 3))
        with pytest.raises(RunFolderError, match=r"l\.hlog:7: damaged line"):
            read_times(path, START, 2)
