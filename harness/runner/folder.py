"""A new run folder, and the reports that are stored in it after the run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from harness import names
from harness.budgets.model import Plan, Scenario
from harness.budgets.parse.in_force import in_force
from harness.errors import UsageError
from harness.runs.folder import RunFolder, create_folder, unusable


def new_run_folder(path: Path | None, plan: Plan, scenario: Scenario) -> RunFolder:
    """Make the folder of a run, with the budgets in force.

    Args:
        path: Where; None is `runs/<utc>-<scenario>`.
        plan: The whole of budgets.yaml.
        scenario: The scenario that is run.

    Raises:
        UsageError: The folder cannot be written, or holds files already.
    """
    folder = create_folder(path, scenario.name, datetime.now(UTC))
    try:
        folder.write(names.BUDGETS_FILE, in_force(plan.document))
    except OSError as error:
        raise unusable(folder.path, error) from error
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
