"""Advice on valid plans, held against what a service shows."""

import pytest

from harness.budgets.lint.metrics import unknown_labels
from harness.budgets.lint.plan import Family, Finding, lint
from tests.unit.budgets.lint.linting import HEAD, OURS, RUNNING, SMOKE, budget, findings, plan_of

LABELS = ({"cache": "a", "result": "hit"}, {"cache": "b", "result": "miss"})
FAMILIES = {
    "gets": Family("counter", LABELS),
    "wait_seconds": Family("histogram", ({},), (0.05, 0.1, 0.25, float("inf"))),
    "sizes": Family("summary", ({},)),
    "answers_total": Family("counter", ({"state": "2xx"},)),
    "pool_count": Family("gauge", ({"state": "used"}, {"state": "idle"})),
    "pool_max": Family("gauge", ({},)),
    "untyped": Family("unknown", ({},)),
    "renamed": Family("gauge", ({"exported_instance": "a"},)),
    "declared_total": Family("counter"),
}


def with_service(keys: str, target: str = RUNNING) -> list[str]:
    text = f"{HEAD}{target}{SMOKE}budgets:\n  it: {{{keys}}}\n"
    return findings(text, FAMILIES)


FITTING = {
    "counters named with _total": "{kind: ratio, of: {metric: gets_total, where: {result: hit}}, "
    "to: gets_total}",
    "parts of a histogram as counters": "{kind: ratio, of: wait_seconds_sum, "
    "to: wait_seconds_count}",
    "part of a summary as a counter": "{kind: rate, metric: sizes_count}",
    "counter over a gauge": "{kind: rate, metric: gets_total, to: pool_max}",
    "mean of a histogram": "{kind: mean, metric: wait_seconds, unit: 1}",
    "mean of a summary": "{kind: mean, metric: sizes, unit: 1}",
    "the address of an endpoint": '{kind: gauge, metric: untyped, where: {instance: "h:80"}}',
    "a label that is renamed": '{kind: gauge, metric: renamed, where: {exported_instance: "a"}}',
    "gauge over a gauge": "{kind: utilization, of: {metric: pool_count, where: {state: used}}, "
    "to: pool_max}",
    "metric without a declared type": "{kind: gauge, metric: untyped}",
    "counter that has not counted yet": "{kind: rate, metric: declared_total, to: pool_max}",
}


@pytest.mark.parametrize("indicator", FITTING.values(), ids=FITTING)
def test_indicator_that_fits_the_service_is_left_alone(indicator: str) -> None:
    assert with_service(f"indicator: {indicator}, max: 0.5") == []


MISFITS: dict[str, tuple[str, str]] = {
    "a metric that is misspelt": (
        "{kind: gauge, metric: pool_maxx}",
        (
            "6 error budgets.it.indicator: the service exposes no metric pool_maxx; did you mean "
            "`pool_max`? some appear with the first traffic: send requests and lint again"
        ),
    ),
    "a metric that is like no other": (
        "{kind: gauge, metric: zzz}",
        (
            "6 error budgets.it.indicator: the service exposes no metric zzz; some appear with the "
            "first traffic: send requests and lint again"
        ),
    ),
    "a metric that is only a little like another": (
        "{kind: gauge, metric: untied}",
        (
            "6 error budgets.it.indicator: the service exposes no metric untied; some appear "
            "with the first traffic: send requests and lint again"
        ),
    ),
    "a label that does not exist": (
        "{kind: gauge, metric: pool_count, where: {stat: used}}",
        (
            "6 error budgets.it.indicator: pool_count has no label stat; did you mean `state`? its "
            "labels are state"
        ),
    ),
    "a label where there are none": (
        "{kind: gauge, metric: pool_max, where: {state: used}}",
        "6 error budgets.it.indicator: pool_max has no label state; it has none",
    ),
    "a label value that was not seen": (
        "{kind: gauge, metric: pool_count, where: {state: in_use}}",
        (
            '6 warning budgets.it.indicator: no series of pool_count has state="in_use" yet; '
            'did you mean `used`? seen: "idle", "used"'
        ),
    ),
    "a filter that can never match": (
        '{kind: rate, metric: answers_total, where: {state: "4XX"}}',
        (
            '6 error budgets.it.indicator: no series of answers_total has state="4XX" yet, and '
            'none can come: the values are grouped, as in 5xx; seen: "2xx"'
        ),
    ),
    "a filter that may match": (
        '{kind: rate, metric: answers_total, where: {state: "~5.."}}',
        (
            '6 warning budgets.it.indicator: no series of answers_total has state=~"5.." yet, '
            'which counts as 0; seen: "2xx"'
        ),
    ),
    "a counter that is zero until it is born": (
        "{kind: rate, metric: failures_total, absent: 0}",
        "6 warning budgets.it.indicator: the service exposes no failures_total, which counts as 0",
    ),
    "a label that is renamed in a run": (
        '{kind: gauge, metric: renamed, where: {instance: "a"}}',
        (
            "6 error budgets.it.indicator: the label instance of renamed is named "
            "exported_instance in a run, as in Prometheus; write exported_instance"
        ),
    ),
    "labels that never come together": (
        "{kind: rate, metric: gets_total, where: {cache: a, result: miss}}",
        (
            "6 warning budgets.it.indicator: no single series of gets_total has all labels of "
            "`where` yet"
        ),
    ),
    "a gauge as a histogram": (
        "{kind: mean, metric: pool_max, unit: 1}",
        "6 error budgets.it.indicator: pool_max is a gauge, where a histogram or summary is needed",
    ),
    "a summary for a quantile": (
        "{kind: quantile, metric: sizes, quantile: 0.9, unit: 1}",
        "6 error budgets.it.indicator: sizes is a summary, where a histogram is needed",
    ),
    "a counter as a gauge": (
        "{kind: gauge, metric: gets_total}",
        "6 error budgets.it.indicator: gets_total is a counter, where a gauge is needed",
    ),
    "a gauge as a counter": (
        "{kind: rate, metric: pool_max}",
        "6 error budgets.it.indicator: pool_max is a gauge, where a counter is needed",
    ),
    "a whole histogram as a counter": (
        "{kind: rate, metric: wait_seconds}",
        (
            "6 error budgets.it.indicator: wait_seconds is a histogram, where a counter is needed; "
            "wait_seconds_count and wait_seconds_sum are counters"
        ),
    ),
}


@pytest.mark.parametrize(("indicator", "message"), MISFITS.values(), ids=MISFITS)
def test_indicator_that_does_not_fit_the_service_is_reported(indicator: str, message: str) -> None:
    assert with_service(f"indicator: {indicator}, max: 5") == [message]


@pytest.mark.parametrize(
    ("bound", "nearest"),
    [
        pytest.param("200ms", "100 ms and 250 ms", id="between two edges"),
        pytest.param("10ms", "50 ms", id="below the lowest edge"),
        pytest.param("1s", "250 ms", id="above the highest edge"),
    ],
)
def test_bound_without_a_bucket_edge_is_reported_with_the_nearest_edges(
    bound: str, nearest: str
) -> None:
    keys = "indicator: {kind: quantile, metric: wait_seconds, quantile: 0.9}, max: "
    shown = bound.replace("ms", " ms") if "ms" in bound else "1 s"
    assert with_service(keys + bound) == [
        (
            f"6 warning budgets.it.max: the histogram has no bucket edge at {shown} (nearest: "
            f"{nearest}), so the verdict is interpolated; add a bucket at {shown}, or move the "
            "bound"
        )
    ]


def test_bound_at_a_bucket_edge_is_fine_but_its_alert_may_not_be() -> None:
    keys = "indicator: {kind: quantile, metric: wait_seconds, quantile: 0.9}, max: 100ms"
    assert with_service(keys) == []
    (finding,) = with_service(f"{keys}, alert: {{max: 200ms, for: 1m}}")
    assert finding == (
        "6 warning budgets.it.alert.max: the histogram has no bucket edge at 200 ms (nearest: "
        "100 ms and 250 ms), so the alert finds no series; add a bucket at 200 ms, or move the "
        "bound"
    )


def test_edge_that_is_a_sum_of_floats_is_not_found_by_an_alert() -> None:
    keys = "indicator: {kind: quantile, metric: wait_seconds, quantile: 0.9}, max: 300ms, alert: "
    text = budget(f"{keys}{{max: 300ms, for: 1m}}")
    for edge, message in ((0.3, []), (0.1 + 0.2, ["ends at 0.30000000000000004, which is not"])):
        histogram = {"wait_seconds": Family("histogram", ({},), (0.1, 0.2, edge, float("inf")))}
        found = findings(text, histogram)
        assert [part for one, part in zip(found, message, strict=True) if part in one] == message


def test_cpu_and_memory_may_be_missing_only_when_the_harness_starts_the_service() -> None:
    keys = "indicator: cpu_utilization, max: 70%"
    assert with_service(keys, OURS) == []
    missing = [finding.split("; ")[0] for finding in with_service(keys, RUNNING)]
    assert missing == [
        "6 error budgets.it.indicator: the service exposes no metric process_cpu_seconds_total",
        "6 error budgets.it.indicator: the service exposes no metric system_cpu_logical_count",
    ]


def test_findings_come_in_the_order_of_the_file_and_once_each() -> None:
    text = (
        HEAD
        + "scenarios:\n"
        + "  one: {locustfile: a.py, rate: 50/s, duration: 20s, warm_up: 0s}\n"
        + "  two: {locustfile: a.py, rate: 50/s, duration: 20s, warm_up: 0s}\n"
        + "budgets:\n  it: {indicator: throughput, min: 0/s, max_regression: 10%}\n"
    )
    findings = lint(plan_of(text), {})
    assert [finding.line for finding in findings] == [4, 5, 7]
    assert findings[2] == Finding(7, "budgets.it.min", "warning", "min: 0/s always holds")


HANDLED = "its labels are handler, status"
HTTP = {"http_requests": Family("counter", ({"handler": "/", "status": "200"},))}


@pytest.mark.parametrize(
    ("where", "sentences"),
    [
        pytest.param('{handler: "/"}', [], id="a label that exists"),
        pytest.param('{status: "~5.."}', [], id="a value that does not exist yet"),
        pytest.param('{instance: "127.0.0.1:80"}', [], id="a label that the run adds"),
        pytest.param('{code: "!5"}', [], id="an unknown label that may be empty"),
        pytest.param(
            '{statuss: "200"}',
            ["it: http_requests_total has no label statuss; did you mean `status`? " + HANDLED],
            id="a label that does not exist",
        ),
    ],
)
def test_filter_by_an_unknown_label_is_reported_before_the_load(
    where: str, sentences: list[str]
) -> None:
    keys = f"indicator: {{kind: rate, metric: http_requests_total, where: {where}}}, max: 5/s"
    judged = plan_of(budget(keys)).judged
    assert list(unknown_labels(judged, HTTP)) == sentences
    assert list(unknown_labels(judged, {})) == []
