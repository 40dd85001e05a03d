"""Self-tests: a run with nothing planted, then one for each planted mistake."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness import names
from harness.budgets.model import Plan, Scenario, Selftest
from harness.budgets.parse.problems import closest
from harness.errors import UsageError
from harness.judge.judge import judge
from harness.judge.selftest import Detection, detect
from harness.load.fleet import logs
from harness.report.run.junit import junit_xml
from harness.report.run.markdown import summary_markdown
from harness.report.run.results import results_json
from harness.runner.run import gather
from harness.runs.folder import create_folder, read_evidence
from harness.runs.model import Manifest, Progress

CLEAN = "nothing planted"  # no case can be called so: its name has spaces
_REPORTS = (names.RESULTS_FILE, names.JUNIT_FILE, names.SUMMARY_FILE)


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a self-test: what is planted, and the scenario with the command line's changes."""

    case: Selftest
    scenario: Scenario

    @property
    def folder(self) -> str:
        """Name of its run folder."""
        return self.case.name if self.case.environment else f"clean-{self.scenario.name}"


def trials(
    plan: Plan, wanted: Sequence[str], adapt: Callable[[str], Scenario]
) -> tuple[Trial, ...]:
    """The runs of a self-test: each scenario with nothing planted, then the mistakes.

    Args:
        plan: The whole of budgets.yaml.
        wanted: Names of cases; none are all.
        adapt: The scenario of a name, with the changes of the command line and a fixed length.

    Raises:
        UsageError: There is no case, or none of that name; or a scenario's warm-up is auto.
    """
    if not plan.selftests:
        raise UsageError(
            f"{plan.source} plants no mistakes",
            "add a `selftest:` section: environment that plants a mistake, and what it breaks",
        )
    for name in wanted:
        if name not in plan.selftests:
            known = ", ".join(plan.selftests)
            raise UsageError(
                f"no self-test {name!r}", f"{closest(name, plan.selftests)}known: {known}"
            )
    cases = [case for name, case in plan.selftests.items() if name in wanted or not wanted]
    scenarios = {case.scenario: adapt(case.scenario) for case in cases}
    for scenario in scenarios.values():
        _require_fixed_warm_up(scenario)
    clean = [Trial(Selftest(CLEAN, {}, name), scenario) for name, scenario in scenarios.items()]
    return (*clean, *(Trial(case, scenarios[case.scenario]) for case in cases))


def _require_fixed_warm_up(scenario: Scenario) -> None:
    if scenario.auto_warm_up:
        raise UsageError(
            f"a self-test needs a fixed warm-up, and that of scenario {scenario.name!r} is auto",
            "give one with --warm-up; what `harness run` found is a good one",
        )


def attempt(
    plan: Plan, trial: Trial, folder: Path, show: Callable[[Progress], None]
) -> tuple[Detection, Manifest]:
    """Run a trial and hold it against its promise.

    No budget aborts it: the promise may be about several.

    Args:
        plan: The whole of budgets.yaml.
        trial: What is planted, under which load.
        folder: The new run folder; it gets all that a run leaves.
        show: Called about once a second.

    Returns:
        What it came to, and the manifest of its run.

    Raises:
        KeyboardInterrupt: The run was interrupted; what there is of it is in its folder.
        ScenarioError: The locustfile cannot be run.
    """
    assert plan.target is not None
    environment = {**plan.target.environment, **trial.case.environment}
    planted = replace(plan, target=replace(plan.target, environment=environment))
    files = logs(trial.scenario).values()
    name, now = trial.scenario.name, datetime.now(UTC)
    run = create_folder(folder, name, now, logs=files, reports=_REPORTS)
    run.write(names.BUDGETS_FILE, plan.text)
    asyncio.run(gather(planted, trial.scenario, run, url=None, show=show))
    evidence = read_evidence(run)
    judgement = judge(plan.budgets_of(name), evidence)
    run.write(names.RESULTS_FILE, results_json(judgement, evidence, exit_code=judgement.exit_code))
    run.write(names.JUNIT_FILE, junit_xml(judgement, evidence.manifest))
    run.write(names.SUMMARY_FILE, summary_markdown(judgement, evidence))
    if evidence.manifest.status == "interrupted":
        raise KeyboardInterrupt
    return detect(trial.case, judgement), evidence.manifest
