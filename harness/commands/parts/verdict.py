"""The end of `run` and `check`: judge the evidence, write the reports, choose the exit code."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from harness import names
from harness.budgets.model import Budget, Latency
from harness.budgets.presets import in_run, roles_of_run
from harness.commands.parts.outputs import (
    annotate,
    append_step_summary,
    print_error,
    print_line,
    stdout_format,
    write,
    write_report,
)
from harness.commands.parts.repeat import repeat_command
from harness.commands.parts.report_files import ReportFile, write_reports
from harness.commands.parts.serve_metrics import LiveMetrics
from harness.commands.parts.servers import Servers, annotate_run
from harness.diagnose.diagnose import diagnose
from harness.diagnose.model import Diagnosis
from harness.errors import (
    EXIT_BREACH,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_PASS,
    RunFolderError,
    ScenarioError,
    UsageError,
)
from harness.judge.judge import judge
from harness.judge.model import Judgement
from harness.report.html.axis import axis_of
from harness.report.html.run_page import run_page
from harness.report.parts.causes import with_causes
from harness.report.parts.failures import FailureNotes, failure_notes
from harness.report.parts.words import failure, headline
from harness.report.run.annotations import error_command, workflow_commands
from harness.report.run.baseline import BaselineComparison, baseline_fields, compare_to_baseline
from harness.report.run.console import console_report
from harness.report.run.diagnosis import diagnosis_json
from harness.report.run.junit import junit_xml
from harness.report.run.markdown import comment_markdown, summary_markdown
from harness.report.run.results import results_json
from harness.report.run.speedscope import speedscope_json
from harness.runner.prometheus import with_server_answers
from harness.runner.warm_up import settle
from harness.runs.folder import RunFolder, read_evidence, read_manifest
from harness.runs.latency import read_intervals
from harness.runs.model import Evidence, Manifest
from harness.runs.recording.recording import Recording, read_recording
from harness.runs.results import PastRun


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """A judged run: the input of each of its reports."""

    budgets: tuple[Budget, ...]
    judgement: Judgement
    evidence: Evidence
    folder: RunFolder
    exit_code: int
    baseline: BaselineComparison | None = None
    diagnosis: Diagnosis | None = None
    recording: Recording | None = None  # that the diagnosis rests on
    repeat: str = ""  # the command that repeats it, after a breach

    def notes(self, *, once: bool = True) -> FailureNotes:
        """What failed and why, below each budget; `once` is as in `failure_notes`."""
        return with_causes(failure_notes(self.judgement, self.evidence, once=once), self.diagnosis)


def run_html(run: JudgedRun) -> str:
    """The content of report.html.

    Raises:
        RunFolderError: latency.hlog is missing or damaged.
    """
    axis, latency = axis_of(run.evidence), run.folder.file(names.LATENCY_FILE)
    limited = {one.indicator.of for one in run.budgets if isinstance(one.indicator, Latency)}
    intervals = (
        {}
        if axis is None
        else read_intervals(
            *(latency, axis.start, axis.width, axis.edges[-1]), {names.LATENCY, *limited}
        )
    )
    return run_page(
        *(run.judgement, run.evidence, run.budgets, axis, intervals),
        exit_code=run.exit_code,
        diagnosis=run.diagnosis,
        recording=run.recording,
    )


def _results(run: JudgedRun) -> str:
    baseline = baseline_fields(run.baseline) if run.baseline else None
    return results_json(run.judgement, run.evidence, exit_code=run.exit_code, baseline=baseline)


def _summary(run: JudgedRun) -> str:
    return summary_markdown(run.judgement, run.evidence, run.baseline, run.notes())


def _junit(run: JudgedRun) -> str:
    return junit_xml(run.judgement, run.evidence.manifest, run.notes(once=False))


def _comment(run: JudgedRun) -> str:
    return comment_markdown(run.judgement, run.evidence.manifest, run.notes(), run.repeat)


def _diagnosis(run: JudgedRun) -> str:
    assert run.diagnosis is not None
    return diagnosis_json(run.diagnosis, run.evidence.manifest)


def _profile(run: JudgedRun) -> str:
    assert run.recording is not None
    return speedscope_json(run.recording, run.evidence.manifest)


REPORTS: tuple[ReportFile[JudgedRun], ...] = (
    ReportFile(names.RESULTS_FILE, _results, "json"),
    ReportFile(names.JUNIT_FILE, _junit, "junit_xml"),
    ReportFile(names.SUMMARY_FILE, _summary, "markdown"),
    ReportFile(names.COMMENT_FILE, _comment),
    ReportFile(names.REPORT_FILE, run_html, "html"),
)


# Only of a run that was recorded after its window.
DIAGNOSIS: ReportFile[JudgedRun] = ReportFile(names.DIAGNOSIS_FILE, _diagnosis)
PROFILE: ReportFile[JudgedRun] = ReportFile(names.PROFILE_FILE, _profile)

REPORT_FILES = tuple(report.file for report in REPORTS)


def judge_and_report(
    budgets: tuple[Budget, ...],
    source: Path,
    folder: RunFolder,
    options: argparse.Namespace,
    *,
    past: PastRun | None,
    servers: Servers,
    off: tuple[str, ...],
    made: Manifest | None = None,
    live_metrics: LiveMetrics | None = None,
) -> int:
    """Judge a run, write its reports, and return the exit code.

    Args:
        budgets: The budgets of the scenario.
        source: The path of budgets.yaml, for annotations.
        folder: The run folder.
        options: The options of the command line.
        past: The stored run with which the run is compared for information.
        servers: The Prometheus server that measures, the Grafana server that shows the run.
        off: Names of the budgets of the scenario that are off.
        made: The manifest of a run that was made just now, whose answers of Prometheus and reports
            are written into the run folder; None judges a stored run.
        live_metrics: Serves the outcome to Prometheus.

    Raises:
        RunFolderError: The stored run is damaged.
    """
    store = made is not None
    unused = () if source == folder.file(names.BUDGETS_FILE) else (names.BUDGETS_FILE,)
    evidence = _evidence_of(folder, made, unused)
    budgets = in_run(budgets, evidence.manifest.roles)
    evidence = with_server_answers(evidence, budgets, folder, servers.prometheus, store=store)
    judgement = judge(budgets, evidence, off)
    if live_metrics:
        live_metrics.set_manifest(folder.path.resolve().name, evidence.manifest)
        live_metrics.judged(judgement)
    code = exit_code_of_run(judgement, evidence, warn_only=options.warn_only)
    baseline = compare_to_baseline(judgement, evidence.manifest, past) if past else None
    recording = read_recording(folder.path)
    diagnosis = diagnosis_of(budgets, judgement, evidence, recording)
    repeat = repeat_command(options) if made and judgement.outcome == "fail" else ""
    run = JudgedRun(
        *(budgets, judgement, evidence, folder, code, baseline, diagnosis, recording, repeat)
    )
    errors = write_reports(_reports_of(run), run, folder.path, options, store=store)
    append_step_summary(_summary(run))
    _print_report(run, quiet=options.quiet)
    for error in errors:
        print_error(error)
    annotate(_annotations(run, source))
    _annotate_grafana(servers, judgement, evidence)
    return code


def _reports_of(run: JudgedRun) -> tuple[ReportFile[JudgedRun], ...]:
    if run.recording is None:
        return REPORTS
    profiled = run.recording.wall or run.recording.cpu
    return (*REPORTS, DIAGNOSIS, PROFILE) if profiled else (*REPORTS, DIAGNOSIS)


def diagnosis_of(
    budgets: tuple[Budget, ...],
    judgement: Judgement,
    evidence: Evidence,
    recording: Recording | None,
) -> Diagnosis | None:
    """The causes of the breaches of a run; None when it was not recorded after its window."""
    if recording is None:
        return None
    roles = roles_of_run(evidence.manifest.roles)
    return diagnose(judgement, budgets, evidence, recording, roles)


def report_refusal(
    budgets: tuple[Budget, ...],
    folder: RunFolder,
    options: argparse.Namespace,
    refusal: ScenarioError,
) -> None:
    """Write the reports of a run whose scenario was refused; the caller prints the error."""
    evidence = Evidence(read_manifest(folder), {}, ())
    judgement = judge(budgets, evidence)
    run = JudgedRun(budgets, judgement, evidence, folder, refusal.exit_code)
    for error in write_reports(REPORTS, run, folder.path, options):
        print_error(error)
    append_step_summary(_summary(run))


def _annotations(run: JudgedRun, source: Path) -> list[str]:
    """Annotations for each budget; one for a run that never began."""
    manifest, judgement = run.evidence.manifest, run.judgement
    if manifest.never_began:
        return [error_command("\n".join(failure(manifest)), "")]
    title, place = headline(judgement, manifest), str(source.resolve())
    notes, code = run.notes().of_budgets, run.exit_code
    return workflow_commands(judgement.verdicts, place, headline=title, exit_code=code, notes=notes)


def _evidence_of(folder: RunFolder, made: Manifest | None, unused: tuple[str, ...]) -> Evidence:
    """The evidence of a stored run, or of one that was made just now.

    The evidence of the latter may be gone, with a folder that somebody removed: then nothing can be
    judged. With `warm_up: auto` the end of the warm-up is found here.

    Args:
        folder: The run folder.
        made: The manifest of a run that was made just now.
        unused: Names of files that the verdict does not rest on.

    Raises:
        RunFolderError: The stored run is damaged.
    """
    if made is None:
        return read_evidence(folder, unused=unused)
    try:
        whole = settle(folder, made) if made.scenario["settles"] else made
        return read_evidence(folder, unused=unused, manifest=whole)
    except RunFolderError as error:
        if made.status != "interrupted":
            made = made.model_copy(update={"status": "failed", "reason": error.message})
        return Evidence(made, {}, ())


def _annotate_grafana(servers: Servers, judgement: Judgement, evidence: Evidence) -> None:
    """Mark the run on Grafana's charts; a failure to do so changes no outcome."""
    if servers.grafana is None:
        return
    try:
        annotate_run(servers.grafana, evidence.manifest, judgement)
    except UsageError as error:
        print_line(f"note: the run is not marked in Grafana: {error.message}")


def exit_code_of_run(judgement: Judgement, evidence: Evidence, *, warn_only: bool = False) -> int:
    """That of the judgement, or of the interrupt; with `warn_only` 0 for a run without one."""
    match evidence.manifest.status:
        case "interrupted":
            return EXIT_INTERRUPTED
        case "running" | "complete" | "aborted" | "failed":
            code = judgement.exit_code
        case _:
            assert_never(evidence.manifest.status)
    return EXIT_PASS if warn_only and code in {EXIT_BREACH, EXIT_INCONCLUSIVE} else code


def _print_report(run: JudgedRun, *, quiet: bool) -> None:
    if quiet:
        write(f"{run.judgement.outcome} (exit {run.exit_code}) {run.folder.path}\n")
        return
    text = console_report(
        run.judgement,
        run.evidence,
        **stdout_format(),
        folder=str(run.folder.path),
        exit_code=run.exit_code,
        baseline=run.baseline,
        notes=run.notes(),
        repeat=run.repeat,
    )
    write_report(text)
