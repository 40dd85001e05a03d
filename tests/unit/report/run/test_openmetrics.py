"""A run, its budgets and its verdicts as samples."""

import pytest

from harness.budgets.model import Alert, ErrorRatio, Latency, Quantile, Selector
from harness.judge.judge import judge
from harness.report.run.openmetrics import (
    latency_bounds,
    limit_samples,
    outcome_samples,
    run_samples,
)
from harness.runs.openmetrics import Sample
from harness.units import Unit
from tests.unit.judge.evidence import END, START, buckets, budget, evidence, manifest, requests

FAST = budget(Latency(0.95), 0.3, name="fast", alert=Alert(0.7, 60.0, "warning"))
ERRORS = budget(ErrorRatio(), 0.1 + 0.2, unit=Unit.RATIO, name="errors", severity="warn")
NEVER = budget(Latency(0.95, "GET /never"), 1.0, name="never")


def rows(samples: list[Sample]) -> list[tuple[str, dict[str, str], float]]:
    assert all(one.kind == "gauge" and one.family == one.name for one in samples)
    return [(one.name.removeprefix("harness_"), dict(one.labels), one.value) for one in samples]


def test_latency_bounds_are_those_of_latency_budgets_and_their_alerts() -> None:
    assert list(latency_bounds([FAST, ERRORS, NEVER])) == [0.3, 0.7, 1.0]


def test_limits_have_no_float_noise() -> None:
    assert rows(list(limit_samples([FAST, ERRORS]))) == [
        ("budget_limit", {"budget": "fast", "direction": "max", "severity": "error"}, 0.3),
        ("budget_limit", {"budget": "errors", "direction": "max", "severity": "warn"}, 0.3),
    ]


def test_run_is_told_with_its_moments_as_far_as_it_got() -> None:
    about = manifest().model_copy(update={"git": {"commit": "abc"}})
    assert rows(list(run_samples("20261126T120000Z-smoke", about))) == [
        (
            "run_info",
            {"run": "20261126T120000Z-smoke", "commit": "abc", "version": "0.1.0"},
            1.0,
        ),
        ("run_start_time_seconds", {}, 995.0),
        ("window_start_time_seconds", {}, START),
        ("window_end_time_seconds", {}, END),
    ]
    early = manifest(window=(None, None))
    names = [name for name, _, _ in rows(list(run_samples("r", early)))]
    assert names == ["run_info", "run_start_time_seconds"]
    assert "commit" not in next(run_samples("r", early)).labels


def test_outcomes_are_one_of_four_and_no_data_has_no_value() -> None:
    run = evidence(latency=requests(ok=[0.4] * 9, failed=[0.1]))
    judgement = judge((FAST, ERRORS, NEVER), run)
    found = rows(list(outcome_samples(judgement.outcome, judgement.verdicts)))
    ones = [(labels.get("budget"), labels["outcome"]) for _, labels, v in found if v == 1.0]
    assert ones == [
        (None, "fail"),
        ("fast", "fail"),
        ("errors", "inconclusive"),
        ("never", "inconclusive"),
    ]
    assert sum(name.endswith("outcome") for name, _, _ in found) == 4 * 4
    values = {labels["budget"]: value for name, labels, value in found if name == "budget_value"}
    assert values.keys() == {"fast", "errors"}
    assert values["errors"] == 0.1


def test_quantile_of_a_histogram_has_its_share_over_the_bound_in_place_of_a_value() -> None:
    one = budget(Quantile(Selector("h"), 0.95), 0.2, name="lag")
    run = evidence(*buckets("h", {"0.1": 50, "0.2": 90, "0.5": 100, "+Inf": 100}))
    judgement = judge((one,), run)
    found = rows(list(outcome_samples(judgement.outcome, judgement.verdicts)))
    values = {name: value for name, labels, value in found if labels == {"budget": "lag"}}
    assert values == {"budget_share_over": pytest.approx(0.1)}
