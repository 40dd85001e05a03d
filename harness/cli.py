"""The commands: the only place that prints and exits. Each body reads as the pipeline.

Nothing heavy is imported until a command runs, so that `harness --help` answers at once.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness import names
from harness.arguments import RENDEZVOUS_PORT, parser
from harness.asked import adapted, choose_scenario, read_plan, require_locustfile
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
from harness.told import append_step_summary, color_of, width_of, write_copy

if TYPE_CHECKING:
    from harness.budgets.model import Budget, Plan, Scenario
    from harness.exposed import Exposed
    from harness.judge.detect import Detection
    from harness.judge.model import Judgement
    from harness.load.rendezvous import Rendezvous
    from harness.runs.folder import RunFolder
    from harness.runs.model import Evidence, Manifest


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code."""
    options = parser(COMMANDS).parse_args(arguments)
    try:
        code = options.command(options)
    except HarnessError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
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

    from harness.gather import gather
    from harness.judge.abort import AbortWatch
    from harness.load.fleet import logs
    from harness.runs.folder import create_folder

    plan = read_plan(options.budgets)
    scenario = choose_scenario(plan, options)
    if plan.target is None and not options.url:
        raise UsageError(
            f"{plan.source} has no target", "add a `target:` section, or name a service with --url"
        )
    rendezvous = _rendezvous(scenario, options)
    budgets = plan.budgets_of(scenario.name)
    watch = AbortWatch(budgets, scenario.duration)
    files = logs(scenario).values()
    title = f"{plan.service}, scenario {scenario.name}"
    with _served(plan, scenario, options) as exposed:
        folder = create_folder(options.out, scenario.name, datetime.now(UTC), logs=files)
        folder.write(names.BUDGETS_FILE, plan.text)
        with LiveView(sys.stderr, quiet=options.quiet, title=title) as live:
            running = gather(
                *(plan, scenario, folder),
                url=options.url,
                show=live.show,
                watch=watch,
                exposed=exposed,
                rendezvous=rendezvous,
                tell=lambda line: print(line, file=sys.stderr, flush=True),
            )
            asyncio.run(running)
        return _judge_and_tell(budgets, folder, options, exposed)


def check(options: argparse.Namespace) -> int:
    """Judge a stored run again, without load."""
    from harness.runs.folder import open_folder, read_manifest

    folder = open_folder(options.run_dir)
    scenario = str(read_manifest(folder).scenario["name"])
    plan = read_plan(options.budgets or folder.file(names.BUDGETS_FILE))
    return _judge_and_tell(plan.budgets_of(scenario), folder, options)


def lint(options: argparse.Namespace) -> int:
    """Validate budgets.yaml and, with --url, hold it against the service's metrics."""
    from harness.budgets.lint import lint as find

    plan = read_plan(options.budgets)
    for scenario in plan.scenarios.values():
        require_locustfile(scenario)
    families = None
    if options.url:
        from harness.observe.families import fetch_families

        families = fetch_families(options.url, plan.target)
    findings = find(plan, families)
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
    from harness.judge.detect import exit_code
    from harness.selftest import attempt, trials

    plan = read_plan(options.budgets)
    planned = trials(plan, options.case, lambda scenario: adapted(scenario, options))
    out = options.out or Path("runs") / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-selftest"
    results: list[tuple[Detection, Manifest]] = []
    try:
        for trial in planned:
            title = f"{plan.service}: {trial.case.name}"
            with LiveView(sys.stderr, quiet=options.quiet, title=title) as live:
                results.append(attempt(plan, trial, out / trial.folder, live.show))
            _print_line(results[-1][0], quiet=options.quiet)
            if not trial.case.environment and results[-1][0].reason:
                break  # a mistake proves nothing on a service that breaches without it
    finally:
        if results:
            _tell_selftest(results, out, options)
    return exit_code(detection for detection, _ in results)


def compare(options: argparse.Namespace) -> int:
    """Load two versions of the service in turn: did any budget get worse by its max_regression?"""
    from harness.compare_command import compare

    return compare(options)


def history(options: argparse.Namespace) -> int:
    """Show what the runs in a folder came to, and how each budget went over them."""
    from harness.history_command import history

    return history(options)


def export(options: argparse.Namespace) -> int:
    """Write what stored runs came to in the format of another tool."""
    from harness.export_command import export

    return export(options)


def render(options: argparse.Namespace) -> int:
    """Write Grafana's dashboards and Prometheus's rules, or compare them with what is written."""
    from harness.render_command import render

    return render(options)


COMMANDS = {
    "run": run,
    "check": check,
    "compare": compare,
    "lint": lint,
    "selftest": selftest,
    "history": history,
    "export": export,
    "render": render,
}


# --- their parts ----------------------------------------------------------------------------------


def _rendezvous(scenario: Scenario, options: argparse.Namespace) -> Rendezvous | None:
    """Where workers of other machines are waited for; None when there are none."""
    from harness.load.rendezvous import Rendezvous

    if options.expect_workers is None:
        for name in ("bind", "run_id", "on_worker_loss"):
            if getattr(options, name) is not None:
                raise UsageError(
                    f"--{name.replace('_', '-')} is about workers on other machines",
                    "say how many there are with --expect-workers",
                )
        return None
    if options.workers is not None:
        raise UsageError(
            "--workers and --expect-workers exclude each other",
            "give --workers for processes on this machine, --expect-workers for other machines",
        )
    if len(scenario.loads) > 1:
        loads = ", ".join(load.name for load in scenario.loads)
        raise UsageError(
            f"workers on other machines serve one load, and {scenario.name!r} has several: {loads}",
            "make each load a scenario of its own, or use --workers on this machine",
        )
    host, port = options.bind or ("0.0.0.0", RENDEZVOUS_PORT)  # noqa: S104  others must reach it
    run_id = options.run_id or secrets.token_hex(4)
    return Rendezvous(
        *(host, port, options.expect_workers, run_id), when_lost=options.on_worker_loss or "stop"
    )


@contextmanager
def _served(
    plan: Plan, scenario: Scenario, options: argparse.Namespace
) -> Iterator[Exposed | None]:
    """Serve a run to Prometheus, if asked for, until the verdict was scraped as well."""
    if options.serve_metrics is None:
        yield None
        return
    from harness.exposed import Exposed
    from harness.observe.endpoint import endpoint

    exposed = Exposed(plan, scenario)
    host, port = options.serve_metrics

    def tell(seconds: float) -> None:
        if not options.quiet:
            line = f"waiting up to {seconds:.0f} s until the verdict is scraped (Ctrl-C ends that)"
            print(line, file=sys.stderr, flush=True)

    with endpoint(host, port, exposed.samples) as served:
        yield exposed
        with suppress(KeyboardInterrupt):
            served.wait(tell)


def _judge_and_tell(
    budgets: tuple[Budget, ...],
    folder: RunFolder,
    options: argparse.Namespace,
    exposed: Exposed | None = None,
) -> int:
    from harness.judge.decide import judge
    from harness.runs.folder import read_evidence

    evidence = read_evidence(folder)
    judgement = judge(budgets, evidence)
    if exposed:
        exposed.judged(judgement)
    code = _exit_code(judgement, evidence, warn_only=options.warn_only)
    _store_reports(judgement, evidence, folder, options, code)
    _print_report(judgement, evidence, folder, quiet=options.quiet, code=code)
    return code


def _exit_code(judgement: Judgement, evidence: Evidence, *, warn_only: bool) -> int:
    if evidence.manifest.status == "interrupted":
        return EXIT_INTERRUPTED
    code = judgement.exit_code
    return EXIT_PASS if warn_only and code in {EXIT_BREACH, EXIT_INCONCLUSIVE} else code


def _store_reports(
    judgement: Judgement,
    evidence: Evidence,
    folder: RunFolder,
    options: argparse.Namespace,
    code: int,
) -> None:
    from harness.report.junit import junit_xml
    from harness.report.markdown import summary_markdown
    from harness.report.results import results_json

    reports = (
        (names.RESULTS_FILE, options.json, results_json(judgement, evidence, exit_code=code)),
        (names.JUNIT_FILE, options.junit_xml, junit_xml(judgement, evidence.manifest)),
        (names.SUMMARY_FILE, options.markdown, summary_markdown(judgement, evidence)),
    )
    for name, copy, text in reports:
        if options.command is run:
            try:
                folder.write(name, text)
            except OSError as error:
                raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error
        write_copy(copy, text)
    append_step_summary(reports[2][2])


def _print_report(
    judgement: Judgement, evidence: Evidence, folder: RunFolder, *, quiet: bool, code: int
) -> None:
    from harness.report.console import console_report

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
    )
    print(text, end="")


def _print_line(detection: Detection, *, quiet: bool) -> None:
    from harness.report.selftest import selftest_line

    if not quiet:
        print(selftest_line(detection), flush=True)


def _tell_selftest(
    results: Sequence[tuple[Detection, Manifest]], out: Path, options: argparse.Namespace
) -> None:
    from harness.report.selftest import selftest_markdown, selftest_table

    detections = [detection for detection, _ in results]
    text = selftest_markdown(detections, results[0][1])
    write_copy(options.markdown, text)
    append_step_summary(text)
    if not options.quiet:
        print(selftest_table(detections, width=width_of(sys.stdout), color=color_of(sys.stdout)))
    as_promised = sum(not detection.reason for detection in detections)
    print(f"{as_promised} of {len(detections)} runs ended as promised; stored in {out}")
