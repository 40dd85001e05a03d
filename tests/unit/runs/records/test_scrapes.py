"""Scrapes as lines with what changed: nothing is lost, and what does not change costs nothing."""

import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import RunFolderError
from harness.runs import metrics
from harness.runs.log import rest_of
from harness.runs.metrics import MetricsLog, finish, read_metrics, read_points
from harness.runs.openmetrics import Sample

T0 = 1_790_000_000.0


def gauge(name: str, value: float, **labels: str) -> Sample:
    return Sample(name, labels, value, "gauge", name)


def read(path: Path) -> dict[str, list[tuple[float, float]]]:
    return {
        f"{one.name}{sorted(one.labels.items()) or ''}": [*zip(one.times, one.values, strict=True)]
        for one in read_metrics(path)
    }


def test_scrape_is_one_line_with_what_changed(tmp_path: Path) -> None:
    path = tmp_path / "metrics.om"
    log = MetricsLog(path)
    log.add([gauge("a", 1), gauge("b", 2.5), gauge("c", math.nan)], T0, "x")
    log.add([gauge("a", 1), gauge("b", 3), gauge("c", math.nan)], T0 + 1, "x")
    log.add([gauge("a", 1), gauge("c", math.nan)], T0 + 2, "x")
    log.add([gauge("d", 7)], T0 + 2, "y")
    log.add([gauge("a", 1), gauge("b", 3), gauge("c", 4)], T0 + 3, "x")

    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert lines == [
        *("= 0 a", "= 1 b", "= 2 c", "@ 0 1790000000.000 3 0 1 1 2.5 2 NaN"),
        "@ 0 1790000001.000 3 1 3",
        "@ 0 1790000002.000 2 1 -",
        *("= 3 d", "@ 1 1790000002.000 1 3 7"),
        *("= 4 b", "@ 0 1790000003.000 3 4 3 2 4"),
    ]
    expected = [(T0, 2.5), (T0 + 1, 3), (T0 + 3, 3)]
    assert read(path)["b"] == expected
    assert read(path)["a"] == [(T0 + second, 1) for second in range(4)]
    assert read(path)["d"] == [(T0 + 2, 7)]
    log.close()
    assert read(path)["b"] == expected


values = st.sampled_from([0.0, -0.0, 1.0, 1.5, 1e15, 1e16, -3.0, math.inf, -math.inf, math.nan])
scrapes = st.lists(
    st.tuples(
        st.sampled_from("xy"),
        st.integers(0, 6),
        st.dictionaries(st.sampled_from("abc"), values, max_size=3),
    ),
    max_size=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scrapes)
def test_appended_lines_read_back_as_the_same_samples(
    tmp_path: Path, given: list[tuple[str, int, dict[str, float]]]
) -> None:
    path = tmp_path / "metrics.om"
    log = MetricsLog(path)
    expected: dict[str, dict[float, str]] = {}
    for group, second, found in given:
        log.add([gauge(name, value, g=group) for name, value in found.items()], T0 + second, group)
        for name, value in found.items():  # the first sample of a moment counts
            expected.setdefault(f"{name}{[('g', group)]}", {}).setdefault(T0 + second, repr(value))

    shown = {
        name: {at: repr(value) for at, value in points}
        for name, points in read(path).items()
        if not name.startswith("scrape_samples_contradicting")
    }
    assert shown == expected
    assert all(list(one.times) == sorted(set(one.times)) for one in read_metrics(path))
    log.close()


BAD = {
    "a number that was not declared": "@ 0 1790000000.000 1 5 1",
    "a number without its value": "@ 0 1790000000.000 1 0",
    "a scrape without a time": "@ 0",
    "a time in words": "@ 0 now 1 0 1",
    "a time that is none": "@ 0 nan 1 0 1",
    "a count in words": "@ 0 1790000000.000 many 0 1",
    "a value in words": "@ 0 1790000000.000 1 0 one",
    "a number that is declared twice": "= 0 b",
    "a number in words": "= one b",
    "a declaration without a series": "= 1",
    "a series without closing brace": '= 1 b{c="d"',
    "a series of two groups": "@ 0 1790000000.000 1 0 1\n@ 1 1790000001.000 1 0 2",
}


@pytest.mark.parametrize("line", BAD.values(), ids=BAD)
def test_bad_line_is_an_error_with_its_place(tmp_path: Path, line: str) -> None:
    path = tmp_path / "metrics.om"
    path.write_text(f"= 0 a\n{line}\n@ 0 1790000009.000 1 0 1\n")
    with pytest.raises(RunFolderError, match=rf"metrics\.om:{line.count(chr(10)) + 2}: "):
        read_metrics(path)


def test_last_line_that_a_kill_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.om"
    path.write_text("= 0 a\n= 1 b\n@ 0 1790000000.000 2 0 1 1 2\n@ 0 1790000001.000 2 0 5")
    assert read(path) == {"a": [(T0, 1)], "b": [(T0, 2)]}


def test_long_run_is_not_rewritten_and_reads_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(name: str) -> MetricsLog:
        log = MetricsLog(tmp_path / name)
        for second in range(6):
            log.add([gauge("a", second), gauge("b", 1)], T0 + second, "x")
        return log

    written("short").close()
    monkeypatch.setattr(metrics, "MOST_SAMPLES", 11)
    long = written("long")
    before = long.path.read_bytes()
    long.close()
    finish(long.path)
    assert long.path.read_bytes() == before
    assert long.unfinished == ""
    assert not before.endswith(b"# EOF\n")
    assert read(long.path) == read(tmp_path / "short")
    assert read_points(long.path)[0] == {"a": "gauge", "b": "gauge"}


def test_series_of_the_same_scrapes_share_their_times(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.om")
    for second in range(3):
        log.add([gauge("a", second), gauge("b", 1)], T0 + second, "x")
    one, other = read_metrics(log.path)
    assert one.times is other.times
    log.close()


def test_rest_of_a_long_log_is_compressed_and_read_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.runs.log.MOST_PLAIN", 60)
    path = tmp_path / "metrics.om"
    with MetricsLog(path) as log:
        for second in range(50):
            log.add([gauge("a", second)], T0 + second)
            assert read(path)["a"][-1] == (T0 + second, second)
        plain = path.read_bytes()
    assert len(plain) < 130
    assert path.read_bytes() == plain
    assert read(path)["a"] == [(T0 + second, second) for second in range(50)]
    whole = rest_of(path).read_bytes()
    rest_of(path).write_bytes(whole[:-20])  # a kill leaves no end, and perhaps half a line
    assert read(path)["a"][:40] == [(T0 + second, second) for second in range(40)]
    rest_of(path).write_bytes(b"x" + whole)
    with pytest.raises(RunFolderError, match=r"metrics\.om\.gz is damaged"):
        read_metrics(path)
