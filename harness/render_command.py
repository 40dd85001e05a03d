"""The body of `harness render`: dashboards and rules from budgets.yaml, written or compared."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from harness.asked import read_plan
from harness.errors import EXIT_PASS, UsageError
from harness.grafana import grafana_of, import_dashboards
from harness.render.files import rendered
from harness.render.wording import Links
from harness.told import write_copy


def render(options: argparse.Namespace) -> int:
    """Write what is rendered or, with --check, say what of it is not as written.

    Raises:
        UsageError: There is nothing to render, it cannot be written, or what is written differs.
    """
    plan = read_plan(options.budgets)
    links = Links(
        plan.service, options.job or plan.service, (options.grafana_url or "").rstrip("/")
    )
    files = rendered(plan, links, options.only)
    if not files:
        raise UsageError(
            f"nothing to render: {options.budgets} has no budget whose severity is not off"
        )
    server = grafana_of(options)
    if options.check:
        _compare(files, options.out)
    else:
        for path, text in files.items():
            write_copy(options.out / path, text)
    done = "up to date" if options.check else "written"
    sys.stdout.write("".join(f"{options.out / path}: {done}\n" for path in files))
    if server and not options.check:
        imported = import_dashboards(server, files)
        sys.stdout.write("".join(f"{server.url}: {path} imported\n" for path in imported))
    return EXIT_PASS


def _compare(files: Mapping[str, str], out: Path) -> None:
    differing = [str(out / path) for path, text in files.items() if _read(out / path) != text]
    if differing:
        raise UsageError(
            "\n".join(f"{path} is not what budgets.yaml gives" for path in differing),
            "run `harness render` with the same options, and commit what it writes",
        )


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
