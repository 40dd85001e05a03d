"""What the options name: the plan, the scenario with the changes of the command line, past runs."""

from __future__ import annotations

import argparse
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.commands.parts.option_types import MASTER_PORT
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.budgets.model import Plan, Scenario
    from harness.load.protocol.master import WorkerPool
    from harness.runs.results import PastRun


def read_plan(path: Path) -> Plan:
    """The whole of a budgets.yaml, with the variables of this process's environment.

    Raises:
        UsageError: It cannot be read, or says what cannot be.
    """
    from harness.budgets.parse.parse import parse_plan

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist", "name the file with --budgets") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    return parse_plan(text, path, os.environ, datetime.now(UTC).date())


def choose_scenario(plan: Plan, options: argparse.Namespace) -> Scenario:
    """The scenario that the command line names, or else the first, with its changes.

    Raises:
        UsageError: There is none of that name, or the changes make no sense.
    """
    name = options.scenario or next(iter(plan.scenarios))
    if name not in plan.scenarios:
        raise UsageError(f"no scenario {name!r}", f"choose one of: {', '.join(plan.scenarios)}")
    return adapted(plan, name, options)


def adapted(
    plan: Plan, name: str, options: argparse.Namespace, *, fixed_length: bool = False
) -> Scenario:
    """A scenario of a plan with the changes of the command line.

    Raises:
        UsageError: The changes make no sense, or a locustfile is missing.
    """
    from harness.budgets.override import Changes, override

    keys = ("rate", "users", "duration", "warm_up", "max_duration", "workers")
    given = {key: getattr(options, key, None) for key in keys}
    scenario = override(plan, name, Changes(**given, fixed_length=fixed_length))
    require_locustfile(scenario)
    return scenario


def worker_pool_of(scenario: Scenario, options: argparse.Namespace) -> WorkerPool | None:
    """Where workers of other machines are waited for; None when there are none.

    Raises:
        UsageError: Options exclude each other.
    """
    from harness.load.protocol.master import WorkerPool

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
    host, port = options.bind or ("0.0.0.0", MASTER_PORT)  # noqa: S104  others must reach it
    run_id = options.run_id or secrets.token_hex(4)
    return WorkerPool(
        *(host, port, options.expect_workers, run_id), when_lost=options.on_worker_loss or "stop"
    )


def require_locustfile(scenario: Scenario) -> None:
    """Raise UsageError unless every locustfile is there."""
    for load in scenario.loads:
        if not load.locustfile.is_file():
            raise UsageError(
                f"scenario {scenario.name!r}: {load.locustfile} does not exist",
                "`locustfile` is looked up from the folder of budgets.yaml",
            )


def past_run(options: argparse.Namespace) -> PastRun | None:
    """The run that `--baseline` names, read before the load: a typo must not cost a run.

    Raises:
        RunFolderError: There is none.
    """
    from harness.runs.results import read_past

    return None if options.baseline is None else read_past(options.baseline)
