"""What a self-test asks of its scenarios."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from harness.budgets.dialects.recognise import recognise
from harness.budgets.model import Budget, Gauge, Scenario, Selector
from harness.budgets.parse.parse import parse_plan
from harness.diagnose.hits import FalseCauses
from harness.errors import UsageError
from harness.experiments import selftest
from harness.experiments.selftest import attempt, trials
from harness.names import RESULTS_FILE, ROLES
from harness.runner.options import DiagnosisOptions
from harness.runner.run import AFTER_LOAD
from harness.runs.recording.recording import Recording
from tests.unit.budgets.dialects.test_recognise import exposed
from tests.unit.judge.evidence import evidence, manifest

TEXT = """
version: 1
service: shop
target: {command: "serve {port}", url: "http://127.0.0.1:{port}"}
scenarios:
  quick: {locustfile: quick.py, rate: 50/s, warm_up: auto, duration: 20s}
budgets:
  errors: {indicator: {kind: error_ratio}, max: 1%}
selftest:
  broken: {environment: {BROKEN: "1"}, scenario: quick, breaks: [errors]}
"""


def test_automatic_warm_up_is_refused_unless_an_option_replaces_it() -> None:
    plan = parse_plan(TEXT, Path("budgets.yaml"), {}, date(2026, 1, 1))

    def fixed(name: str) -> Scenario:
        return replace(plan.scenarios[name], warm_up=4.0, auto_warm_up=False)

    with pytest.raises(UsageError, match="fixed warm-up; scenario 'quick' has warm-up auto"):
        trials(plan, [], lambda name: plan.scenarios[name])
    assert [trial.scenario.warm_up for trial in trials(plan, [], fixed)] == [4.0, 4.0]


@pytest.mark.parametrize(
    "ended", [{"status": "interrupted"}, {"notices": (AFTER_LOAD,)}], ids=["the load", "after it"]
)
def test_signal_ends_the_self_test_also_after_the_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: dict[str, object]
) -> None:
    plan = parse_plan(TEXT.replace("warm_up: auto, ", ""), tmp_path / "b", {}, date(2026, 1, 1))
    found = replace(evidence(), manifest=manifest().model_copy(update=ended))
    monkeypatch.setattr(selftest, "gather", lambda *_: None)
    monkeypatch.setattr(selftest, "run_loop", lambda _: found.manifest)
    monkeypatch.setattr(selftest, "read_evidence", lambda *_, **__: found)
    (_, broken) = trials(plan, [], plan.scenarios.__getitem__)
    with pytest.raises(KeyboardInterrupt):
        attempt(plan, broken, tmp_path / "broken", lambda _: None, DiagnosisOptions())
    assert (tmp_path / "broken" / RESULTS_FILE).exists()


def test_diagnosis_of_a_trial_gets_the_metrics_of_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = TEXT.replace("warm_up: auto, ", "").replace(
        "selftest:", "  lag: {indicator: event_loop_lag, max: 50ms}\nselftest:"
    )
    plan = parse_plan(text, tmp_path / "budgets.yaml", {}, date(2026, 1, 1))
    made = manifest()
    target = {**made.target, ROLES: recognise(exposed("fastify-metrics")).as_json()}
    found = replace(evidence(), manifest=made.model_copy(update={"target": target}))
    explained: list[Budget] = []

    def causes(_: object, budgets: tuple[Budget, ...], *__: object) -> FalseCauses:
        explained.extend(budgets)
        return FalseCauses()

    monkeypatch.setattr(selftest, "gather", lambda *_: None)
    monkeypatch.setattr(selftest, "run_loop", lambda _: found.manifest)
    monkeypatch.setattr(selftest, "read_evidence", lambda *_, **__: found)
    monkeypatch.setattr(selftest, "read_recording", lambda _: Recording())
    monkeypatch.setattr(selftest, "false_causes", causes)
    (clean, _) = trials(plan, [], plan.scenarios.__getitem__)
    attempt(plan, clean, tmp_path / "clean", lambda _: None, DiagnosisOptions())
    lag = next(one for one in explained if one.name == "lag")
    assert lag.indicator == Gauge(Selector("nodejs_eventloop_lag_p99_seconds"), "max")
