"""The commands: the only place that prints and exits. Each body reads as the pipeline.

Nothing heavy is imported until a command runs, so that `harness --help` answers at once.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from harness import names
from harness.arguments import RENDEZVOUS_PORT, parser
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

if TYPE_CHECKING:
    from harness.budgets.model import Budget, Plan, Scenario
    from harness.judge.detect import Detection
    from harness.judge.model import Judgement
    from harness.load.rendezvous import Rendezvous
    from harness.runs.folder import RunFolder
    from harness.runs.model import Evidence, Manifest, Progress


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

    plan = _read_plan(options.budgets)
    scenario = _choose_scenario(plan, options)
    rendezvous = _rendezvous(scenario, options)
    budgets = plan.budgets_of(scenario.name)
    watch = AbortWatch(budgets, scenario.duration)
    files = logs(scenario).values()
    folder = create_folder(options.out, scenario.name, datetime.now(UTC), logs=files)
    folder.write(names.BUDGETS_FILE, plan.text)
    with LiveLine(sys.stderr, quiet=options.quiet) as live:
        running = gather(
            *(plan, scenario, folder),
            url=options.url,
            show=live.show,
            watch=watch,
            rendezvous=rendezvous,
            tell=lambda line: print(line, file=sys.stderr, flush=True),
        )
        asyncio.run(running)
    return _judge_and_tell(budgets, folder, options)


def check(options: argparse.Namespace) -> int:
    """Judge a stored run again, without load."""
    from harness.runs.folder import open_folder, read_manifest

    folder = open_folder(options.run_dir)
    scenario = str(read_manifest(folder).scenario["name"])
    plan = _read_plan(options.budgets or folder.file(names.BUDGETS_FILE))
    return _judge_and_tell(plan.budgets_of(scenario), folder, options)


def lint(options: argparse.Namespace) -> int:
    """Validate budgets.yaml and, with --url, hold it against the service's metrics."""
    from harness.budgets.lint import lint as find

    plan = _read_plan(options.budgets)
    for scenario in plan.scenarios.values():
        _require_locustfile(scenario)
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

    plan = _read_plan(options.budgets)
    planned = trials(plan, options.case, lambda scenario: _adapted(scenario, options))
    out = options.out or Path("runs") / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-selftest"
    results: list[tuple[Detection, Manifest]] = []
    try:
        for trial in planned:
            with LiveLine(sys.stderr, quiet=options.quiet) as live:
                results.append(attempt(plan, trial, out / trial.folder, live.show))
            _print_line(results[-1][0], quiet=options.quiet)
            if not trial.case.environment and results[-1][0].reason:
                break  # a mistake proves nothing on a service that breaches without it
    finally:
        if results:
            _tell_selftest(results, out, options)
    return exit_code(detection for detection, _ in results)


COMMANDS = {"run": run, "check": check, "lint": lint, "selftest": selftest}


# --- their parts ----------------------------------------------------------------------------------


def _read_plan(path: Path) -> Plan:
    from harness.budgets.parse import parse_plan

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist", "name the file with --budgets") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    return parse_plan(text, path, os.environ, datetime.now(UTC).date())


def _choose_scenario(plan: Plan, options: argparse.Namespace) -> Scenario:
    name = options.scenario or next(iter(plan.scenarios))
    if name not in plan.scenarios:
        raise UsageError(f"no scenario {name!r}", f"choose one of: {', '.join(plan.scenarios)}")
    if plan.target is None and not options.url:
        raise UsageError(
            f"{plan.source} has no target", "add a `target:` section, or name a service with --url"
        )
    return _adapted(plan.scenarios[name], options)


def _adapted(scenario: Scenario, options: argparse.Namespace) -> Scenario:
    """A scenario with what the command line changes of it."""
    from harness.budgets.override import override

    changes = {name: getattr(options, name) for name in ("rate", "users", "duration", "warm_up")}
    scenario = override(scenario, **changes, workers=getattr(options, "workers", None))
    _require_locustfile(scenario)
    return scenario


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


def _require_locustfile(scenario: Scenario) -> None:
    for load in scenario.loads:
        if not load.locustfile.is_file():
            raise UsageError(
                f"scenario {scenario.name!r}: {load.locustfile} does not exist",
                "`locustfile` is looked up from the folder of budgets.yaml",
            )


def _judge_and_tell(
    budgets: tuple[Budget, ...], folder: RunFolder, options: argparse.Namespace
) -> int:
    from harness.judge.decide import judge
    from harness.runs.folder import read_evidence

    evidence = read_evidence(folder)
    judgement = judge(budgets, evidence)
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
        _write_copy(copy, text)
    _append_step_summary(reports[2][2])


def _write_copy(path: Path | None, text: str) -> None:
    from harness.runs.folder import replace_text

    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, text)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error


def _append_step_summary(text: str) -> None:
    """Show it on the page of a GitHub job, when this is one."""
    step_summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if step_summary:
        with Path(step_summary).open("a", encoding="utf-8") as file:
            file.write(text)


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
        width=_width(sys.stdout),
        color=_color(sys.stdout),
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
    _write_copy(options.markdown, text)
    _append_step_summary(text)
    if not options.quiet:
        print(selftest_table(detections, width=_width(sys.stdout), color=_color(sys.stdout)))
    as_promised = sum(not detection.reason for detection in detections)
    print(f"{as_promised} of {len(detections)} runs ended as promised; stored in {out}")


def _width(stream: TextIO) -> int:
    if stream.isatty() or "COLUMNS" in os.environ:
        import shutil

        return max(40, shutil.get_terminal_size((100, 24)).columns)
    return 100


def _color(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class LiveLine:
    """The progress line: rewritten in place on a terminal, now and then a full line elsewhere."""

    SECONDS_BETWEEN_LINES = 5.0

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        self._stream = stream
        self._quiet = quiet
        self._terminal = stream.isatty()
        self._last = (-self.SECONDS_BETWEEN_LINES, "")

    def __enter__(self) -> LiveLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal and not self._quiet:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()

    def show(self, progress: Progress) -> None:
        """Show where the run is."""
        from harness.report.live import progress_line

        elapsed, phase = self._last
        due = progress.elapsed - elapsed >= self.SECONDS_BETWEEN_LINES or progress.phase != phase
        if self._quiet or not (self._terminal or due):
            return
        self._last = (progress.elapsed, progress.phase)
        line = progress_line(progress, _width(self._stream) - 1)
        self._stream.write(f"\r\x1b[2K{line}" if self._terminal else line + "\n")
        self._stream.flush()
