import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Summary
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from harness import names
from harness.observe.exposition import parse_exposition, read_exposition
from harness.observe.fetch import Answer
from harness.runs.openmetrics import MetricKind, Sample, series_text, value_text


def plain(samples: list[Sample]) -> list[tuple[str, dict[str, str], float]]:
    return [(one.name, dict(one.labels), one.value) for one in samples]


def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("orders", "Orders.", ["state"], registry=registry).labels('pa"id\\\n').inc(3)
    latency = Histogram("latency_seconds", "Help.", ["route"], registry=registry)
    latency.labels("/a").observe(0.3, {"trace_id": "abc"})
    Gauge("pool_in_use", "Help.", registry=registry).set(-2.5)
    Summary("body_bytes", "Help.", registry=registry).observe(7)
    Info("build", "Help.", registry=registry).info({"version": "1"})
    return registry


KINDS: dict[str, tuple[str, MetricKind]] = {
    "orders_total": ("orders", "counter"),
    "latency_seconds_bucket": ("latency_seconds", "histogram"),
    "latency_seconds_sum": ("latency_seconds", "histogram"),
    "latency_seconds_count": ("latency_seconds", "histogram"),
    "pool_in_use": ("pool_in_use", "gauge"),
    "body_bytes_sum": ("body_bytes", "summary"),
    "body_bytes_count": ("body_bytes", "summary"),
}


def test_text_format_is_read_like_by_the_reference_parser() -> None:
    text = generate_latest(registry()).decode()
    reference = [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    ]

    samples = parse_exposition(text)

    assert sorted(plain(samples), key=repr) == sorted(reference, key=repr)
    assert {one.name: (one.family, one.kind) for one in samples} == {
        **KINDS,
        "build_info": ("build_info", "gauge"),
    }


def test_openmetrics_with_exemplars_is_read_like_the_text_format() -> None:
    openmetrics = generate_openmetrics(registry()).decode()  # type: ignore[no-untyped-call]
    assert ' # {trace_id="abc"} 0.3 ' in openmetrics

    samples = parse_exposition(openmetrics)

    text = parse_exposition(generate_latest(registry()).decode())
    assert sorted(plain(samples), key=repr) == sorted(plain(text), key=repr)
    assert {one.name: (one.family, one.kind) for one in samples} == {
        **KINDS,
        "build_info": ("build_info", "unknown"),
    }


CHILDLESS: dict[str, tuple[str, list[str]]] = {
    "a counter of the text format": (
        "# TYPE a_total counter\n# TYPE b counter\n",
        ["a_total", "b"],
    ),
    "a counter of OpenMetrics": ("# TYPE a counter\n# EOF\n", ["a_total"]),
    "a histogram and a summary": (
        "# TYPE h histogram\n# TYPE s summary\n",
        ["h_count", "h_sum", "s_count", "s_sum"],
    ),
    "a gauge, and an unknown kind": ("# TYPE g gauge\n# TYPE u untyped\n# HELP x Text\n", []),
    "a counter with a sample": ("# TYPE a_total counter\na_total 1\n", []),
    "a counter of OpenMetrics with a sample": ("# TYPE a counter\na_total 1\n# EOF\n", []),
    "a histogram with a part of its samples": ('# TYPE h histogram\nh_bucket{le="1"} 1\n', []),
}


@pytest.mark.parametrize(("text", "metrics"), CHILDLESS.values(), ids=CHILDLESS)
def test_counter_without_samples_leaves_its_declaration(text: str, metrics: list[str]) -> None:
    found = [one for one in parse_exposition(text) if one.name == names.DECLARED]
    assert [one.labels for one in found] == [{names.DECLARED_METRIC: name} for name in metrics]
    assert {(one.value, one.kind) for one in found} <= {(1.0, "gauge")}


LENIENT: dict[str, tuple[str, list[tuple[str, dict[str, str], float]]]] = {
    "an empty answer": ("", []),
    "comments and blank lines": ("# hello\n\n#\n# TYPE\n# EOF\n", []),
    "no line feed at the end": ("a 1", [("a", {}, 1)]),
    "carriage returns": ("a 1\r\nb 2\r\n", [("a", {}, 1), ("b", {}, 2)]),
    "tabs and spaces between the parts": (' a\t{ x = "1" , }\t2 \n', [("a", {"x": "1"}, 2)]),
    "no space after the labels": ('a{x="1"}2', [("a", {"x": "1"}, 2)]),
    "a time in milliseconds": ("a 1 1790000000000", [("a", {}, 1)]),
    "a time in seconds and an exemplar": ('a 1 1.79e9 # {t="}"} 1 2', [("a", {}, 1)]),
    "empty braces": ("a{} 1", [("a", {}, 1)]),
    "empty labels": ('a{x="",y="1"} 1', [("a", {"y": "1"}, 1)]),
    "quotes, braces and feeds in a label": (
        'a{x="\\"}{, #\\n\\\\n\\q"} 1',
        [("a", {"x": '"}{, #\n\\n\\q'}, 1)],
    ),
    "infinities": (
        "a +Inf\nb -Inf\nc 1e3",
        [("a", {}, math.inf), ("b", {}, -math.inf), ("c", {}, 1e3)],
    ),
    "one series twice with equal values": ('a{x="1"} 1\na{x="1"} 1.0\n', [("a", {"x": "1"}, 1)]),
    "one series twice with other values": (
        'a{x="1"} 1\na{x="1"} 2\nb 5\n',
        [("a", {"x": "1"}, 1), ("b", {}, 5), ("a", {"x": "1"}, 2)],
    ),
    "labels that name an OpenTelemetry scope": (
        'a{otel_scope_name="sql",otel_scope_version="1",x="1"} 1\n',
        [("a", {"x": "1"}, 1)],
    ),
    "series that differ in their scope only": (
        'a{otel_scope_name="sql"} 1\na{otel_scope_name="redis"} 2\na{otel_scope_name="sql"} 9\n',
        [("a", {}, 3), ("a", {}, 11)],
    ),
    "a gauge that only looks like a creation time": (
        "# TYPE orders_created gauge\norders_created 5\n",
        [("orders_created", {}, 5)],
    ),
}


@pytest.mark.parametrize(("text", "expected"), LENIENT.values(), ids=LENIENT)
def test_common_deviations_are_read(
    text: str, expected: list[tuple[str, dict[str, str], float]]
) -> None:
    assert plain(parse_exposition(text)) == expected


def test_repeated_type_and_help_blocks_are_one_family() -> None:
    block = "# HELP d {}\n# TYPE d histogram\n"
    text = (
        block.format("from SQL")
        + 'd_bucket{s="sql",le="+Inf"} 1\nd_sum{s="sql"} 2\nd_count{s="sql"} 1\n'
        + block.format("from Redis")
        + 'd_bucket{s="redis",le="+Inf"} 3\nd_sum{s="redis"} 4\nd_count{s="redis"} 3\n'
    )

    samples = parse_exposition(text)

    assert [one.value for one in samples] == [1, 2, 1, 3, 4, 3]
    assert {(one.family, one.kind) for one in samples} == {("d", "histogram")}


def test_nan_stays_nan_and_contradicts_no_nan() -> None:
    [sample] = parse_exposition("# TYPE a gauge\na NaN\na NaN\n")

    assert math.isnan(sample.value)


def test_counter_without_total_keeps_its_exposed_name() -> None:
    [sample] = parse_exposition("# TYPE hits counter\nhits 3\n")

    assert sample == Sample("hits", {}, 3, "counter", "hits")


BAD = {
    "a web page": "<!doctype html>",
    "a name alone": "a",
    "a name that starts with a digit": "1a 1",
    "a value in words": "a one",
    "a value with underscores": "a 1_000",
    "something after the value": "a 1 now",
    "a label without quotes": "a{x=1} 1",
    "a label without a name": 'a{="1"} 1',
    "labels without a comma": 'a{x="1"y="2"} 1',
    "a label twice": 'a{x="1",x="2"} 1',
    "braces that are not closed": 'a{x="1" 1',
    "quotes that are not closed": 'a{x="1} 1',
    "a quoted name": '{"my.metric"} 1',
    "JSON": '{"status": "ok"}',
}


@pytest.mark.parametrize("line", BAD.values(), ids=BAD)
def test_line_that_is_not_a_sample_fails_with_its_number(line: str) -> None:
    with pytest.raises(ValueError, match="line 3 is not a sample: "):
        parse_exposition(f"# TYPE a gauge\na 1\n{line}\na 2\n")


labels = st.dictionaries(
    st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
    | st.sampled_from(['"', "\\", "\n", "\\n", "}", "{", ",", '",x="', " # ", "\r"]),
    max_size=3,
)


@given(st.from_regex(r"[a-zA-Z_:][a-z0-9_:]{0,8}", fullmatch=True), labels, st.floats(width=64))
def test_written_series_are_read_back(name: str, labels: dict[str, str], value: float) -> None:
    [sample] = parse_exposition(f"{series_text(name, labels)} {value_text(value)}\n")

    assert (sample.name, dict(sample.labels), repr(sample.value)) == (name, labels, repr(value))


@given(st.text(max_size=60))
def test_any_text_gives_samples_or_the_number_of_a_line(text: str) -> None:
    problem = "line"
    try:
        parse_exposition(text)
    except ValueError as error:
        problem = str(error)
    assert problem.startswith("line")


def test_body_without_an_announced_end_that_ends_within_a_line_was_cut() -> None:
    with pytest.raises(ValueError, match="the response was cut"):
        read_exposition(Answer(200, b"a 1\nb 12", end_known=False))


@pytest.mark.parametrize(
    "answer",
    [Answer(200, b"a 1\n", end_known=False), Answer(200, b"a 1", end_known=True)],
    ids=["whole lines", "an announced end"],
)
def test_body_that_is_whole_is_read(answer: Answer) -> None:
    assert [(s.name, s.value) for s in read_exposition(answer)] == [("a", 1.0)]
