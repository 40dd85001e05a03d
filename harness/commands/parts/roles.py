"""What plays each role in the metrics of a service that `harness render` writes for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from harness.budgets.dialects.model import Recognition
from harness.budgets.dialects.recognise import assumed, by_default, recognise_target
from harness.budgets.lint.metrics import Family
from harness.budgets.model import Plan
from harness.budgets.presets import roles_of_run
from harness.errors import HarnessError
from harness.names import MANIFEST_FILE, RUNS_FOLDER
from harness.runs.folder import RunFolder, read_manifest


class KnownRoles(NamedTuple):
    """What plays each role in a service.

    Attributes:
        found: The roles.
        known: How they are known.
        families: The metrics of the running service, by name; empty without one.
    """

    found: Recognition
    known: str
    families: Mapping[str, Family] = {}


def roles_of(plan: Plan, url: str | None, runs: Path = Path(RUNS_FOLDER)) -> KnownRoles:
    """What plays each role in a service, and how that is known.

    A running service says it best, then the dialects that budgets.yaml names, then the newest
    stored run of the service. Without any of them the names are OpenTelemetry's.

    Args:
        plan: The whole of budgets.yaml.
        url: Of the running service, or None.
        runs: The folder of the stored runs.

    Raises:
        TargetError: The running service does not answer, or has no valid metrics.
    """
    if url:
        from harness.observe.metric_families import fetch_families

        families = fetch_families(url, plan.target)
        return KnownRoles(recognise_target(families, plan.target), f"at {url}", families)
    if plan.target is not None and plan.target.dialects and not plan.target.requests:
        return KnownRoles(assumed(plan.target.dialects), "by target.dialect")
    for folder in _newest_first(runs):
        try:
            manifest = read_manifest(RunFolder(folder))
        except HarnessError:
            continue  # a folder that is no run, or a damaged one
        if manifest.service == plan.service and manifest.roles is not None:
            return KnownRoles(roles_of_run(manifest.roles), f"in {folder}")
    return KnownRoles(by_default(), "as nothing else is known; --url recognises the service's own")


def _newest_first(runs: Path) -> list[Path]:
    found = [path for path in runs.glob(f"*/{MANIFEST_FILE}") if path.is_file()]
    found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.parent for path in found]
