"""Options of several commands: functions that add them to a parser."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.budgets.limits import DIAGNOSIS, DURATION, RATE, TIME, TRACES_SIZE
from harness.commands.parts.option_types import (
    count,
    header,
    listen_address,
    matcher,
    or_auto,
    quantity,
    server,
    service_url,
    url,
    workers,
)
from harness.load.worker_secret import SECRET

if TYPE_CHECKING:
    from harness.runner.options import DiagnosisOptions

DIAGNOSIS_SECONDS: Final = 15.0  # default of --diagnose-for
# Bytes: `harness.observe.otlp.receiver.MOST`, whose import takes long.
MOST_TRACES: Final = 32 * 2**20


def scenario_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument SCENARIO."""
    parser.add_argument(
        "scenario",
        nargs="?",
        metavar="SCENARIO",
        help="scenario to load (default: the first in budgets.yaml)",
    )


def run_dir_argument(parser: argparse.ArgumentParser, what: str = "run") -> None:
    """Add the argument RUN_DIR.

    Args:
        parser: Of the command.
        what: What the folder is of.
    """
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help=f"folder of a stored {what}")


def workers_option(parser: argparse._ActionsContainer) -> None:
    """Add --workers."""
    parser.add_argument(
        "--workers",
        type=workers,
        metavar="N|auto",
        help="Locust processes on this machine; auto: the number of CPUs that the harness may use,"
        " minus one if it starts the service (default: that of the scenario)",
    )


def budgets_option(parser: argparse.ArgumentParser) -> None:
    """Add --budgets."""
    parser.add_argument(
        "--budgets",
        type=Path,
        default=Path("budgets.yaml"),
        metavar="FILE",
        help="budgets file (default: ./budgets.yaml)",
    )


def out_option(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --out, the folder for the results.

    Args:
        parser: The parser of the command.
        what: The help, with the default in it.
    """
    parser.add_argument("--out", type=Path, metavar="DIR", help=what)


def url_option(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --url, the address of a running service.

    Args:
        parser: The parser of the command.
        what: The help.
    """
    parser.add_argument("--url", type=service_url, help=what)


def metrics_option(parser: argparse.ArgumentParser) -> None:
    """Add --metrics, the metrics addresses of the service of --url."""
    parser.add_argument(
        "--metrics",
        type=url,
        action="append",
        metavar="URL",
        help="metrics of the service at --url, if not where budgets.yaml says; repeatable",
    )


def worker_secret_option(group: argparse._ActionsContainer) -> None:
    """Add --worker-secret-file."""
    group.add_argument(
        "--worker-secret-file",
        type=Path,
        metavar="FILE",
        help=f"file with the secret of master and workers (default: environment variable {SECRET})",
    )


def quiet_option(parser: argparse.ArgumentParser) -> None:
    """Add --quiet."""
    parser.add_argument("--quiet", action="store_true", help="print only one line with the outcome")


def pair_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of the load of a pair of versions."""
    rate, seconds = quantity(RATE), quantity(TIME)
    group.add_argument("--rate", type=rate, metavar="RATE", help="arrival rate, e.g. 100/s")
    group.add_argument(
        "--warm-up", type=seconds, metavar="TIME", help="duration of the warm-up before the slices"
    )
    group.add_argument(
        "--slices",
        type=count,
        default=5,
        metavar="N",
        help="slices of one second for each version in a pair (default: 5)",
    )
    group.add_argument(
        "--simultaneous",
        action="store_true",
        help="load both versions at the same time; needs a machine with free cores",
    )
    group.add_argument(
        "--seed", type=int, metavar="N", help="random seed of the order and the arrivals"
    )


def load_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that override the load of the scenario."""
    rate, seconds = quantity(RATE), quantity(TIME)
    parser.add_argument("--rate", type=rate, metavar="RATE", help="arrival rate, e.g. 100/s")
    parser.add_argument(
        "--users", type=count, metavar="N", help="N concurrent users (closed model)"
    )
    parser.add_argument(
        "--duration",
        type=quantity(DURATION),
        metavar="TIME",
        help="duration of the measurement, e.g. 60s",
    )
    parser.add_argument(
        "--warm-up",
        type=or_auto(seconds),
        metavar="TIME",
        help="duration of the warm-up; auto: until the latency has settled",
    )


def baseline_option(parser: argparse.ArgumentParser) -> None:
    """Add --baseline, a stored run to compare with for information."""
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="RUN",
        help="also show the difference to a stored run (folder or results.json); not judged",
    )


def grafana_options(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the options of a Grafana server.

    Args:
        parser: The parser of the command.
        what: The help of --grafana-url.
    """
    parser.add_argument("--grafana-url", type=url, metavar="URL", help=what)
    parser.add_argument(
        "--grafana-token-file",
        type=Path,
        metavar="FILE",
        help="file with the token of a service account with the role Editor",
    )


def report_options(parser: argparse.ArgumentParser, results: str = "results.json") -> None:
    """Add the options that write reports to files, --quiet and --warn-only."""
    reports = {
        "json": results,
        "junit-xml": "the JUnit report",
        "markdown": "the Markdown summary",
        "html": "the HTML report",
    }
    for option, what in reports.items():
        parser.add_argument(
            f"--{option}", type=Path, metavar="FILE", help=f"also write {what} to FILE"
        )
    quiet_option(parser)
    parser.add_argument(
        "--warn-only", action="store_true", help="exit with 0 even if breached or inconclusive"
    )


def prometheus_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a Prometheus server."""
    group = parser.add_argument_group("a Prometheus server that scrapes the service")
    group.add_argument(
        "--prometheus", type=server, metavar="URL", help="URL of the server, e.g. http://host:9090"
    )
    group.add_argument(
        "--prometheus-match",
        type=matcher,
        action="append",
        default=[],
        metavar="LABEL=VALUE",
        help="label of every series of the service, e.g. job=shop; repeatable",
    )
    group.add_argument(
        "--prometheus-token-file", type=Path, metavar="FILE", help="file with the bearer token"
    )
    group.add_argument(
        "--prometheus-header",
        type=header,
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="HTTP header of each query, e.g. 'X-Scope-OrgID: team'; repeatable",
    )
    for name, what in (
        ("ca", "CA certificates to trust (default: the CA certificates of this machine)"),
        ("cert", "client certificate"),
        ("key", "key of the client certificate, if it is in another file"),
    ):
        group.add_argument(f"--prometheus-{name}", type=Path, metavar="PEM", help=what)


def diagnosis_options(parser: argparse.ArgumentParser, *, when: str, length: str) -> None:
    """Add the options on the cause of a breach.

    Args:
        parser: Of the command.
        when: What happens after a breach, for the help.
        length: What `--diagnose-for` is the length of.
    """
    group = parser.add_argument_group("the cause of a breach")
    group.add_argument(
        "--diagnose",
        choices=["breach", "always", "never"],
        default="breach",
        help=f"when {when} (default: breach)",
    )
    group.add_argument(
        "--diagnose-for",
        type=quantity(DIAGNOSIS),
        default=DIAGNOSIS_SECONDS,
        metavar="TIME",
        help=f"how long {length} (default: 15s)",
    )
    group.add_argument(
        "--traces-size",
        type=quantity(TRACES_SIZE),
        default=MOST_TRACES,
        metavar="SIZE",
        help="largest size of traces.jsonl (default: 32MiB)",
    )
    group.add_argument(
        "--otlp",
        type=listen_address,
        metavar="[ADDRESS:]PORT",
        help="receive traces by OTLP over HTTP here from a service that runs already"
        " (default ADDRESS: 127.0.0.1)",
    )


def diagnosis_of_options(options: argparse.Namespace) -> DiagnosisOptions:
    """What is recorded to find a cause, by the options."""
    from harness.runner.options import DiagnosisOptions

    size = int(options.traces_size)
    return DiagnosisOptions(options.diagnose, options.diagnose_for, size, options.otlp)
