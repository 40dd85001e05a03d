"""Advice on valid plans: without load, and held against what a service shows."""

from datetime import date
from pathlib import Path

import pytest

from harness.budgets.lint.metrics import unknown_labels
from harness.budgets.lint.plan import Family, Finding, lint
from harness.budgets.model import Plan
from harness.budgets.parse.parse import parse_plan
from tests.unit.budgets.parse.test_parse import EXAMPLE

HEAD = "version: 1\nservice: shop\n"
SMOKE = "scenarios: {smoke: {locustfile: a.py, rate: 50/s, duration: 20s}}\n"
ERRORS = "budgets: {errors: {indicator: error_ratio, max: 1%}}\n"
RUNNING = 'target: {url: "http://localhost:80", metrics: /metrics}\n'
OURS = 'target: {command: run, url: "http://localhost:80", metrics: /metrics}\n'


def plan_of(text: str) -> Plan:
    return parse_plan(text, Path("budgets.yaml"), {}, date(2026, 11, 20))


def budget(keys: str) -> str:
    return f"{HEAD}{SMOKE}budgets:\n  it: {{{keys}}}\n"


def findings(text: str, families: dict[str, Family] | None = None) -> list[str]:
    findings = lint(plan_of(text), families)
    return [f"{f.line} {f.level} {f.path}: {f.message}" for f in findings]


def test_documented_example_has_nothing_to_complain_about() -> None:
    assert lint(plan_of(EXAMPLE.read_text()), None) == []


QUESTIONABLE: dict[str, tuple[str, str]] = {
    "an alert that has no load generator": (
        budget(
            "indicator: {kind: ratio, of: q_total, to: requests}, max: 3, alert: {max: 5, for: 1m}"
        ),
        (
            "5 warning budgets.it.alert: no alert is made: `to: requests` is counted by the load "
            "generator, and production has none; write a `ratio` to the service's own count of "
            "requests"
        ),
    ),
    "a scenario without budgets": (
        HEAD
        + "scenarios:\n"
        + "  smoke: {locustfile: a.py, rate: 50/s, duration: 20s}\n"
        + "  load: {locustfile: a.py, rate: 50/s, duration: 20s}\n"
        + "budgets: {errors: {indicator: error_ratio, max: 1%, scenarios: load}}\n",
        "4 warning scenarios.smoke: no budget is judged in this scenario",
    ),
    "every budget is off": (
        budget("indicator: error_ratio, max: 1%, severity: off"),
        "3 warning scenarios.smoke: no budget is judged in this scenario",
    ),
    "service metrics are needed but not scraped": (
        HEAD
        + 'target: {url: "http://localhost:80"}\n'
        + SMOKE
        + "budgets: {hits: {indicator: cache_hit_ratio, min: 80%}}\n",
        "3 warning target: there is no `metrics`, so hits will have no data",
    ),
    "a label that only Prometheus adds": (
        budget("indicator: {kind: gauge, metric: g, where: {job: a}}, max: 1"),
        (
            "5 warning budgets.it.indicator: a run has no label job, which Prometheus adds; the "
            "service's own label of this name is exported_job, and --prometheus-match job=NAME "
            "narrows a server's series"
        ),
    ),
    "scrapes that are rare, for a peak": (
        HEAD
        + "target:\n  url: 'http://localhost:80'\n  metrics: /metrics\n  scrape_interval: 1000s\n"
        + SMOKE
        + "budgets: {peak: {indicator: {kind: gauge, metric: g, over: max}, max: 1}}\n",
        (
            "6 warning target.scrape_interval: the window of scenario smoke has 2 scrapes, and "
            "peak needs 5; the verdict will be inconclusive: scrape more often, or raise the "
            "duration"
        ),
    ),
    "min: 0 always holds": (
        budget("indicator: throughput, min: 0/s, max_regression: 10%"),
        "5 warning budgets.it.min: min: 0/s always holds",
    ),
    "max: 100% always holds": (
        budget("indicator: cache_hit_ratio, max: 100%"),
        "5 warning budgets.it.max: max: 100% always holds",
    ),
    "relative change of an error ratio": (
        budget("indicator: error_ratio, max: 1%, max_regression: 10%"),
        (
            "5 warning budgets.it.max_regression: a relative change means little for a value "
            "near 0; rely on max"
        ),
    ),
    "relative change of a growth": (
        budget(
            "indicator: {kind: gauge, metric: x_bytes, over: growth}, max: 1MB, max_regression: 10%"
        ),
        (
            "5 warning budgets.it.max_regression: a relative change means little for a value "
            "near 0; rely on max"
        ),
    ),
    "an alert that is stricter than its max": (
        budget("indicator: api_latency, max: 500ms, alert: {max: 200ms, for: 1m}"),
        (
            "5 warning budgets.it.alert.max: the alert fires at 200 ms, although the budget allows "
            "500 ms"
        ),
    ),
    "an alert that is stricter than its min": (
        budget("indicator: throughput, min: 5/s, alert: {min: 8/s, for: 1m}"),
        "5 warning budgets.it.alert.min: the alert fires at 8/s, although the budget allows 5/s",
    ),
    "no warm-up": (
        HEAD
        + "scenarios: {smoke: {locustfile: a.py, rate: 5/s, duration: 1m, warm_up: 0s}}\n"
        + ERRORS,
        (
            "3 warning scenarios.smoke.warm_up: without a warm-up, cold caches and connections are "
            "judged"
        ),
    ),
    "users that still start in the window": (
        HEAD
        + "scenarios: {smoke: {locustfile: a.py, workload: {users: 60, spawn_rate: 5/s}, "
        + "duration: 1m}}\n"
        + ERRORS,
        (
            "3 warning scenarios.smoke: the users need 12 s to start, longer than the warm-up of "
            "5 s; the window begins before the load is complete"
        ),
    ),
    "more samples wanted than there are requests": (
        budget("indicator: error_ratio, max: 1%, min_samples: 1001"),
        (
            "5 warning budgets.it.min_samples: scenario smoke starts about 1000 iterations in its "
            "window, fewer than min_samples 1001"
        ),
    ),
    "a value that decides where it does so anyway": (
        budget("indicator: throughput, min: 5/s, decide: value"),
        "5 warning budgets.it.decide: the value alone decides anyway for this kind",
    ),
    "users of one load that still start in the window": (
        HEAD
        + "scenarios:\n  smoke:\n    duration: 1m\n    loads:\n"
        + "      a: {locustfile: a.py, users: 60, start: 4.5s}\n"
        + ERRORS,
        (
            "7 warning scenarios.smoke.loads.a: the users need 5.5 s to start, longer than the "
            "warm-up of 5 s; the window begins before the load is complete"
        ),
    ),
    "too few requests on a ramp": (
        HEAD
        + "scenarios: {smoke: {locustfile: a.py, workload: {stages: [{rate: 50/s, for: 20s}, "
        + "{ramp_to: 0, for: 4s}]}, warm_up: 20s}}\n"
        + "budgets: {it: {indicator: error_ratio, max: 10%, min_samples: 101}}\n",
        (
            "4 warning budgets.it.min_samples: scenario smoke starts about 100 iterations in its "
            "window, fewer than min_samples 101"
        ),
    ),
    "too few requests of several loads together": (
        HEAD
        + "scenarios: {smoke: {duration: 20s, loads: {a: {locustfile: a.py, rate: 5/s}, "
        + "b: {locustfile: b.py, start: 15s, rate: 10/s}, c: {locustfile: c.py, "
        + "workload: {stages: [{rate: 50/s, for: 6s}]}}}}}\n"
        + "budgets: {it: {indicator: error_ratio, max: 10%, min_samples: 251}}\n",
        (
            "4 warning budgets.it.min_samples: scenario smoke starts about 250 iterations in its "
            "window, fewer than min_samples 251"
        ),
    ),
    "fewer users than the top of a ramp needs": (
        HEAD
        + "scenarios: {smoke: {duration: 20s, loads: {a: {locustfile: a.py, "
        + "workload: {stages: [{ramp_to: 90/s, for: 10s}, {ramp_to: 9/s, for: 10s}], "
        + "max_users: 80}}}}}\n"
        + "budgets: {it: {indicator: api_latency, max: 1s}}\n",
        (
            "4 warning budgets.it: at its bound, 90 requests of load a of scenario smoke are in "
            "flight, but max_users is 80; raise it"
        ),
    ),
    "an abort that comes too late": (
        budget("indicator: error_ratio, max: 1%, abort: true, abort_after: 20s"),
        (
            "5 warning budgets.it.abort_after: scenario smoke is judged for 20 s only, so it is "
            "never aborted"
        ),
    ),
    "fewer users than requests in flight at the bound": (
        budget("indicator: api_latency, max: 3s"),
        (
            "5 warning budgets.it: at its bound, 150 requests of scenario smoke are in flight, "
            "but max_users is 100; raise it"
        ),
    ),
}


@pytest.mark.parametrize(("text", "message"), QUESTIONABLE.values(), ids=QUESTIONABLE)
def test_questionable_plan_is_reported_at_its_line(text: str, message: str) -> None:
    assert findings(text) == [message]


FINE: dict[str, str] = {
    "p99 with exactly ten requests beyond it": budget(
        "indicator: {kind: latency, quantile: 0.99}, max: 200ms"
    ),
    "five scrapes, for a peak": HEAD
    + 'target: {url: "http://localhost:80", metrics: /metrics, scrape_interval: 5s}\n'
    + SMOKE
    + "budgets: {peak: {indicator: {kind: gauge, metric: g, over: max}, max: 1}}\n",
    "rare scrapes, for a counter": HEAD
    + 'target: {url: "http://localhost:80", metrics: /metrics, scrape_interval: 1000s}\n'
    + SMOKE
    + "budgets: {rate: {indicator: {kind: rate, metric: c_total}, max: 1/s}}\n",
    "a budget that is off": budget("indicator: api_latency, max: 200ms")
    + "  off: {indicator: throughput, min: 0/s, severity: off}\n",
    "max: 0 of an error ratio": budget("indicator: error_ratio, max: 0%"),
    "an alert at the bound": budget(
        "indicator: api_latency, max: 200ms, alert: {max: 200ms, for: 1m}"
    ),
    "CPU of a service without metrics": HEAD
    + 'target: {command: run, url: "http://localhost:80"}\n'
    + SMOKE
    + "budgets: {cpu: {indicator: cpu_utilization, max: 70%}}\n",
    "an abort in the middle": budget("indicator: error_ratio, max: 1%, abort: true"),
    "users that ramp on purpose": HEAD
    + "scenarios: {smoke: {locustfile: a.py, workload: {stages: [{ramp_to_users: 9, for: 20s}, "
    + "{ramp_to_users: 20, for: 9s}]}}}\n"
    + ERRORS,
    "users that come in the window on purpose": HEAD
    + "scenarios: {smoke: {duration: 20s, loads: {a: {locustfile: a.py, users: 5, start: 9s}}}}\n"
    + ERRORS,
    "a quantile of several loads of which one is closed": HEAD
    + "scenarios: {smoke: {duration: 20s, loads: {a: {locustfile: a.py, rate: 1/s}, "
    + "b: {locustfile: a.py, users: 5}}}}\n"
    + "budgets: {it: {indicator: api_latency, max: 1s}}\n",
    "a shape": HEAD
    + "scenarios: {smoke: {locustfile: a.py, workload: {shape: Wave}, duration: 20s}}\n"
    + "budgets: {it: {indicator: api_latency, max: 1s}}\n",
    "quantile in the closed model": HEAD
    + "scenarios: {smoke: {locustfile: a.py, users: 1, duration: 1s}}\n"
    + "budgets: {it: {indicator: api_latency, max: 1s}}\n",
}


@pytest.mark.parametrize("text", FINE.values(), ids=FINE)
def test_plan_that_is_fine_is_left_alone(text: str) -> None:
    assert findings(text) == []


# --- with a running service ---------------------------------------------------------------------

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
