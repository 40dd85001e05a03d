"""What each kind of indicator is in PromQL."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from harness.budgets.model import (
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    PerRequest,
    Promql,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
    Utilization,
)
from harness.promql.expression import QueryScope, at_edge, number, share_over, text, value

POOL = Utilization(Selector("used", {"state": "used"}), Selector("most"), over="max")
VALUES: dict[str, tuple[Indicator, str]] = {
    "a quantile": (
        Quantile(Selector("h_seconds", {"a": "b"}), 0.95),
        'histogram_quantile(0.95, sum by (le) (rate(h_seconds_bucket{a="b"}[5m])))',
    ),
    "a quantile in milliseconds": (
        Quantile(Selector("h_ms", scale=0.001), 0.95),
        "(histogram_quantile(0.95, sum by (le) (rate(h_ms_bucket[5m]))) * 0.001)",
    ),
    "a mean in milliseconds": (
        Mean(Selector("h_ms", scale=0.001)),
        "(sum(rate(h_ms_sum[5m])) * 0.001) / sum(rate(h_ms_count[5m]))",
    ),
    "a gauge in milliseconds": (
        Gauge(Selector("lag_ms", scale=0.001), "max"),
        "max_over_time((sum(lag_ms) * 0.001)[5m:15s])",
    ),
    "a mean": (
        Mean(Selector("h_seconds")),
        "sum(rate(h_seconds_sum[5m])) / sum(rate(h_seconds_count[5m]))",
    ),
    "a ratio of counters": (
        Ratio(Selector("a_total", {"x": "y"}), Selector("b_total")),
        ('(sum(rate(a_total{x="y"}[5m])) or 0 * sum(rate(a_total[5m]))) / sum(rate(b_total[5m]))'),
    ),
    "a rate": (Rate(Selector("a_total")), "sum(rate(a_total[5m]))"),
    "a rate over a gauge": (
        Rate(Selector("a_total"), Selector("cores")),
        "sum(rate(a_total[5m])) / avg_over_time(sum(cores)[5m:15s])",
    ),
    "the mean of a gauge": (Gauge(Selector("g")), "avg_over_time(sum(g)[5m:15s])"),
    "the peak of a gauge": (Gauge(Selector("g"), "max"), "max_over_time(sum(g)[5m:15s])"),
    "the last value of a gauge": (Gauge(Selector("g"), "last"), "sum(g)"),
    "the growth of a gauge": (
        Gauge(Selector("g", {"a": "b"}), "growth"),
        'sum(g{a="b"}) - sum(g{a="b"} offset 5m)',
    ),
    "a utilization, of its worst instance": (
        POOL,
        (
            'max(max_over_time((sum by (instance) (used{state="used"})'
            " / sum by (instance) (most))[5m:15s]))"
        ),
    ),
    "the growth of a utilization": (
        Utilization(Selector("a"), Selector("b"), "growth"),
        (
            "max((sum by (instance) (a) / sum by (instance) (b))"
            " - (sum by (instance) (a offset 5m) / sum by (instance) (b offset 5m)))"
        ),
    ),
    "a ratio with filters": (
        Ratio(
            Selector("a_total", {"s": "~5..", "h": ("!/x", "!/y")}),
            Selector("a_total", {"h": "!/x"}),
        ),
        (
            '(sum(rate(a_total{s=~"5..", h!~"/x|/y"}[5m])) or 0 * sum(rate(a_total[5m])))'
            ' / sum(rate(a_total{h!="/x"}[5m]))'
        ),
    ),
    "a ratio of a counter that may leave no trace": (
        Ratio(Selector("a_total", absent_is_zero=True), Selector("b_total")),
        ("(sum(rate(a_total[5m])) or 0 * sum(rate(b_total[5m]))) / sum(rate(b_total[5m]))"),
    ),
    "a counter per request of the generator": (
        PerRequest(Selector("a_total")),
        "sum(rate(a_total[5m])) / sum(rate(harness_requests_total[5m]))",
    ),
    "an expression of one's own": (Promql('rate(a{b="c"}[{window}])'), 'rate(a{b="c"}[5m])'),
    "a latency": (
        Latency(0.99, "GET /contacts"),
        (
            "histogram_quantile(0.99, sum by (le) (rate(harness_request_latency_seconds_bucket"
            '{outcome="ok", request="GET /contacts"}[5m])))'
        ),
    ),
    "a mean service time of all that was sent": (
        Latency(None, of="service_time", outcome="all"),
        (
            "sum(rate(harness_request_service_time_seconds_sum[5m]))"
            " / sum(rate(harness_request_service_time_seconds_count[5m]))"
        ),
    ),
    "an error ratio, which is 0 before the first error": (
        ErrorRatio(),
        (
            '(sum(rate(harness_requests_total{outcome="error"}[5m]))'
            " or 0 * sum(rate(harness_requests_total[5m]))) / sum(rate(harness_requests_total[5m]))"
        ),
    ),
    "a throughput": (Throughput(), 'sum(rate(harness_requests_total{outcome="ok"}[5m]))'),
}


@pytest.mark.parametrize(("indicator", "expected"), VALUES.values(), ids=VALUES)
def test_value_of_an_indicator_by_kind(indicator: Indicator, expected: str) -> None:
    assert value(indicator, QueryScope()) == expected


OF_SERVICE: dict[str, tuple[Indicator, str]] = {
    "a latency is that of what did not fail": (
        Latency(0.95),
        (
            "histogram_quantile(0.95, sum by (le) (rate(http_server_request_duration_seconds_bucket"
            '{http_response_status_code!~"5..", job="shop"}[5m])))'
        ),
    ),
    "a service time is no other": (
        Latency(None, of="service_time", outcome="all"),
        (
            'sum(rate(http_server_request_duration_seconds_sum{job="shop"}[5m]))'
            ' / sum(rate(http_server_request_duration_seconds_count{job="shop"}[5m]))'
        ),
    ),
    "a request is its route": (
        Throughput("GET /api/contacts"),
        (
            "(sum(rate(http_server_request_duration_seconds_count{"
            'http_response_status_code!~"5..", http_request_method="GET",'
            ' http_route="/api/contacts", job="shop"}[5m]))'
            " or 0 * sum(rate(http_server_request_duration_seconds_count{"
            'http_request_method="GET", http_route="/api/contacts", job="shop"}[5m])))'
        ),
    ),
    "placeholders are called as they like": (
        Latency(None, "GET /v1.0/contacts/{id}", outcome="all"),
        (
            "sum(rate(http_server_request_duration_seconds_sum{"
            'http_request_method="GET",'
            ' http_route=~"/v1\\\\.0/contacts/[{<:\\\\[#][a-zA-Z0-9_:.-]+[}>\\\\]]?",'
            ' job="shop"}[5m]))'
            " / sum(rate(http_server_request_duration_seconds_count{"
            'http_request_method="GET",'
            ' http_route=~"/v1\\\\.0/contacts/[{<:\\\\[#][a-zA-Z0-9_:.-]+[}>\\\\]]?",'
            ' job="shop"}[5m]))'
        ),
    ),
    "an error is a 5xx": (
        ErrorRatio(),
        (
            "(sum(rate(http_server_request_duration_seconds_count"
            '{http_response_status_code=~"5..", job="shop"}[5m]))'
            ' or 0 * sum(rate(http_server_request_duration_seconds_count{job="shop"}[5m])))'
            ' / sum(rate(http_server_request_duration_seconds_count{job="shop"}[5m]))'
        ),
    ),
}


@pytest.mark.parametrize(("indicator", "expected"), OF_SERVICE.values(), ids=OF_SERVICE)
def test_client_side_kind_in_production_is_read_from_the_service(
    indicator: Indicator, expected: str
) -> None:
    scope = QueryScope(matchers=('job="shop"',), client="service")
    assert value(indicator, scope) == expected


def test_labels_are_kept_apart() -> None:
    scope = QueryScope("$__rate_interval", ('job=~"$job"',), by=("http_route",))
    assert value(Quantile(Selector("h"), 0.5), scope) == (
        "histogram_quantile(0.5, sum by (http_route, le)"
        ' (rate(h_bucket{job=~"$job"}[$__rate_interval])))'
    )
    assert value(ErrorRatio(), QueryScope(by=("request",))) == (
        '(sum by (request) (rate(harness_requests_total{outcome="error"}[5m]))'
        " or 0 * sum by (request) (rate(harness_requests_total[5m])))"
        " / sum by (request) (rate(harness_requests_total[5m]))"
    )
    assert value(POOL, QueryScope("1m", by=("zone",)), "min").startswith(
        "min by (zone) (max_over_time((sum by (zone, instance)"
    )


def test_share_over_a_bound_counts_from_the_bucket_that_ends_there() -> None:
    assert share_over(Quantile(Selector("h", {"a": "b"}), 0.95), 0.2, QueryScope()) == (
        '1 - sum(rate(h_bucket{a="b", le="0.2"}[5m])) / sum(rate(h_count{a="b"}[5m]))'
    )
    assert share_over(Latency(0.95), 0.5, QueryScope(client="service")) == (
        "1 - sum(rate(http_server_request_duration_seconds_bucket"
        '{http_response_status_code!~"5..", le="0.5"}[5m]))'
        " / sum(rate(http_server_request_duration_seconds_count"
        '{http_response_status_code!~"5.."}[5m]))'
    )


# Right: as Go's strconv.FormatFloat(x, 'g', -1, 64) writes it, and as people do.
EDGES = {
    0.2: 'le="0.2"',
    0.005: 'le="0.005"',
    1.0: r'le=~"1|1\\.0"',
    10.0: r'le=~"10|10\\.0"',
    2.5: 'le="2.5"',
    1536.0: r'le=~"1536|1536\\.0"',
    0.00001: r'le=~"0\\.00001|1e-05"',
    2.5e-06: r'le=~"0\\.0000025|2\\.5e-06"',
    1e6: r'le=~"1000000|1000000\\.0|1e\\+06"',
    1048576.0: r'le=~"1\\.048576e\\+06|1048576|1048576\\.0"',
}


@pytest.mark.parametrize("bound", EDGES)
def test_edge_is_found_however_it_is_written(bound: float) -> None:
    assert at_edge(bound) == EDGES[bound]


def test_numbers_and_texts_are_written_as_promql_reads_them() -> None:
    assert number(1 - 0.95) == "0.05"
    assert number(0.1 + 0.2) == "0.3"
    assert text('a "b" \\ ü') == '"a \\"b\\" \\\\ ü"'


@pytest.mark.needs_prometheus
def test_promtool_reads_all_of_it(tmp_path: Path) -> None:
    written = [expected for _, expected in (*VALUES.values(), *OF_SERVICE.values())]
    written += [f"h_bucket{{{edge}}}" for edge in EDGES.values()]
    rules = [{"record": f"r{index}", "expr": one} for index, one in enumerate(written)]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))
    checked = subprocess.run(
        ["promtool", "check", "rules", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(written)} rules found" in checked.stdout
