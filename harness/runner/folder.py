"""A new run folder, and the reports that are stored in it after the run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from harness import names
from harness.budgets.model import Plan, Scenario
from harness.budgets.parse.in_force import in_force
from harness.errors import UsageError
from harness.load.fleet import logs
from harness.runs.folder import RunFolder, create_folder


def new_run_folder(
    path: Path | None, plan: Plan, scenario: Scenario, *, reports: Iterable[str] = ()
) -> RunFolder:
    """Make the folder of a run, with all its files and the budgets in force.

    Args:
        path: Where; None is `runs/<utc>-<scenario>`.
        plan: The whole of budgets.yaml.
        scenario: The scenario that is run.
        reports: Names of the reports that will be stored.

    Raises:
        UsageError: The folder cannot be written, or holds files already.
    """
    now, files = datetime.now(UTC), logs(scenario).values()
    folder = create_folder(path, scenario.name, now, logs=files, reports=reports)
    folder.write(names.BUDGETS_FILE, in_force(plan.document))
    return folder


def store_report(folder: RunFolder, name: str, text: str) -> None:
    """Store a report in a run folder, by its name in `harness.names`.

    Raises:
        UsageError: It cannot be written.
    """
    try:
        folder.write(name, text)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error
