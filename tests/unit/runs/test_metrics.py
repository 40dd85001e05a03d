import errno
import math
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from harness.errors import RunFolderError
from harness.names import DECLARED, DECLARED_METRIC
from harness.observe.exposition import parse_exposition
from harness.runs import metrics
from harness.runs.metrics import MetricsLog, finalise, finish, read_metrics
from harness.runs.model import Series
from harness.runs.openmetrics import MetricKind, Sample, series_text
from harness.runs.records.scrapes import Held

T0 = 1_790_000_000.0
Rows = dict[tuple[str, tuple[tuple[str, str], ...]], list[tuple[float, float]]]


def strict(path: Path) -> tuple[Rows, dict[str, str]]:
    """What the reference implementation reads: points by series, and the type of each family.

    Moment by moment: prometheus_client 0.26 takes the buckets of a histogram's second moment for
    duplicates of its first. `assert_grouped` and promtool see to the order of the moments.
    """
    rows: Rows = {}
    types: dict[str, str] = {}
    lines = path.read_bytes().decode().split("\n")[:-1]
    assert_grouped(lines)
    moments = {line.rpartition(" ")[2] for line in lines if line[0] != "#"}
    for moment in sorted(moments) or [""]:
        kept = [line for line in lines if line[0] == "#" or line.rpartition(" ")[2] == moment]
        for family in text_string_to_metric_families("\n".join(kept)):  # type: ignore[no-untyped-call]
            types[family.name] = family.type
            for sample in family.samples:
                key = sample.name, tuple(sorted(sample.labels.items()))
                point = float(sample.timestamp), float(sample.value)
                rows.setdefault(key, []).append(point)
    return rows, types


def assert_grouped(lines: list[str]) -> None:
    """A family stands in one block, a group of it (labels but the edge) too, in order of time."""
    families = [line.split()[2] for line in lines if line.startswith("# TYPE ")]
    assert len(set(families)) == len(families)
    assert lines[-1] == "# EOF"
    seen: set[tuple[str, str]] = set()
    last: tuple[str, str] = ("", "")
    time = 0.0
    family = kind = ""
    for line in lines[:-1]:
        if line.startswith("#"):
            _, _, family, kind = line.split()
            continue
        series, _, at = line.rsplit(" ", 2)
        name, _, labels = series.partition("{")
        inner = re.sub(r'(le|quantile)="[^"]*",?', "", labels).replace(",}", "}").strip("}")
        group = (family, inner) if kind in {"histogram", "summary"} else (name, labels)
        assert group == last or group not in seen
        assert group != last or time <= float(at)
        seen.add(group)
        last, time = group, float(at)


def ours(series: Iterable[Series]) -> Rows:
    return {
        (one.name, tuple(sorted(one.labels.items()))): list(zip(one.times, one.values, strict=True))
        for one in series
    }


def histogram(
    name: str, buckets: dict[str, float], total: float, count: float, **labels: str
) -> list[Sample]:
    parts = [
        Sample(f"{name}_bucket", {"le": le, **labels}, value, "histogram", name)
        for le, value in buckets.items()
    ]
    return [
        *parts,
        Sample(f"{name}_sum", labels, total, "histogram", name),
        Sample(f"{name}_count", labels, count, "histogram", name),
    ]


def counter(name: str, value: float, **labels: str) -> Sample:
    return Sample(name, labels, value, "counter", name.removesuffix("_total"))


def gauge(name: str, value: float, **labels: str) -> Sample:
    return Sample(name, labels, value, "gauge", name)


def test_finished_log_of_a_real_registry_reads_the_same_with_the_strict_parser(
    tmp_path: Path,
) -> None:
    registry = CollectorRegistry()
    requests = Counter("requests", "help", ["route"], registry=registry)
    latency = Histogram("latency_seconds", "help", ["route"], registry=registry)
    in_use = Gauge("pool_in_use", "help", registry=registry)
    size = Summary("body_bytes", "help", registry=registry)
    path = tmp_path / "metrics.om"
    with MetricsLog(path) as log:
        for second in range(3):
            for route in ("/a", "/b"):
                requests.labels(route).inc(second + 1)
                latency.labels(route).observe(0.03 * second)
            in_use.set(second)
            size.observe(100)
            log.add(parse_exposition(generate_latest(registry).decode()), T0 + second)
            log.add_readings({"harness_users": 5.0, "harness_asked_total": second}, T0 + second)

    rows, types = strict(path)

    assert rows == ours(read_metrics(path))
    assert types == {
        "requests": "counter",
        "latency_seconds": "histogram",
        "pool_in_use": "gauge",
        "body_bytes": "summary",
        "harness_users": "gauge",
        "harness_asked": "counter",
    }
    assert rows["requests_total", (("route", "/b"),)] == [(T0, 1), (T0 + 1, 3), (T0 + 2, 6)]
    assert rows["harness_asked_total", ()] == [(T0, 0), (T0 + 1, 1), (T0 + 2, 2)]
    assert rows["latency_seconds_bucket", (("le", "0.025"), ("route", "/a"))][-1] == (T0 + 2, 1)


def test_unfinished_log_reads_like_the_finished_one(tmp_path: Path) -> None:
    path = tmp_path / "metrics.om"
    log = MetricsLog(path)
    for second in range(2):
        samples = [counter("b_total", second, x="1"), gauge("a", math.nan)]
        log.add([*samples, *histogram("h", {"1": 1, "+Inf": 2}, 3.5, 2)], T0 + second)
    killed = tmp_path / "killed.om"
    killed.write_bytes(path.read_bytes())
    log.close()

    assert repr(sorted(ours(read_metrics(killed)).items())) == repr(
        sorted(ours(read_metrics(path)).items())
    )


def test_half_a_line_that_a_kill_left_is_no_sample(tmp_path: Path) -> None:
    path = tmp_path / "metrics.om"
    path.write_text("a 1.0 1790000000.000\na 2.0 1790000001.000\na 3.0 17900", encoding="utf-8")

    assert ours(read_metrics(path)) == {("a", ()): [(T0, 1), (T0 + 1, 2)]}


BAD_LINES = {
    "one word": "garbage",
    "no time": "a 1.0",
    "a value in words": "a one 1790000000.000",
    "a time in words": "a 1.0 now",
    "labels without quotes": "a{b=c} 1.0 1790000000.000",
    "bytes that are no text": 'a{b="\xff"} 1.0 1790000000.000',
    "a brace that is not closed": 'a{b="c" 1.0 1790000000.000',
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES)
def test_reading_a_bad_line_names_file_and_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "metrics.om"
    path.write_bytes(b"a 1.0 1790000000.000\n" + line.encode("latin-1") + b"\n# EOF\n")

    with pytest.raises(RunFolderError, match=r"metrics\.om:2: "):
        read_metrics(path)


def test_reading_a_missing_file_says_what_a_run_folder_is(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="No such file") as caught:
        read_metrics(tmp_path / "metrics.om")
    assert "folder of a run" in caught.value.hint


def test_filter_by_name_yields_a_metric_with_its_parts_only(tmp_path: Path) -> None:
    path = tmp_path / "metrics.om"
    with MetricsLog(path) as log:
        log.add(histogram("x", {"+Inf": 1}, 1, 1), T0)
        log.add([counter("y_total", 1), gauge("x_other", 1), gauge("xx", 1), gauge("z", 1)], T0)

    assert {s.name for s in read_metrics(path, {"x"})} == {"x_bucket", "x_sum", "x_count"}
    assert {s.name for s in read_metrics(path, ["y", "z"])} == {"y_total", "z"}
    assert read_metrics(path, ()) == ()


def test_edge_of_a_bucket_is_kept_as_the_service_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "metrics.om"
    with MetricsLog(path) as log:
        log.add(histogram("x", {"10": 1, "2.50": 1, "+Inf": 1}, 1, 1), T0)

    buckets = [s.labels["le"] for s in read_metrics(path, {"x"}) if s.name == "x_bucket"]

    assert buckets == ["2.50", "10", "+Inf"]
    assert strict(path)[1] == {"x": "histogram"}


def contradicting(series: str, *times: float, instance: str = "") -> Rows:
    labels = {"series": series, **({"instance": instance} if instance else {})}
    points = [(at, 1.0) for at in times]
    return {("scrape_samples_contradicting", tuple(sorted(labels.items()))): points}


def test_equal_second_sample_of_one_moment_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.om"
    with MetricsLog(path) as log:
        log.add([gauge("a", 1), gauge("b", math.nan)], T0)
        log.add([gauge("a", 1), gauge("b", math.nan)], T0 + 0.0001)
        log.add([gauge("a", 3)], T0 + 0.001)

    found = ours(read_metrics(path, {"a"}))
    assert found == {("a", ()): [(T0, 1), (T0 + 0.001, 3)]}
    assert set(strict(path)[0]) == {("a", ()), ("b", ())}


def test_other_second_sample_of_one_moment_is_dropped_and_noted_as_a_contradiction(
    tmp_path: Path,
) -> None:
    path = tmp_path / "metrics.om"
    log = MetricsLog(path)
    for at in (T0, T0 + 1, T0 + 0.5):  # the last one is not in order
        log.add([gauge("a", 1, instance="x", y="1")], at)
        log.add([gauge("a", 2, y="1", instance="x")], at)
    text = 'a{instance="x",y="1"}'
    expected = contradicting(text, T0, T0 + 0.5, T0 + 1, instance="x")
    expected["a", (("instance", "x"), ("y", "1"))] = [(T0, 1), (T0 + 0.5, 1), (T0 + 1, 1)]
    assert ours(read_metrics(path, {"a"})) == expected

    log.close()  # a valid document, that still says so
    assert strict(path)[0] == ours(read_metrics(path, {"a"})) == expected
    finalise(path)
    assert ours(read_metrics(path)) == expected


def test_series_is_in_order_of_time_even_if_the_clock_was_set_back(tmp_path: Path) -> None:
    path = tmp_path / "metrics.om"
    with MetricsLog(path) as log:
        for at, value in ((T0 + 2, 1), (T0, 2), (T0 + 1, 3), (T0, 4)):
            log.add([gauge("a", value)], at)

    assert strict(path)[0] == ours(read_metrics(path))
    assert ours(read_metrics(path)) == {
        ("a", ()): [(T0, 2), (T0 + 1, 3), (T0 + 2, 1)],
        **contradicting("a", T0),
    }


BROKEN: dict[str, list[Sample]] = {
    "a histogram without its +Inf bucket": histogram("x", {"1": 1}, 1, 1),
    "a histogram whose +Inf bucket is not its count": histogram("x", {"1": 1, "+Inf": 1}, 1, 2),
    "a histogram whose buckets fall": histogram("x", {"1": 3, "+Inf": 2}, 1, 2),
    "a histogram with a bucket that is no number": histogram("x", {"a": 1, "+Inf": 1}, 1, 1),
    "a histogram with a bucket NaN": histogram("x", {"NaN": 1, "+Inf": 1}, 1, 1),
    "a histogram with an uncanonical infinity": histogram("x", {"1": 1, "inf": 1}, 1, 1),
    "a histogram with one edge twice": histogram("x", {"1": 1, "1.0": 1, "+Inf": 1}, 1, 1),
    "a histogram with a negative edge": histogram("x", {"-1": 1, "+Inf": 1}, 1, 1),
    "a histogram with half an observation": histogram("x", {"1": 0.5, "+Inf": 1}, 1, 1),
    "a histogram with a negative sum": histogram("x", {"+Inf": 1}, -1, 1),
    "a histogram with NaN counts": histogram("x", {"+Inf": math.nan}, 1, math.nan),
    "a histogram without a sum": histogram("x", {"+Inf": 1}, 1, 1)[:1],
    "a histogram with a count alone": histogram("x", {"+Inf": 1}, 1, 1)[2:],
    "a histogram with a bucket without edge": [Sample("x_bucket", {}, 1, "histogram", "x")],
    "a counter below zero": [counter("x_total", -1)],
    "a counter that is NaN": [counter("x_total", math.nan)],
    "a counter whose name does not end in _total": [counter("x", 1)],
    "a counter and a gauge of one name": [counter("x_total", 1), gauge("x", 2)],
    "a gauge and a counter of one name": [gauge("x", 2), counter("x_total", 1)],
    "a histogram and a gauge named like its count": [
        *histogram("x", {"+Inf": 1}, 1, 1),
        gauge("x_created", 1),
    ],
    "two families that reserve one name": [
        counter("x_total", 1),
        *histogram("x_total", {"+Inf": 1}, 1, 1),
    ],
    "a summary with a negative quantile value": [
        Sample("x", {"quantile": "0.5"}, -1, "summary", "x"),
        Sample("x_count", {}, 1, "summary", "x"),
    ],
    "a summary without a quantile": [Sample("x", {}, 1, "summary", "x")],
    "a summary with quantile 95": [Sample("x", {"quantile": "95"}, 1, "summary", "x")],
}


@pytest.mark.parametrize("samples", BROKEN.values(), ids=BROKEN)
def test_family_that_breaks_the_format_is_kept_as_unknown(
    tmp_path: Path, samples: list[Sample]
) -> None:
    path = tmp_path / "metrics.om"
    with MetricsLog(path) as log:
        for second in range(2):
            log.add([*samples, counter("good_total", 1)], T0 + second)

    rows, types = strict(path)

    assert repr(sorted(rows.items())) == repr(sorted(ours(read_metrics(path)).items()))
    assert len(rows) == len({(s.name, *sorted(s.labels.items())) for s in samples}) + 1
    assert all(len(points) == 2 for points in rows.values())
    assert "unknown" in types.values()
    assert types["good"] == "counter"


def test_histogram_with_a_bucket_that_is_born_later_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "metrics.om"
    with MetricsLog(path) as log:
        log.add(histogram("x", {"+Inf": 1}, 1, 1), T0)
        log.add(histogram("x", {"1": 1, "+Inf": 1}, 1, 1), T0 + 1)

    assert strict(path)[0] == ours(read_metrics(path))
    assert ours(read_metrics(path))["x_bucket", (("le", "1"),)] == [(T0 + 1, 1)]


def test_close_twice_and_finalise_again_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "metrics.om"
    log = MetricsLog(path)
    log.add([*histogram("x", {"1": 1, "+Inf": 1}, 1, 1), counter("y_total", 2)], T0)
    log.close()
    once = path.read_bytes()
    log.close()
    finalise(path)

    assert path.read_bytes() == once
    assert once.endswith(b"\n# EOF\n")
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_at_the_end_leaves_the_appended_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(*_: object) -> Iterator[str]:
        yield "# TYPE a"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "metrics.om"
    log = MetricsLog(path)
    log.add([gauge("a", 1)], T0)
    monkeypatch.setattr(metrics, "document", half)

    log.close()

    assert log.unfinished == f"cannot write {path}: No space left on device"
    assert ours(read_metrics(path)) == {("a", ()): [(T0, 1)]}
    assert list(tmp_path.iterdir()) == [path]


def killed(path: Path, lines: str) -> bytes:
    """What `finish` makes of the file of a run that was killed."""
    path.write_text(lines)
    finish(path)
    return path.read_bytes()


def test_file_of_a_killed_run_becomes_a_document_once_it_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "metrics.om"
    lines = "# TYPE a gauge\na 1.0 1790000000.000\n"
    assert killed(path, lines + "a 2.0 17900") == f"{lines}# EOF\n".encode()
    before = path.stat()
    finish(path)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert killed(path, "") == b"# EOF\n"
    with pytest.raises(RunFolderError):
        killed(path, "garbage\n")


@pytest.mark.parametrize("name", ["metrics.om.partial", "metrics.om.part", "metrics.om"])
def test_link_in_a_folder_from_elsewhere_is_not_written_through(tmp_path: Path, name: str) -> None:
    """Its content comes with the folder: in a start-up file of a shell it would be run."""
    start_up, folder = tmp_path / ".bashrc", tmp_path / "run"
    folder.mkdir()
    (folder / "metrics.om").write_text('a{b="$(touch here)"} 1 1790000000.000\n')
    if name == "metrics.om":
        (folder / name).rename(start_up)
    else:
        start_up.write_text("# mine\n")
    before = start_up.read_text()
    (folder / name).symlink_to(start_up)
    finish(folder / "metrics.om")
    assert (folder / "metrics.om").read_text().endswith("# EOF\n")
    assert start_up.read_text() == before


def test_file_of_a_run_that_goes_on_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "metrics.om"
    with MetricsLog(path) as log:
        log.add([gauge("a", 1)], T0)
        before = path.read_bytes()
        finish(path)
        assert path.read_bytes() == before
        log.add([gauge("a", 2)], T0 + 1)
    finish(tmp_path / "absent")
    assert ours(read_metrics(path)) == {("a", ()): [(T0, 1), (T0 + 1, 2)]}


def test_log_without_samples_is_a_valid_document(tmp_path: Path) -> None:
    path = tmp_path / "metrics.om"
    MetricsLog(path).close()

    assert path.read_text(encoding="utf-8") == "# EOF\n"
    assert read_metrics(path) == ()


names = st.from_regex(
    r"[a-z_:][a-z0-9_:]{0,6}(_total|_bucket|_count|_sum|_created)?", fullmatch=True
)
label_values = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12) | (
    st.sampled_from(
        ['"', "\\", "\n", '\\"', "\\n", "a b", "}", ",", "=", "#", " # {", "\r", "\u2028"]
    )
)
label_sets = st.dictionaries(
    st.sampled_from(["le", "quantile", "route", "instance"]), label_values, max_size=3
)
kinds: st.SearchStrategy[MetricKind] = st.sampled_from(
    ["counter", "gauge", "histogram", "summary", "unknown"]
)
suffixes = ("_total", "_bucket", "_count", "_sum")


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    name = draw(names)
    family = next((name.removesuffix(s) for s in suffixes if name.endswith(s)), name)
    family = draw(st.sampled_from([name, family or name]))
    return Sample(name, draw(label_sets), draw(st.floats(width=64)), draw(kinds), family)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(samples(), max_size=6), max_size=4))
def test_any_samples_survive_the_file_and_satisfy_the_strict_parser(
    tmp_path: Path, scrapes: list[list[Sample]]
) -> None:
    path = tmp_path / "metrics.om"
    expected: Rows = {}
    with MetricsLog(path) as log:
        for second, scrape in enumerate(scrapes):
            log.add(scrape, T0 + second)
            for sample in scrape:
                key = sample.name, tuple(sorted(sample.labels.items()))
                points = expected.setdefault(key, [])
                if not points or points[-1][0] < T0 + second:
                    points.append((T0 + second, sample.value))
                elif repr(points[-1][1]) != repr(sample.value) and points[-1][1] != sample.value:
                    text = series_text(sample.name, sample.labels)
                    of = sample.labels.get("instance", "")
                    (key,) = contradicting(text, instance=of)
                    at = expected.setdefault(key, [])
                    at += [(T0 + second, 1.0)] * ((T0 + second, 1.0) not in at)

    assert repr(sorted(ours(read_metrics(path)).items())) == repr(sorted(expected.items()))
    assert repr(sorted(strict(path)[0].items())) == repr(sorted(expected.items()))


@pytest.mark.needs_prometheus
@pytest.mark.parametrize("broken", [False, True], ids=["a sound service", "a broken service"])
def test_promtool_makes_blocks_of_a_finished_log(tmp_path: Path, broken: bool) -> None:
    path = tmp_path / "metrics.om"
    with MetricsLog(path) as log:
        for second in range(5):
            log.add(histogram("h", {"1": 1, "+Inf": 2}, 3.5, 2, route='/"\\\n é'), T0 + second)
            log.add([counter("c_total", second), gauge("g", math.nan)], T0 + second)
            if broken:
                log.add([one for case in BROKEN.values() for one in case], T0 + second)
    written = sum(len(one.times) for one in read_metrics(path))

    promtool("create-blocks-from", "openmetrics", str(path), str(tmp_path / "blocks"))
    (tmp_path / "blocks" / "wal").mkdir()  # else dump does not take the folder for Prometheus's

    assert len(promtool("dump", str(tmp_path / "blocks")).splitlines()) == written


def promtool(*arguments: str) -> str:
    command = ["promtool", "tsdb", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_declaration_of_a_counter_is_kept_and_always_read(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.om")
    for at in (1.0, 2.0):
        log.add(parse_exposition("# TYPE e_total counter\n# TYPE x gauge\nx 1\n"), at)
    log.close()
    found = {one.name: one for one in read_metrics(log.path, {"x"})}
    assert found.keys() == {"x", DECLARED}
    assert found[DECLARED].labels == {DECLARED_METRIC: "e_total"}
    assert found[DECLARED].times == (1.0, 2.0)


def test_series_that_were_gone_for_a_scrape_share_their_times_and_are_not_listed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "metrics.om"
    log = MetricsLog(path)
    for second in range(6):
        names = ("up",) if second == 2 else ("up", "requests", "errors")
        values = (1.0, float(second), float(second // 3))
        samples = [Sample(n, {}, v, "gauge", n) for n, v in zip(names, values, strict=False)]
        log.add(samples, T0 + second, "service")
    found = {one.name: one for one in read_metrics(path)}
    log.close()
    assert [second - T0 for second in found["up"].times] == [0, 1, 2, 3, 4, 5]
    assert [second - T0 for second in found["requests"].times] == [0, 1, 3, 4, 5]
    assert tuple(found["requests"].values) == (0, 1, 3, 4, 5)
    assert tuple(found["errors"].values) == (0, 0, 1, 1, 1)
    assert found["requests"].times is found["errors"].times
    # A day of thousands of series would not fit into memory as objects.
    assert isinstance(found["requests"].values, Held)
