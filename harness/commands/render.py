"""`harness render`: write or check the dashboards and rules of a budgets.yaml."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from harness.budgets.dialects.model import lacking
from harness.budgets.dialects.recognise import by_default
from harness.budgets.model import Plan
from harness.budgets.presets import with_roles
from harness.commands.parts.inputs import read_plan
from harness.commands.parts.options import budgets_option, grafana_options, url_option
from harness.commands.parts.outputs import print_line, write, write_copy
from harness.commands.parts.roles import KnownRoles, roles_of
from harness.commands.parts.servers import grafana_of, import_dashboards
from harness.errors import EXIT_PASS, UsageError, why_unreadable
from harness.observe.grafana import Grafana
from harness.render.files import PARTS, rendered
from harness.render.rules.edges import edge_notes
from harness.render.words import Links, watched


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness render`."""
    budgets_option(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("dashboards"),
        metavar="DIR",
        help="folder to write (default: dashboards)",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if the files differ"
    )
    parser.add_argument(
        "--only", action="append", choices=PARTS, help="render only this part; repeatable"
    )
    parser.add_argument(
        "--job", metavar="NAME", help="label `job` of the service in Prometheus (default: its name)"
    )
    url_option(parser, "running service, whose metrics the files name")
    grafana_options(parser, "Grafana server: links of the alerts, import of the dashboards")


def render(options: argparse.Namespace) -> int:
    """Write Grafana dashboards and Prometheus rules, or check that the files are up to date.

    Raises:
        UsageError: There is nothing to render, a file cannot be written, or a file differs.
    """
    plan = read_plan(options.budgets)
    roles = roles_of(plan, options.url)
    links = Links(
        plan.service,
        options.job or plan.service,
        (options.grafana_url or "").rstrip("/"),
        roles.found,
    )
    plan = with_roles(plan, roles.found)
    _tell(plan, links, roles)
    for note in edge_notes(plan, links, roles.families):
        print_line(f"note: {note}")
    files = rendered(plan, links, options.only)
    if not files:
        raise UsageError(
            f"nothing to render: {options.budgets} has no budget whose severity is not off",
            "add a budget, or change the severity of one",
        )
    server = grafana_of(options)
    if options.check:
        _check(files, options.out)
    else:
        _write(files, options.out, server)
    return EXIT_PASS


def _tell(plan: Plan, links: Links, roles: KnownRoles) -> None:
    """Say which metrics are used, and which budgets have no metric outside of a load test."""
    if links.roles != by_default():
        print_line(f"note: {links.roles.summary} ({roles.known})")
    if roles.doubt:
        print_line(f"note: {roles.doubt}")
    kept = watched(plan, links)
    for budget in plan.judged:
        if budget not in kept:
            lacked = lacking(budget.indicator)
            why = links.roles.lacks(lacked[0]) if lacked else "the service exposes no metric for it"
            print_line(f"note: {budget.name} has no panel of the service, rule or alert: {why}")


def _write(files: Mapping[str, str], out: Path, server: Grafana | None) -> None:
    for path, text in files.items():
        write_copy(out / path, text)
    write("".join(f"{out / path}: written\n" for path in files))
    if server:
        imported = import_dashboards(server, files)
        write("".join(f"{server.url}: {path} imported\n" for path in imported))


def _check(files: Mapping[str, str], out: Path) -> None:
    differing = [str(out / path) for path, text in files.items() if _read(out / path) != text]
    if differing:
        raise UsageError(
            "\n".join(f"{path} differs from what budgets.yaml renders" for path in differing),
            "run `harness render` with the same options, and commit the files",
        )
    write("".join(f"{out / path}: up to date\n" for path in files))


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read {path}: {why_unreadable(error)}",
            "remove it, or name another folder with --out",
        ) from error
