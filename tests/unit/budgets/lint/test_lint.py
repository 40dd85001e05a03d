"""Advice on valid plans, without load."""

import pytest

from harness.budgets.lint.plan import lint
from tests.unit.budgets.lint.linting import ERRORS, HEAD, SMOKE, budget, findings, plan_of
from tests.unit.budgets.parse.parsing import EXAMPLE


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
