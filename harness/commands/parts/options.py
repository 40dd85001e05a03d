"""The options that several commands share, as functions that add them to a parser."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.commands.parts.option_types import (
    count,
    header,
    matcher,
    or_auto,
    quantity,
    server,
    url,
)
from harness.units import Unit


def scenario_argument(parser: argparse.ArgumentParser) -> None:
    """Which scenario is loaded."""
    parser.add_argument(
        "scenario", nargs="?", metavar="SCENARIO", help="default: the first in budgets.yaml"
    )


def run_dir_argument(parser: argparse.ArgumentParser) -> None:
    """Which stored run is read."""
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="what `harness run` wrote")


def budgets_option(parser: argparse.ArgumentParser) -> None:
    """Which budgets.yaml is read."""
    default = Path("budgets.yaml")
    parser.add_argument(
        "--budgets", type=Path, default=default, metavar="FILE", help="default: ./budgets.yaml"
    )


def out_option(parser: argparse.ArgumentParser, what: str) -> None:
    """Where a command stores what it makes.

    Args:
        parser: The options of the command.
        what: The help, with the default in it.
    """
    parser.add_argument("--out", type=Path, metavar="DIR", help=what)


def url_option(parser: argparse.ArgumentParser, what: str) -> None:
    """A service that already runs.

    Args:
        parser: The options of the command.
        what: The help.
    """
    parser.add_argument("--url", type=url, help=what)


def quiet_option(parser: argparse.ArgumentParser) -> None:
    """Whether anything but the outcome is printed."""
    parser.add_argument("--quiet", action="store_true", help="one line with the outcome, no more")


def pair_options(group: argparse._ArgumentGroup) -> None:
    """The load of a pair of versions."""
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


def load_options(parser: argparse.ArgumentParser) -> None:
    """What of the scenario's load is changed."""
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


def baseline_option(parser: argparse.ArgumentParser) -> None:
    """Which stored run is shown beside this one."""
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="RUN",
        help="show the difference to a stored run (its folder or results.json); gates nothing",
    )


def grafana_options(parser: argparse.ArgumentParser, what: str) -> None:
    """A Grafana server."""
    parser.add_argument("--grafana-url", type=url, metavar="URL", help=what)
    parser.add_argument(
        "--grafana-token-file", type=Path, metavar="FILE", help="of a service account that may edit"
    )


def report_options(parser: argparse.ArgumentParser, results: str = "results.json") -> None:
    """Where reports are written as well, and what the exit code may say."""
    reports = {"json": results, "junit-xml": "JUnit", "markdown": "summary", "html": "page"}
    for option, what in reports.items():
        parser.add_argument(
            f"--{option}", type=Path, metavar="FILE", help=f"write the {what} here as well"
        )
    quiet_option(parser)
    parser.add_argument(
        "--warn-only", action="store_true", help="exit 0 also when breached or inconclusive"
    )


def prometheus_options(parser: argparse.ArgumentParser) -> None:
    """Those about a server that is asked."""
    group = parser.add_argument_group("a Prometheus server that measures what the service does")
    group.add_argument("--prometheus", type=server, metavar="URL", help="e.g. http://host:9090")
    group.add_argument(
        "--prometheus-match",
        type=matcher,
        action="append",
        default=[],
        metavar="LABEL=VALUE",
        help="that each series of the service has, e.g. job=shop; may be repeated",
    )
    group.add_argument(
        "--prometheus-token-file", type=Path, metavar="FILE", help="the bearer token is in it"
    )
    group.add_argument(
        "--prometheus-header",
        type=header,
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="sent with each query, e.g. 'X-Scope-OrgID: team'; may be repeated",
    )
    for name, what in (
        ("ca", "certificates that it is trusted by (default: those of this machine)"),
        ("cert", "our certificate, where it asks for one"),
        ("key", "its key, where that is not in the same file"),
    ):
        group.add_argument(f"--prometheus-{name}", type=Path, metavar="PEM", help=what)
