"""The end of `run` and `check`: evidence is judged, reports are written, the exit code follows."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import names
from harness.budgets.model import Budget
from harness.commands.parts.outputs import (
    annotate,
    append_step_summary,
    stdout_format,
    tell,
    write,
    write_copy,
)
from harness.commands.parts.serve_metrics import LiveMetrics
from harness.commands.parts.servers import Servers, annotate_run
from harness.errors import (
    EXIT_BREACH,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_PASS,
    UsageError,
)
from harness.judge.judge import judge
from harness.judge.model import Judgement
from harness.report.html.axis import axis_of
from harness.report.html.run_page import run_page
from harness.report.parts.words import headline
from harness.report.run.annotations import workflow_commands
from harness.report.run.baseline import BaselineComparison, baseline_fields, beside
from harness.report.run.console import console_report
from harness.report.run.junit import junit_xml
from harness.report.run.markdown import comment_markdown, summary_markdown
from harness.report.run.results import results_json
from harness.runner.folder import store_report
from harness.runner.prometheus import with_server_answers
from harness.runs.folder import RunFolder, read_evidence
from harness.runs.latency import read_intervals
from harness.runs.model import Evidence
from harness.runs.results import PastRun


@dataclass(frozen=True, slots=True)
class RunReport:
    """What the reports of a run are written from."""

    budgets: tuple[Budget, ...]
    judgement: Judgement
    evidence: Evidence
    folder: RunFolder
    exit_code: int
    baseline: BaselineComparison | None


def judge_and_report(
    budgets: tuple[Budget, ...],
    source: Path,
    folder: RunFolder,
    options: argparse.Namespace,
    *,
    past: PastRun | None,
    servers: Servers,
    store: bool,
    live_metrics: LiveMetrics | None = None,
) -> int:
    """Judge a run, write its reports, and return the exit code.

    Args:
        budgets: Those of the scenario.
        source: The path of budgets.yaml, for annotations.
        folder: The run.
        options: Of the command line.
        past: A run that is shown beside this one.
        servers: A Prometheus that measures, a Grafana on which the run is marked.
        store: Whether answers of Prometheus and reports are written into the run folder.
        live_metrics: Serves the outcome to Prometheus.

    Raises:
        RunFolderError: The run is damaged.
        UsageError: A report cannot be written.
    """
    evidence = with_server_answers(
        read_evidence(folder), budgets, folder, servers.prometheus, store=store
    )
    judgement = judge(budgets, evidence)
    if live_metrics:
        live_metrics.set_manifest(folder.path.resolve().name, evidence.manifest)
        live_metrics.judged(judgement)
    code = _exit_code(judgement, evidence, warn_only=options.warn_only)
    baseline = beside(judgement, evidence.manifest, past) if past else None
    report = RunReport(budgets, judgement, evidence, folder, code, baseline)
    _write_reports(report, options, store=store)
    _print_report(report, quiet=options.quiet)
    says, place = headline(judgement, evidence.manifest), str(source.resolve())
    annotate(workflow_commands(judgement.verdicts, place, headline=says, exit_code=code))
    _mark(servers, judgement, evidence)
    return code


def page_of(
    folder: RunFolder,
    judgement: Judgement,
    evidence: Evidence,
    budgets: Sequence[Budget],
    *,
    exit_code: int,
) -> str:
    """The page of a run that was judged.

    Raises:
        RunFolderError: latency.hlog is missing or damaged.
    """
    axis = axis_of(evidence)
    intervals = (
        {}
        if axis is None
        else read_intervals(folder.file(names.LATENCY_FILE), axis.start, axis.width, axis.edges[-1])
    )
    return run_page(judgement, evidence, budgets, intervals, exit_code=exit_code)


def _mark(servers: Servers, judgement: Judgement, evidence: Evidence) -> None:
    """Mark the run on Grafana's charts; a failure of that says nothing about the service."""
    if servers.grafana is None:
        return
    try:
        annotate_run(servers.grafana, evidence.manifest, judgement)
    except UsageError as error:
        tell(f"note: the run is not marked: {error.message}")


def _exit_code(judgement: Judgement, evidence: Evidence, *, warn_only: bool) -> int:
    if evidence.manifest.status == "interrupted":
        return EXIT_INTERRUPTED
    code = judgement.exit_code
    return EXIT_PASS if warn_only and code in {EXIT_BREACH, EXIT_INCONCLUSIVE} else code


def _write_reports(report: RunReport, options: argparse.Namespace, *, store: bool) -> None:
    """Write each report into the run folder, if wanted, and where an option names a file."""
    judgement, evidence, baseline = report.judgement, report.evidence, report.baseline
    fields = baseline_fields(baseline) if baseline else None
    results = results_json(judgement, evidence, exit_code=report.exit_code, baseline=fields)
    summary = summary_markdown(judgement, evidence, baseline)
    texts = [
        (names.RESULTS_FILE, options.json, results),
        (names.JUNIT_FILE, options.junit_xml, junit_xml(judgement, evidence.manifest)),
        (names.SUMMARY_FILE, options.markdown, summary),
        (names.COMMENT_FILE, None, comment_markdown(judgement, evidence.manifest)),
    ]
    if store or options.html:
        page = page_of(
            *(report.folder, judgement, evidence, report.budgets), exit_code=report.exit_code
        )
        texts.append((names.REPORT_FILE, options.html, page))
    for name, copy, text in texts:
        if store:
            store_report(report.folder, name, text)
        write_copy(copy, text)
    append_step_summary(summary)


def _print_report(report: RunReport, *, quiet: bool) -> None:
    if quiet:
        write(f"{report.judgement.outcome} (exit {report.exit_code}) {report.folder.path}\n")
        return
    text = console_report(
        report.judgement,
        report.evidence,
        **stdout_format(),
        folder=str(report.folder.path),
        exit_code=report.exit_code,
        baseline=report.baseline,
    )
    write(text)
