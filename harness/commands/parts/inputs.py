"""From options to inputs: the plan, the scenario with its overrides, the load, past runs."""

from __future__ import annotations

import argparse
import ast
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness import names
from harness.errors import BudgetsError, RunFolderError, ScenarioError, UsageError, why_unreadable
from harness.load.protocol.master import MASTER_PORT, WorkerPool
from harness.load.worker_secret import MAKE, SECRET, generated_secret, is_loopback, read_secret

if TYPE_CHECKING:
    from harness.budgets.model import Plan, Scenario
    from harness.experiments.pair import PairDesign
    from harness.runs.folder import RunFolder
    from harness.runs.model import Manifest
    from harness.runs.results import PastRun


def read_plan(path: Path) -> Plan:
    """Read a budgets.yaml with the environment variables of this process.

    Raises:
        UsageError: The file cannot be read, or is not valid.
    """
    return _read_plan(path, os.environ, datetime.now(UTC).date())


def with_metrics(plan: Plan, options: argparse.Namespace) -> Plan:
    """The plan with the metrics addresses of --metrics, which belong to --url.

    Raises:
        UsageError: There is no --url.
    """
    if options.metrics is None:
        return plan
    if options.url is None:
        raise UsageError(
            "--metrics belongs to a running service, and there is no --url",
            "add --url, or write the address under `target.metrics`",
        )
    from harness.budgets.model import Target

    target = plan.target or Target(url=options.url)
    return replace(plan, target=replace(target, metrics=tuple(options.metrics), exporters=()))


def open_stored_run(path: Path) -> tuple[RunFolder, Manifest]:
    """The folder of a stored run, and its manifest.

    A run that was killed left a metrics.om without an end, which is written now. Of a run that
    ended, no evidence file is changed.

    Raises:
        RunFolderError: There is no run in the folder, or it is damaged.
    """
    from harness.runs.folder import open_folder, read_manifest
    from harness.runs.metrics import finish

    folder = open_folder(path)
    manifest = read_manifest(folder)
    if manifest.files is None:
        finish(folder.file(names.METRICS_FILE))
    return folder, manifest


def read_stored_plan(folder: RunFolder, scenario: str) -> Plan:
    """Read the budgets that were in force in a stored run of a scenario.

    Waivers that have expired since hold, because they held when the run was made. No variable is
    replaced: the run did it, and a folder from elsewhere must not get what is in this environment.

    Raises:
        RunFolderError: They do not have the scenario.
        UsageError: The file cannot be read, or is not valid.
    """
    try:
        plan = _read_plan(folder.file(names.BUDGETS_FILE), {}, None)
    except BudgetsError as error:
        hint = f"judge by another file: harness check {folder.path} --budgets FILE"
        raise BudgetsError(error.message, hint) from error
    if scenario not in plan.scenarios:
        raise RunFolderError(
            f"{plan.source} has no scenario {scenario!r}, of which {names.MANIFEST_FILE} is",
            "the folder was changed after the run: restore it, or run the load again",
        )
    return plan


def _read_plan(path: Path, environment: Mapping[str, str], today: date | None) -> Plan:
    from harness.budgets.parse.parse import MOST_BYTES, decoded, parse_plan

    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        hint = "name the file with --budgets, or write one with `harness init`"
        raise UsageError(f"{path} does not exist", hint) from None
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {why_unreadable(error)}", "name a file that can be read"
        ) from error
    return parse_plan(decoded(data, path), path, environment, today)


def choose_scenario(plan: Plan, options: argparse.Namespace, *, goes_on: bool = False) -> Scenario:
    """The scenario of the command line, or the first one, with the overrides of the options.

    Args:
        plan: The whole of budgets.yaml.
        options: Of the command line.
        goes_on: Whether the run may go on while a budget is undecided.

    Raises:
        UsageError: There is no scenario of that name, or the overrides do not fit it.
    """
    name = options.scenario or next(iter(plan.scenarios))
    if name not in plan.scenarios:
        raise UsageError(f"no scenario {name!r}", f"choose one of: {', '.join(plan.scenarios)}")
    return adapted(plan, name, options, goes_on=goes_on)


def adapted(
    plan: Plan,
    name: str,
    options: argparse.Namespace,
    *,
    fixed_length: bool = False,
    goes_on: bool = False,
) -> Scenario:
    """A scenario of a plan with the changes of the command line.

    Raises:
        UsageError: The changes make no sense, or a locustfile is missing.
    """
    from harness.budgets.override import Changes, override

    keys = ("rate", "users", "duration", "warm_up", "max_duration", "workers")
    given = {key: getattr(options, key, None) for key in keys}
    changes = Changes(**given, fixed_length=fixed_length, goes_on=goes_on)
    scenario = override(plan, name, changes)
    arguments = getattr(options, "locustfile_arguments", ())
    if arguments:
        loads = tuple(replace(load, arguments=arguments) for load in scenario.loads)
        scenario = replace(scenario, loads=loads)
    require_locustfile(scenario)
    require_ca_file(plan)
    return scenario


def pair_design(scenario: Scenario, options: argparse.Namespace) -> PairDesign:
    """The load of each pair of versions; without `--seed` a random one is drawn."""
    from harness.experiments.pair import PairDesign

    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    return PairDesign(scenario, options.slices, seed, simultaneous=options.simultaneous)


@contextmanager
def worker_pool_of(scenario: Scenario, options: argparse.Namespace) -> Iterator[WorkerPool | None]:
    """Where workers of other machines connect to; None without such workers.

    Without a secret, one is generated for workers of this machine; its file is removed with the
    context.

    Raises:
        UsageError: The options exclude each other, or there is no usable secret.
    """
    if not _expects_workers(scenario, options):
        yield None
        return
    host, port = options.bind or ("127.0.0.1", MASTER_PORT)
    with ExitStack() as stack:
        secret, file = (
            read_secret(options.worker_secret_file, os.environ),
            options.worker_secret_file,
        )
        if secret is None and is_loopback(host):
            secret, file = stack.enter_context(generated_secret())
        if secret is None:
            raise UsageError(
                f"other machines can connect to {host}, and no secret authenticates them",
                f"make one with: {MAKE}; give it to the master and to each worker with "
                f"--worker-secret-file worker.secret, or in the environment variable {SECRET}",
            )
        yield WorkerPool(
            host=host,
            port=port,
            workers=options.expect_workers,
            run_id=options.run_id or secrets.token_hex(4),
            secret=secret,
            secret_file=str(file or ""),
            when_lost=options.on_worker_loss or "stop",
        )


def _expects_workers(scenario: Scenario, options: argparse.Namespace) -> bool:
    if options.expect_workers is None:
        for name in ("bind", "run_id", "on_worker_loss", "worker_secret_file"):
            if getattr(options, name) is not None:
                raise UsageError(
                    f"--{name.replace('_', '-')} needs workers on other machines",
                    "set their number with --expect-workers",
                )
        return False
    if options.workers is not None:
        raise UsageError(
            "--workers and --expect-workers exclude each other",
            "use --workers for processes on this machine, --expect-workers for other machines",
        )
    if len(scenario.loads) > 1:
        loads = ", ".join(load.name for load in scenario.loads)
        raise UsageError(
            f"workers on other machines serve one load, and {scenario.name!r} has several: {loads}",
            "make each load a scenario of its own, or use --workers on this machine",
        )
    return True


def require_locustfile(scenario: Scenario) -> None:
    """Raise UsageError unless every locustfile exists."""
    for load in scenario.loads:
        if not load.locustfile.is_file():
            raise UsageError(
                f"scenario {scenario.name!r}: {load.locustfile} does not exist",
                "`locustfile` is relative to the folder of budgets.yaml",
            )


def require_ca_file(plan: Plan) -> None:
    """Raise UsageError if the target has a `ca_file` that cannot be used."""
    if plan.target and plan.target.ca_file:
        from harness.observe.fetch import tls_of  # takes a while to import

        tls_of(plan.target.ca_file)


def require_python(scenario: Scenario) -> None:
    """Check that each locustfile of a scenario can be read and parsed; each must exist.

    Raises:
        ScenarioError: A locustfile has a syntax error.
        UsageError: A locustfile cannot be read.
    """
    for load in scenario.loads:
        try:
            ast.parse(load.locustfile.read_bytes())
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            raise ScenarioError(
                f"{load.locustfile}:{line}: SyntaxError: {getattr(error, 'msg', error)}",
                "correct the line",
            ) from error
        except OSError as error:
            reason = why_unreadable(error)
            raise UsageError(
                f"cannot read {load.locustfile}: {reason}",
                "make it readable, or correct `locustfile` of the scenario",
            ) from error


def past_run(options: argparse.Namespace) -> PastRun | None:
    """The stored run of `--baseline`; read before the load, because a typo must not cost a run.

    Raises:
        RunFolderError: There is no such run.
    """
    from harness.runs.results import read_past

    return None if options.baseline is None else read_past(options.baseline)
