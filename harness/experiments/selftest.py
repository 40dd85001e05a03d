"""Self-tests: a run without a planted mistake, then one run for each planted mistake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness import names
from harness.budgets.model import Plan, Scenario, Selftest
from harness.budgets.parse.problems import closest
from harness.budgets.presets import in_run, roles_of_run
from harness.diagnose.diagnose import diagnose
from harness.diagnose.hits import CauseHit, FalseCauses, false_causes, hit_of
from harness.errors import UsageError
from harness.judge.judge import judge
from harness.judge.model import Judgement
from harness.judge.selftest import Detection, detect
from harness.report.run.diagnosis import diagnosis_json
from harness.report.run.junit import junit_xml
from harness.report.run.markdown import summary_markdown
from harness.report.run.results import results_json
from harness.runner.folder import new_run_folder, store_report
from harness.runner.options import DiagnosisOptions, RunOptions
from harness.runner.run import gather, was_interrupted
from harness.runner.signals import run_loop
from harness.runs.folder import RunFolder, read_evidence
from harness.runs.model import Evidence, Manifest, Progress
from harness.runs.recording.recording import read_recording

CLEAN = "nothing planted"  # no case can be called so: its name has spaces
_REPORTS = (names.RESULTS_FILE, names.JUNIT_FILE, names.SUMMARY_FILE)


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a self-test.

    Attributes:
        case: The planted mistake; its environment is empty where nothing is planted.
        scenario: The scenario, with the changes of the command line.
    """

    case: Selftest
    scenario: Scenario

    @property
    def folder(self) -> str:
        """Name of the run folder."""
        return self.case.name if self.case.environment else f"clean-{self.scenario.name}"


def trials(
    plan: Plan, wanted: Sequence[str], adapt: Callable[[str], Scenario]
) -> tuple[Trial, ...]:
    """The runs of a self-test: each scenario with nothing planted, then the mistakes.

    Args:
        plan: The whole of budgets.yaml.
        wanted: Names of cases; empty for all cases.
        adapt: The scenario of a name, with the changes of the command line and a fixed length.

    Raises:
        UsageError: There is no case at all or none of that name, or the warm-up of a scenario is
            automatic.
    """
    if not plan.selftests:
        raise UsageError(
            f"{plan.source} plants no mistakes",
            "add a `selftest:` section: an environment that plants a mistake, and what it breaks",
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
            f"a self-test needs a fixed warm-up; scenario {scenario.name!r} has warm-up auto",
            "give one with --warm-up, e.g. the one that `harness run` finds",
        )


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What a trial found.

    Attributes:
        hit: Whether the planted cause was named; None where none was looked for, or the mistake
            was not detected.
        unfounded: The causes of a service without a mistake; None where none were looked for.
    """

    detection: Detection
    manifest: Manifest
    hit: CauseHit | None = None
    unfounded: FalseCauses | None = None


def attempt(
    plan: Plan,
    trial: Trial,
    folder: Path,
    show: Callable[[Progress], None],
    diagnosis: DiagnosisOptions,
) -> TrialResult:
    """Run a trial, and check which of the budgets it promises to break are breached.

    No budget aborts the run: the promise may name several.

    Args:
        plan: The whole of budgets.yaml.
        trial: The planted mistake and the load.
        folder: The new run folder.
        show: Called with the progress about once a second.
        diagnosis: What is recorded to find the planted cause.

    Raises:
        KeyboardInterrupt: The run was interrupted; its folder has the part until then.
        ScenarioError: The locustfile cannot be run.
        UsageError: The folder or a report cannot be written.
    """
    assert plan.target is not None
    environment = {**plan.target.environment, **trial.case.environment}
    planted = replace(plan, target=replace(plan.target, environment=environment))
    run = new_run_folder(folder, plan, trial.scenario)
    manifest = run_loop(
        gather(planted, trial.scenario, run, RunOptions(show=show, diagnosis=diagnosis))
    )
    evidence = read_evidence(run, manifest=manifest)
    name = trial.scenario.name
    budgets = in_run(plan.budgets_of(name), evidence.manifest.roles)
    judgement = judge(budgets, evidence, plan.off_in(name))
    _store_reports(run, judgement, evidence)
    if was_interrupted(evidence.manifest):
        raise KeyboardInterrupt
    result = TrialResult(detect(trial.case, judgement), evidence.manifest)
    recording = read_recording(run.path)
    if recording is None:
        return result
    roles = roles_of_run(evidence.manifest.roles)
    if not trial.case.environment:
        unfounded = false_causes(judgement, budgets, evidence, recording, roles)
        return replace(result, unfounded=unfounded)
    found = diagnose(judgement, budgets, evidence, recording, roles)
    store_report(run, names.DIAGNOSIS_FILE, diagnosis_json(found, evidence.manifest))
    if result.detection.reason:
        return result  # without its breach there is nothing to explain
    return replace(result, hit=hit_of(trial.case, found))


def _store_reports(run: RunFolder, judgement: Judgement, evidence: Evidence) -> None:
    texts = (
        results_json(judgement, evidence, exit_code=judgement.exit_code),
        junit_xml(judgement, evidence.manifest),
        summary_markdown(judgement, evidence),
    )
    for file, text in zip(_REPORTS, texts, strict=True):
        store_report(run, file, text)
