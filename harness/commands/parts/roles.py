"""What plays each role in the metrics of a service that `harness render` writes for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from harness.budgets.dialects.model import Recognition, RoleGroup, RoleMetric
from harness.budgets.dialects.read import dialects
from harness.budgets.dialects.recognise import by_default, recognise_target
from harness.budgets.dialects.requests import OWN
from harness.budgets.dialects.told import changed_roles, request_names, told_roles
from harness.budgets.lint.metrics import Family
from harness.budgets.model import Plan, Target
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
        doubt: Why the service may have other names; empty without a doubt.
    """

    found: Recognition
    known: str
    families: Mapping[str, Family] = {}
    doubt: str = ""


def roles_of(plan: Plan, url: str | None, runs: Path = Path(RUNS_FOLDER)) -> KnownRoles:
    """What plays each role in a service, and how that is known.

    A running service says it best, then the dialects that budgets.yaml names, so that
    budgets.yaml alone decides what is rendered; then the newest stored run of the service, then
    `target.requests`. Without any of them the names are OpenTelemetry's.

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
    run = _newest_run(plan.service, runs)
    if plan.target is not None and plan.target.dialects:
        return _told(plan.target, run)
    if run is not None:
        return run
    if plan.target is not None and plan.target.requests:
        return KnownRoles(told_roles(plan.target), "by target.requests")
    return KnownRoles(by_default(), "as nothing else is known; --url recognises the service's own")


def _told(target: Target, run: KnownRoles | None) -> KnownRoles:
    """The roles by a target that names dialects, and whether a run of the service doubts them."""
    found = told_roles(target)
    doubt = _chosen_by_authors(found) if run is None else _other_names(target, found, run)
    return KnownRoles(found, "by target.dialect", doubt=doubt)


def _chosen_by_authors(found: Recognition) -> str:
    generic = [name for name in found.dialects if name != OWN and dialects()[name].generic]
    if not generic:
        return ""
    return (
        f"the names of dialect {generic[0]} are a guess, because each service chooses its own; "
        "--url recognises them, and target.requests names them"
    )


def _other_names(target: Target, found: Recognition, run: KnownRoles) -> str:
    """What a run of the service found by the same dialects, if it is something else."""
    seen = Recognition(
        {
            role: one
            for role, one in run.found.played.items()
            if one.dialect in {*target.dialects, OWN}
        }
    )
    if not seen.played:
        return f"the run {run.known} found no metric of dialect {' or '.join(target.dialects)}"
    changed = changed_roles(seen, found)
    if not changed:
        return ""
    names = request_names(seen) if changed[0].group is RoleGroup.HTTP else None
    advice = "render with --url, which reads the names of the running service"
    if names is not None:
        given = ", ".join(f"{key}: {value}" for key, value in names.given.items())
        advice = f"write `requests: {{{given}}}` under target, or render with --url"
    return (
        f"the run {run.known} found {_shown(seen[changed[0]])} for the role '{changed[0]}', not "
        f"{_shown(found[changed[0]])}: {advice}"
    )


def _shown(metric: RoleMetric | None) -> str:
    if metric is None:
        return "any other metric"
    return f"the {metric.shape} {metric.metric}{{{', '.join(metric.labels.values())}}}"


def _newest_run(service: str, runs: Path) -> KnownRoles | None:
    """What the newest stored run of a service found; None without one."""
    for folder in _newest_first(runs):
        try:
            manifest = read_manifest(RunFolder(folder))
        except HarnessError:
            continue  # a folder that is no run, or a damaged one
        if manifest.service == service and manifest.roles is not None:
            return KnownRoles(roles_of_run(manifest.roles), f"in {folder}")
    return None


def _newest_first(runs: Path) -> list[Path]:
    found = [path for path in runs.glob(f"*/{MANIFEST_FILE}") if path.is_file()]
    found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.parent for path in found]
