"""The exit code that a locustfile sets fails the run, unless the scenario ignores it."""

from dataclasses import replace

import pytest

from harness.budgets.model import Latency
from harness.judge.judge import judge
from harness.judge.locustfile import locustfile_verdict
from tests.unit.judge.evidence import budget, evidence, manifest


@pytest.mark.parametrize(
    ("code", "key", "fails"),
    [
        (None, "fail", False),
        (0, "fail", False),
        (1, "fail", True),
        (-1, "fail", True),
        (1, "ignore", False),
        (1, None, True),  # a run of an older version
    ],
)
def test_exit_code_other_than_zero_fails(code: int | None, key: str | None, fails: bool) -> None:
    run = manifest()
    scenario = run.scenario | ({} if key is None else {"locustfile_exit_code": key})
    run = run.model_copy(update={"locustfile_exit_code": code, "scenario": scenario})
    verdict = locustfile_verdict(run)
    assert (verdict is not None) == fails
    if verdict:
        assert (verdict.outcome, verdict.value, verdict.bound) == ("fail", code, 0)
        assert verdict.reason == f"the locustfile set exit code {code}"


def test_exit_code_fails_a_run_whose_budgets_are_met() -> None:
    run = evidence()
    met = judge((budget(Latency(0.95), 0.2),), run)
    manifest = run.manifest.model_copy(update={"locustfile_exit_code": 3})
    failed = judge((budget(Latency(0.95), 0.2),), replace(run, manifest=manifest))
    assert (met.outcome, failed.outcome) == ("pass", "fail")
    assert failed.verdicts[:-1] == met.verdicts
    assert failed.verdicts[-1].name == "locustfile-exit-code"
