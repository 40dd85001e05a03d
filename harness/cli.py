"""The commands: the only place that prints and exits. Each body reads as the pipeline.

Nothing heavy is imported until a command runs, so that `harness --help` answers at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness import names
from harness.arguments import parser
from harness.asked import choose_scenario, read_plan, rendezvous_of, require_locustfile
from harness.errors import (
    EXIT_BREACH,
    EXIT_INCONCLUSIVE,
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    EXIT_PASS,
    EXIT_USAGE,
    HarnessError,
    UsageError,
)
from harness.live import LiveView
from harness.told import annotate, append_step_summary, color_of, width_of, write_copy

if TYPE_CHECKING:
    from harness.budgets.lint import Advice
    from harness.budgets.model import Budget
    from harness.exposed import Exposed
    from harness.judge.model import Judgement
    from harness.observe.grafana import Grafana
    from harness.observe.prometheus import Prometheus
    from harness.report.baseline import Beside
    from harness.runs.folder import RunFolder
    from harness.runs.model import Evidence
    from harness.runs.results import PastRun


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code."""
    options = parser(COMMANDS).parse_args(arguments)
    try:
        code = options.command(options)
    except HarnessError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        _annotate_error(error)
        code = error.exit_code
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output is gone, e.g. `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_INTERNAL
    except Exception:  # noqa: BLE001  a crash must not look like a regression
        import traceback

        traceback.print_exc()
        print("error: this is a fault of the harness itself; please report it", file=sys.stderr)
        code = EXIT_INTERNAL
    sys.exit(code)


# --- the commands ---------------------------------------------------------------------------------


def run(options: argparse.Namespace) -> int:
    """Start the target, load it, judge it, report."""
    import asyncio

    from harness.calibration import Calibration
    from harness.consult import server_of
    from harness.gather import gather
    from harness.grafana import grafana_of
    from harness.judge.abort import AbortWatch
    from harness.judge.decided import Decision
    from harness.load.fleet import logs
    from harness.runs.folder import create_folder
    from harness.served import served
    from harness.settled import settle

    plan = read_plan(options.budgets)
    scenario = choose_scenario(plan, options)
    if plan.target is None and not options.url:
        raise UsageError(
            f"{plan.source} has no target", "add a `target:` section, or name a service with --url"
        )
    rendezvous = rendezvous_of(scenario, options)
    server, grafana = server_of(options), grafana_of(options)
    if server:
        server.probe()
    past = _past(options)
    budgets = plan.budgets_of(scenario.name)
    noise = Calibration.load(plan.source).noises_of(scenario.name)
    watch = AbortWatch(budgets, scenario.duration, noise)
    decision = Decision(budgets, scenario) if scenario.planned is not None else None
    files = logs(scenario).values()
    title = f"{plan.service}, scenario {scenario.name}"
    with served(plan, scenario, options) as exposed:
        folder = create_folder(options.out, scenario.name, datetime.now(UTC), logs=files)
        folder.write(names.BUDGETS_FILE, plan.text)
        with LiveView(sys.stderr, quiet=options.quiet, title=title) as live:
            running = gather(
                *(plan, scenario, folder),
                url=options.url,
                show=live.show,
                watch=watch,
                decision=decision,
                exposed=exposed,
                rendezvous=rendezvous,
                tell=lambda line: print(line, file=sys.stderr, flush=True),
            )
            asyncio.run(running)
        if scenario.settles:
            settle(folder)
        return _judge_and_tell(
            *(budgets, plan.source, folder, options),
            past=past,
            server=server,
            exposed=exposed,
            grafana=grafana,
        )


def check(options: argparse.Namespace) -> int:
    """Judge a stored run again, without load."""
    from harness.consult import server_of
    from harness.runs.folder import open_folder, read_manifest

    folder = open_folder(options.run_dir)
    scenario = str(read_manifest(folder).scenario["name"])
    plan = read_plan(options.budgets or folder.file(names.BUDGETS_FILE))
    budgets = plan.budgets_of(scenario)
    past, server = _past(options), server_of(options)
    return _judge_and_tell(budgets, plan.source, folder, options, past=past, server=server)


def report(options: argparse.Namespace) -> int:
    """Write the page of a stored run, judged by the budgets that are stored with it."""
    from harness.report_command import report

    return report(options)


def lint(options: argparse.Namespace) -> int:
    """Validate budgets.yaml and, with --url, hold it against the service's metrics."""
    from harness.budgets.lint import lint as find
    from harness.calibration import path_of

    plan = read_plan(options.budgets)
    for scenario in plan.scenarios.values():
        require_locustfile(scenario)
    families = None
    if options.url:
        from harness.observe.families import fetch_families

        families = fetch_families(options.url, plan.target)
    told: tuple[list[Advice], list[str]] = [], []
    if path_of(options.budgets).exists():  # what judges takes a second to import
        from harness.calibration_use import lint_advice

        told = lint_advice(plan, options.budgets)
    advice, notices = told
    findings = find(plan, families, advice)
    for notice in notices:
        print(f"note: {notice}", file=sys.stderr)
    for finding in findings:
        print(
            f"{options.budgets}:{finding.line}: {finding.level}: {finding.path}: {finding.message}"
        )
    errors = sum(finding.level == "error" for finding in findings)
    print(
        f"{options.budgets}: budgets: {len(plan.budgets)}, scenarios: {len(plan.scenarios)}, "
        f"errors: {errors}, warnings: {len(findings) - errors}"
    )
    return EXIT_USAGE if errors else EXIT_PASS


def selftest(options: argparse.Namespace) -> int:
    """Run the service as it is, then plant each mistake: the budgets it promises must break."""
    from harness.selftest_command import selftest

    return selftest(options)


def compare(options: argparse.Namespace) -> int:
    """Load two versions of the service in turn: did any budget get worse by its max_regression?"""
    from harness.compare_command import compare

    return compare(options)


def calibrate(options: argparse.Namespace) -> int:
    """Load one version of the service again and again: what is noise on this machine?"""
    from harness.calibrate_command import calibrate

    return calibrate(options)


def history(options: argparse.Namespace) -> int:
    """Show what the runs in a folder came to, and how each budget went over them."""
    from harness.history_command import history

    return history(options)


def export(options: argparse.Namespace) -> int:
    """Write what stored runs came to in the format of another tool."""
    from harness.export_command import export

    return export(options)


def backfill(options: argparse.Namespace) -> int:
    """Load a stored run into the data of a Prometheus, for Grafana to show; needs promtool."""
    from harness.backfill_command import backfill

    return backfill(options)


def render(options: argparse.Namespace) -> int:
    """Write Grafana's dashboards and Prometheus's rules, or compare them with what is written."""
    from harness.render_command import render

    return render(options)


COMMANDS = {
    "run": run,
    "check": check,
    "report": report,
    "compare": compare,
    "calibrate": calibrate,
    "lint": lint,
    "selftest": selftest,
    "history": history,
    "export": export,
    "backfill": backfill,
    "render": render,
}


# --- their parts ----------------------------------------------------------------------------------


def _annotate_error(error: HarnessError) -> None:
    from harness.report.annotations import error_command

    annotate([error_command(error.message, error.hint)])


def _past(options: argparse.Namespace) -> PastRun | None:
    """The run that `--baseline` names, read before the load: a typo must not cost a run."""
    from harness.runs.results import read_past

    return None if options.baseline is None else read_past(options.baseline)


def _judge_and_tell(
    budgets: tuple[Budget, ...],
    source: Path,
    folder: RunFolder,
    options: argparse.Namespace,
    *,
    past: PastRun | None,
    server: Prometheus | None,
    exposed: Exposed | None = None,
    grafana: Grafana | None = None,
) -> int:
    from harness.consult import consulted
    from harness.judge.decide import judge
    from harness.report.annotations import workflow_commands
    from harness.report.baseline import beside
    from harness.report.wording import headline
    from harness.runs.folder import read_evidence

    store = options.command is run
    evidence = consulted(read_evidence(folder), budgets, folder, server, store=store)
    judgement = judge(budgets, evidence)
    if exposed:
        exposed.know(folder.path.resolve().name, evidence.manifest)
        exposed.judged(judgement)
    code = _exit_code(judgement, evidence, warn_only=options.warn_only)
    baseline = beside(judgement, evidence.manifest, past) if past else None
    told = _Told(budgets, judgement, evidence, folder, code, baseline)
    _store_reports(told, options)
    _print_report(told, quiet=options.quiet)
    says, place = headline(judgement, evidence.manifest), str(source.resolve())
    annotate(workflow_commands(judgement.verdicts, place, headline=says, exit_code=code))
    if grafana:
        _mark(grafana, judgement, evidence)
    return code


def _mark(grafana: Grafana, judgement: Judgement, evidence: Evidence) -> None:
    """On Grafana's charts; whether it takes that says nothing about the service."""
    from harness.grafana import annotate_run

    try:
        annotate_run(grafana, evidence.manifest, judgement)
    except UsageError as error:
        print(f"note: the run is not marked: {error.message}", file=sys.stderr)


def _exit_code(judgement: Judgement, evidence: Evidence, *, warn_only: bool) -> int:
    if evidence.manifest.status == "interrupted":
        return EXIT_INTERRUPTED
    code = judgement.exit_code
    return EXIT_PASS if warn_only and code in {EXIT_BREACH, EXIT_INCONCLUSIVE} else code


class _Told(NamedTuple):
    """What the reports of a run tell."""

    budgets: tuple[Budget, ...]
    judgement: Judgement
    evidence: Evidence
    folder: RunFolder
    code: int
    baseline: Beside | None


def _store_reports(told: _Told, options: argparse.Namespace) -> None:
    from harness.page import page_of
    from harness.report.baseline import baseline_fields
    from harness.report.junit import junit_xml
    from harness.report.markdown import comment_markdown, summary_markdown
    from harness.report.results import results_json

    budgets, judgement, evidence, folder, code, baseline = told
    fields = baseline_fields(baseline) if baseline else None
    results = results_json(judgement, evidence, exit_code=code, baseline=fields)
    reports = (
        (names.RESULTS_FILE, options.json, results),
        (names.JUNIT_FILE, options.junit_xml, junit_xml(judgement, evidence.manifest)),
        (names.SUMMARY_FILE, options.markdown, summary_markdown(judgement, evidence, baseline)),
        (names.COMMENT_FILE, None, comment_markdown(judgement, evidence.manifest)),
    )
    for name, copy, text in reports:
        _store(folder, name, copy, text, options)
    append_step_summary(reports[2][2])
    if options.command is run or options.html:
        page = page_of(folder, judgement, evidence, budgets, exit_code=code)
        _store(folder, names.REPORT_FILE, options.html, page, options)


def _store(
    folder: RunFolder, name: str, copy: Path | None, text: str, options: argparse.Namespace
) -> None:
    """In the run folder by the command that makes it, and wherever an option wants it."""
    if options.command is run:
        try:
            folder.write(name, text)
        except OSError as error:
            raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error
    write_copy(copy, text)


def _print_report(told: _Told, *, quiet: bool) -> None:
    from harness.report.console import console_report

    _, judgement, evidence, folder, code, baseline = told
    if quiet:
        print(f"{judgement.outcome} (exit {code}) {folder.path}")
        return
    text = console_report(
        judgement,
        evidence,
        width=width_of(sys.stdout),
        color=color_of(sys.stdout),
        folder=str(folder.path),
        exit_code=code,
        baseline=baseline,
    )
    print(text, end="")
