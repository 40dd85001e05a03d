"""The command line: which commands and options there are."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.option_values import (
    FEWEST_REPETITIONS,
    address,
    count,
    or_auto,
    quantity,
    repetitions,
    run_id,
    url,
    variable,
    workers,
)
from harness.prometheus_options import prometheus_options, serve_option
from harness.units import Unit

Command = Callable[[argparse.Namespace], int]
MOST_PAIRS = (12, 16, 24, 32, 48, 64)  # those that `judge.sequential` has levels for
EXPORTS = (  # those of `report.export`, whose import takes a moment
    "github-action-benchmark",
    "github-action-benchmark-bigger",
    "bencher",
    "otava-csv",
    "openmetrics",
)
RENDERED = ("grafana", "prometheus")  # those of `render.files`
BUDGETS_HELP = "default: ./budgets.yaml"
EXIT_CODES = """\
exit codes:
  0 pass (warnings allowed)   2 bad usage, budgets or scenario   4 inconclusive
  1 internal error            3 a budget is breached             130 interrupted
"""


def parser(commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    """The parser of the whole command line.

    Args:
        commands: By name, what is called with the parsed options and returns the exit code.
    """
    parser = argparse.ArgumentParser(
        prog="harness",
        description="Put an HTTP service under load, watch it, and judge it by budgets.yaml.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in commands.items():
        summary, add_options = _COMMANDS[name]
        subparser = subparsers.add_parser(
            name,
            help=summary,
            description=command.__doc__,
            epilog=EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        subparser.set_defaults(command=command)
        add_options(subparser)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        sys.stdout.write(f"harness {version('harness')}\n")
        parser.exit()


def _add_run_options(parser: argparse.ArgumentParser) -> None:
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
        "--url", type=url, help="test a service that already runs; the target is not started"
    )
    _load_options(parser)
    _end_options(parser)
    _worker_options(parser)
    serve_option(parser)
    prometheus_options(parser)
    _baseline_option(parser)
    _grafana_options(parser, "where the run is marked on the dashboards")
    _report_options(parser)


def _add_check_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="what `harness run` wrote")
    parser.add_argument(
        "--budgets", type=Path, metavar="FILE", help="default: the budgets stored with the run"
    )
    prometheus_options(parser)
    _baseline_option(parser)
    _report_options(parser)


def _add_page_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="what `harness run` wrote")
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="default: report.html in the run folder"
    )


def _add_compare_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "scenario", nargs="?", metavar="SCENARIO", help="default: the first in budgets.yaml"
    )
    for side, what in (("baseline", "compared with"), ("candidate", "judged")):
        group = parser.add_argument_group(f"the {side}, which is {what}")
        group.add_argument(f"--{side}", metavar="REF", help="of git; default: the working tree")
        group.add_argument(f"--{side}-command", metavar="TEXT", help="instead of the target's")
        group.add_argument(f"--{side}-url", type=url, metavar="URL", help="it already runs there")
        group.add_argument(
            f"--{side}-environment",
            type=variable,
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="added to the target's environment; may be repeated",
        )
    group = parser.add_argument_group("the load")
    _pair_options(group)
    group.add_argument(
        "--max-pairs", type=int, choices=MOST_PAIRS, help="default: as calibrated, else 32"
    )
    parser.add_argument(
        "--budgets", type=Path, default=Path("budgets.yaml"), metavar="FILE", help=BUDGETS_HELP
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="default: runs/<utc>-compare-<scenario>"
    )
    _report_options(parser, "compare.json")


def _add_calibrate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "scenario", nargs="?", metavar="SCENARIO", help="default: the first in budgets.yaml"
    )
    for option, default, what in (
        ("pairs", 12, "of the version with itself, as `compare` loads them"),
        ("runs", 5, "one after the other, as `run` loads them"),
    ):
        parser.add_argument(
            f"--{option}",
            type=repetitions,
            default=default,
            metavar="N",
            help=f"{what}; at least {FEWEST_REPETITIONS}, or 0 for none (default: {default})",
        )
    _pair_options(parser.add_argument_group("the load"))
    parser.add_argument(
        "--budgets", type=Path, default=Path("budgets.yaml"), metavar="FILE", help=BUDGETS_HELP
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="default: runs/<utc>-calibrate-<scenario>"
    )
    parser.add_argument("--quiet", action="store_true", help="one line with the outcome, no more")


def _pair_options(group: argparse._ArgumentGroup) -> None:
    rate, seconds = quantity(Unit.PER_SECOND), quantity(Unit.SECONDS)
    group.add_argument("--rate", type=rate, metavar="RATE", help="arrivals, e.g. 100/s")
    group.add_argument("--warm-up", type=seconds, metavar="TIME", help="load before the slices")
    group.add_argument(
        "--slices",
        type=count,
        default=5,
        metavar="N",
        help="of one second for each side in a pair (default: 5)",
    )
    group.add_argument(
        "--simultaneous",
        action="store_true",
        help="load both sides in the same slices; for a machine with cores to spare",
    )
    group.add_argument("--seed", type=int, metavar="N", help="repeats the order and the arrivals")


def _add_lint_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--budgets", type=Path, default=Path("budgets.yaml"), metavar="FILE", help=BUDGETS_HELP
    )
    parser.add_argument(
        "--url", type=url, help="a running service: do its metrics exist, do its buckets fit"
    )


def _add_selftest_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "case", nargs="*", metavar="NAME", help="cases of `selftest:` (default: all of them)"
    )
    parser.add_argument(
        "--budgets", type=Path, default=Path("budgets.yaml"), metavar="FILE", help=BUDGETS_HELP
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="the run folders (default: runs/<utc>-selftest)"
    )
    _load_options(parser)
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table here")
    parser.add_argument("--quiet", action="store_true", help="one line with the outcome, no more")


def _add_history_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dir",
        nargs="?",
        type=Path,
        default=Path("runs"),
        metavar="DIR",
        help="the folder of run folders (default: runs)",
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page of them here")


def _add_export_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run_dir", nargs="+", type=Path, metavar="RUN_DIR", help="what `harness run` wrote"
    )
    parser.add_argument(
        "--to",
        required=True,
        choices=EXPORTS,
        metavar="FORMAT",
        help=", ".join(EXPORTS),
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: standard output")


def _add_backfill_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="what `harness run` wrote")
    parser.add_argument(
        "data_dir", type=Path, metavar="DATA_DIR", help="of Prometheus: its --storage.tsdb.path"
    )


def _add_render_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--budgets", type=Path, default=Path("budgets.yaml"), metavar="FILE", help=BUDGETS_HELP
    )
    parser.add_argument(
        "--out", type=Path, default=Path("dashboards"), metavar="DIR", help="default: dashboards"
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when the files differ"
    )
    parser.add_argument(
        "--only", action="append", choices=RENDERED, help="one part; may be repeated"
    )
    parser.add_argument(
        "--job", metavar="NAME", help="the service's `job` in Prometheus (default: its name)"
    )
    _grafana_options(parser, "where alerts find the dashboards, and where they are imported")


def _load_options(parser: argparse.ArgumentParser) -> None:
    rate, seconds = quantity(Unit.PER_SECOND), quantity(Unit.SECONDS)
    parser.add_argument("--rate", type=rate, metavar="RATE", help="arrivals, e.g. 100/s")
    parser.add_argument("--users", type=count, metavar="N", help="closed model with N users")
    parser.add_argument("--duration", type=seconds, metavar="TIME", help="the window, e.g. 60s")
    parser.add_argument(
        "--warm-up",
        type=or_auto(seconds),
        metavar="TIME",
        help="load before the window; auto: until the latency has settled",
    )


def _baseline_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="RUN",
        help="show the difference to a stored run (its folder or results.json); gates nothing",
    )


def _grafana_options(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--grafana-url", type=url, metavar="URL", help=what)
    parser.add_argument(
        "--grafana-token-file", type=Path, metavar="FILE", help="of a service account that may edit"
    )


def _end_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-duration",
        type=quantity(Unit.SECONDS),
        metavar="TIME",
        help="end, or go on, until every budget is decided, for TIME at most",
    )


def _worker_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        type=workers,
        metavar="N|auto",
        help="Locust processes on this machine; auto: as many as there are cores to spare",
    )
    group = parser.add_argument_group("workers on other machines")
    group.add_argument(
        "--expect-workers", type=count, metavar="N", help="wait for N Locust workers, no more"
    )
    group.add_argument(
        "--bind",
        type=address,
        metavar="ADDRESS[:PORT]",
        help="where they connect to (default: 0.0.0.0:5557); keep it in a private network",
    )
    group.add_argument(
        "--run-id", type=run_id, metavar="ID", help="what each must name (default: made up)"
    )
    group.add_argument(
        "--on-worker-loss",
        choices=["stop", "continue"],
        help="stop: the run ends, inconclusive (default); continue: with those that are left",
    )


def _report_options(parser: argparse.ArgumentParser, results: str = "results.json") -> None:
    reports = {"json": results, "junit-xml": "JUnit", "markdown": "summary", "html": "page"}
    for option, what in reports.items():
        parser.add_argument(
            f"--{option}", type=Path, metavar="FILE", help=f"write the {what} here as well"
        )
    parser.add_argument("--quiet", action="store_true", help="one line with the outcome, no more")
    parser.add_argument(
        "--warn-only", action="store_true", help="exit 0 also when breached or inconclusive"
    )


_COMMANDS: Mapping[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "run": ("start the target, load it, judge it, report", _add_run_options),
    "check": ("judge a stored run again; no load", _add_check_options),
    "report": ("write the page of a stored run", _add_page_options),
    "compare": ("load two versions in turn; did any get worse?", _add_compare_options),
    "calibrate": ("what is noise on this machine, and what can be seen", _add_calibrate_options),
    "lint": ("validate budgets.yaml without load", _add_lint_options),
    "selftest": ("plant mistakes; each must break the budgets it promises", _add_selftest_options),
    "history": ("the runs of a folder, and a trend per budget", _add_history_options),
    "export": ("what runs came to, in the format of another tool", _add_export_options),
    "backfill": ("load a stored run into a Prometheus", _add_backfill_options),
    "render": ("dashboards, alerts and their tests from budgets.yaml", _add_render_options),
}
