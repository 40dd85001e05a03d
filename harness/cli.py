"""The commands: the only place that prints and exits. Each body reads as the pipeline.

Nothing heavy is imported until a command runs, so that `harness --help` answers at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from harness import names
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
from harness.units import Unit, parse

if TYPE_CHECKING:
    from harness.budgets.model import Budget, Plan, Scenario
    from harness.judge.model import Judgement
    from harness.runs.folder import RunFolder
    from harness.runs.model import Evidence, Progress

BUDGETS_HELP = "default: ./budgets.yaml"
EXIT_CODES = """\
exit codes:
  0 pass (warnings allowed)   2 bad usage, budgets or scenario   4 inconclusive
  1 internal error            3 a budget is breached             130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code."""
    options = _parser().parse_args(arguments)
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
    from harness.runs.folder import create_folder

    plan = _read_plan(options.budgets)
    scenario = _choose_scenario(plan, options)
    budgets = plan.budgets_of(scenario.name)
    folder = create_folder(options.out, scenario.name, datetime.now(UTC))
    folder.write(names.BUDGETS_FILE, plan.text)
    with LiveLine(sys.stderr, quiet=options.quiet) as live:
        asyncio.run(gather(plan, scenario, folder, url=options.url, show=live.show))
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
    from harness.budgets.override import override

    name = options.scenario or next(iter(plan.scenarios))
    if name not in plan.scenarios:
        raise UsageError(f"no scenario {name!r}", f"choose one of: {', '.join(plan.scenarios)}")
    if plan.target is None and not options.url:
        raise UsageError(
            f"{plan.source} has no target", "add a `target:` section, or name a service with --url"
        )
    scenario = override(
        plan.scenarios[name],
        rate=options.rate,
        users=options.users,
        duration=options.duration,
        warm_up=options.warm_up,
    )
    _require_locustfile(scenario)
    return scenario


def _require_locustfile(scenario: Scenario) -> None:
    if not scenario.locustfile.is_file():
        raise UsageError(
            f"scenario {scenario.name!r}: {scenario.locustfile} does not exist",
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
    from harness.runs.folder import replace_text

    reports = (
        (names.RESULTS_FILE, options.json, results_json(judgement, evidence, exit_code=code)),
        (names.JUNIT_FILE, options.junit_xml, junit_xml(judgement, evidence.manifest)),
        (names.SUMMARY_FILE, options.markdown, summary_markdown(judgement, evidence)),
    )
    for name, copy, text in reports:
        try:
            if options.command is run:
                folder.write(name, text)
            if copy is not None:
                copy.parent.mkdir(parents=True, exist_ok=True)
                replace_text(copy, text)
        except OSError as error:
            raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error
    step_summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if step_summary:
        with Path(step_summary).open("a", encoding="utf-8") as file:
            file.write(reports[2][2])


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


# --- the command line -----------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="harness",
        description="Put an HTTP service under load, watch it, and judge it by budgets.yaml.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_run(commands)
    _add_check(commands)
    _add_lint(commands)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"harness {version('harness')}")
        parser.exit()


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    command: Callable[[argparse.Namespace], int],
    summary: str,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=command.__doc__,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=command)
    return parser


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(commands, "run", run, "start the target, load it, judge it, report")
    parser.add_argument(
        "scenario", nargs="?", metavar="SCENARIO", help="default: the first in budgets.yaml"
    )
    parser.add_argument(
        "--budgets", type=Path, default=Path("budgets.yaml"), metavar="FILE", help=BUDGETS_HELP
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="the run folder (default: runs/<utc>-<scenario>)"
    )
    parser.add_argument(
        "--url", type=_url, help="test a service that already runs; the target is not started"
    )
    rate, seconds = _quantity(Unit.PER_SECOND), _quantity(Unit.SECONDS)
    parser.add_argument("--rate", type=rate, metavar="RATE", help="arrivals, e.g. 100/s")
    parser.add_argument("--users", type=_count, metavar="N", help="closed model with N users")
    parser.add_argument("--duration", type=seconds, metavar="TIME", help="the window, e.g. 60s")
    parser.add_argument("--warm-up", type=seconds, metavar="TIME", help="load before the window")
    _add_report_options(parser)


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(commands, "check", check, "judge a stored run again; no load")
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="what `harness run` wrote")
    parser.add_argument(
        "--budgets", type=Path, metavar="FILE", help="default: the budgets stored with the run"
    )
    _add_report_options(parser)


def _add_lint(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(commands, "lint", lint, "validate budgets.yaml without load")
    parser.add_argument(
        "--budgets", type=Path, default=Path("budgets.yaml"), metavar="FILE", help=BUDGETS_HELP
    )
    parser.add_argument(
        "--url", type=_url, help="a running service: do its metrics exist, do its buckets fit"
    )


def _add_report_options(parser: argparse.ArgumentParser) -> None:
    for option, what in (("json", "results.json"), ("junit-xml", "JUnit"), ("markdown", "summary")):
        parser.add_argument(
            f"--{option}", type=Path, metavar="FILE", help=f"write the {what} here as well"
        )
    parser.add_argument("--quiet", action="store_true", help="one line with the outcome, no more")
    parser.add_argument(
        "--warn-only", action="store_true", help="exit 0 also when breached or inconclusive"
    )


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text!r} is no URL; write http://host:port")
    return text.rstrip("/")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)


def _quantity(unit: Unit) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = parse(text, unit)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        if value <= 0:
            raise argparse.ArgumentTypeError(f"{text!r} is not above zero")
        return value

    return read
