"""Versions of a service: their description, their checks and their environments."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit, urlunsplit

from harness.budgets.model import Target
from harness.errors import UsageError
from harness.observe.command import FURTHER, PLACE, SIDE, address, on_side, running_metrics
from harness.report.parts.safe import without_credentials
from harness.runs.records.changes import ChangedCode

Role = Literal["baseline", "candidate"]

# The URL of a database or a cache. Both sides may share other services.
_STORE: Final = re.compile(r"(?!https?:)[a-z][\w.+-]*://(?P<rest>.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Version:
    """One version as the command line describes it.

    Attributes:
        ref: A git ref; None is the working tree.
        command: Replaces the command of the target.
        url: Of a service that already runs; then ref, command and environment must be empty.
        environment: Added to the environment of the target.
        metrics: Of the service at `url`, in place of the target's.
    """

    ref: str | None = None
    command: str | None = None
    url: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionSide:
    """A version that is ready to be started: `serve(side.target, log, side.url)`.

    Attributes:
        label: A name for people: "main (1a2b3c4d)".
        target: With the folder, the command and the environment of the version.
        url: Of a service that already runs.
        commit: Full id of the commit that was checked out.
    """

    name: Role
    label: str
    target: Target
    url: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Versions:
    """Both sides.

    Attributes:
        notices: Sentences about the limits of a comparison of these versions.
        changes: The changed code of the candidate; None when it is unknown.
    """

    baseline: VersionSide
    candidate: VersionSide
    notices: tuple[str, ...] = ()
    changes: ChangedCode | None = None


def check_versions(target: Target, baseline: Version, candidate: Version) -> None:
    """Refuse versions that cannot be compared.

    Raises:
        UsageError: The options contradict each other, a command is missing, a port is fixed, or
            both versions have the same metrics address.
        TargetError: The metrics address of a running version is unknown.
    """
    target = replace(target, exporters=())  # of no version
    if baseline.url is not None or candidate.url is not None:
        _refuse_urls(baseline, candidate)
        _refuse_shared_metrics(target, baseline, candidate)
        return
    _refuse_metrics_options(baseline, candidate)
    if candidate.ref is not None and baseline.ref is None:
        raise UsageError(
            "there is a candidate ref, but no baseline ref to compare it with",
            "add --baseline REF",
        )
    for name, version in (("baseline", baseline), ("candidate", candidate)):
        command = version.command or target.command
        if command is None:
            raise UsageError(
                f"the {name} has no command that starts it",
                "give the target a command in budgets.yaml, or compare with --baseline-url and "
                "--candidate-url",
            )
        texts = (command, *target.environment.values(), *version.environment.values())
        if PLACE not in target.url or not any(PLACE in text for text in texts):
            raise UsageError(
                f"the {name} would have a fixed port, but both versions run at the same time",
                f"write {PLACE} in the target's url and in the command (or its environment)",
            )
    _refuse_shared_metrics(target, baseline, candidate)


def version_side(target: Target, version: Version, name: Role, label: str) -> VersionSide:
    """The side of a version.

    Args:
        target: The target, in the folder where this version runs.
        version: The differences from the target.
        name: Baseline or candidate.
        label: A name for people, without command and environment.
    """
    target = replace(target, exporters=())  # both versions would read the same values
    if version.url is not None:
        parts = urlsplit(version.url)
        without_password = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        return VersionSide(name, without_password, _measured(target, version), url=version.url)
    changed = replace(
        target,
        command=version.command or target.command,
        environment={**target.environment, **version.environment},
    )
    shown = without_credentials(version.command or "")
    parts_of_label = [label, f"`{shown}`" if shown else ""]
    if version.environment:  # no values: they may be secrets
        parts_of_label.append(f"with {', '.join(version.environment)}")
    return VersionSide(name, ", ".join(filter(None, parts_of_label)), on_side(changed, name))


def unprepared_versions(target: Target, baseline: Version, candidate: Version) -> Versions:
    """Both versions as the command line names them, for reports without commits."""
    return Versions(
        version_side(target, baseline, "baseline", baseline.ref or "working tree"),
        version_side(target, candidate, "candidate", candidate.ref or "working tree"),
    )


def checkout_name(ref: str | None, commit: str, changed: int) -> str:
    """The name of a checked-out version for people.

    Args:
        ref: None for the working tree.
        commit: Full id.
        changed: Number of paths of the working tree that differ from the commit.
    """
    short = commit[:8]
    if ref is not None:
        return short if commit.startswith(ref) else f"{ref} ({short})"
    if not changed:
        return f"working tree ({short}, unchanged)"
    return f"working tree ({short}, {changed} changed file{'s' if changed > 1 else ''})"


def own_environment(
    directory: Path, tree: Path, root: Path, inherited: Mapping[str, str]
) -> dict[str, str]:
    """Variables that keep a version from using programs and modules of the working tree.

    Args:
        directory: Where the command of the version runs.
        tree: Root of its worktree; the virtual environment is the nearest `.venv` up to there.
        root: Root of the working tree.
        inherited: The environment without these variables.
    """
    own: dict[str, str] = {}
    if inherited.get("VIRTUAL_ENV"):
        own["VIRTUAL_ENV"] = ""
    if inherited.get("UV_PROJECT_ENVIRONMENT"):  # otherwise `uv sync` would change it
        own["UV_PROJECT_ENVIRONMENT"] = ".venv"
    if inherited.get("PYTHONPATH"):
        modules = inherited["PYTHONPATH"].split(os.pathsep)
        own["PYTHONPATH"] = os.pathsep.join(_moved(path, root, tree) for path in modules)
    if virtual := _virtual_environment(directory, tree):
        programs = (str(virtual / "bin"), inherited.get("PATH", os.defpath))
        own |= {"VIRTUAL_ENV": str(virtual), "PATH": os.pathsep.join(programs)}
    return own


def notices(
    versions: tuple[Version, Version], sides: tuple[VersionSide, VersionSide], same: str
) -> list[str]:
    """Sentences about the limits of a comparison.

    Args:
        versions: Baseline and candidate.
        sides: Their sides.
        same: The common code of both sides, "commit 1a2b3c4d"; empty when their code differs.
    """
    baseline, candidate = versions
    sentences = []
    if same and replace(baseline, ref=None) == replace(candidate, ref=None):
        sentences.append(f"both sides are {same}: every difference is noise")
    if sides[0].commit is not None and sides[0].target.setup is None:
        sentences.append(
            "the target has no setup: the versions lack what git ignores, such as node_modules, "
            "and run with the programs and packages in PATH instead of those of their lock files. "
            "Add `setup` to the target, e.g. `setup: npm ci`"
        )
    if shared := sorted(_shared_stores(*sides)):
        sentences.append(
            f"both sides use the same {' and '.join(shared)} and affect each other there; write "
            f"{SIDE} in the value to give each side its own"
        )
    return sentences


def _measured(target: Target, version: Version) -> Target:
    """The target with the metrics addresses of a version that already runs."""
    return replace(target, metrics=version.metrics) if version.metrics else target


def _refuse_urls(baseline: Version, candidate: Version) -> None:
    for name, version in (("baseline", baseline), ("candidate", candidate)):
        if version.url is None:
            raise UsageError(
                f"only one side has a URL; the {name} needs one as well",
                "give both --baseline-url and --candidate-url, or neither",
            )
        if version != Version(url=version.url, metrics=version.metrics):
            raise UsageError(
                f"the {name} already runs at its URL: ref, command and environment do not apply",
                f"leave out --{name}-url, or the other options of the {name}",
            )


def _refuse_metrics_options(baseline: Version, candidate: Version) -> None:
    for name, version in (("baseline", baseline), ("candidate", candidate)):
        if version.metrics:
            raise UsageError(
                f"--{name}-metrics belongs to a version that already runs, and there is no "
                f"--{name}-url",
                "leave it out: `metrics` of the target applies to a version that is started",
            )


def _refuse_shared_metrics(target: Target, baseline: Version, candidate: Version) -> None:
    """Refuse an address at which only one of the versions can be scraped."""
    one, two = (_metrics_addresses(target, version) for version in (baseline, candidate))
    others = {_place(path) for path in two}
    if shared := [path for path in one if _place(path) in others]:
        own = (
            f"write a path such as /metrics under `metrics`, or {PLACE} as the port; for a port of "
            "its own write {port2}"
        )
        if baseline.url is not None:
            own = (
                "give each version its own with --baseline-metrics and --candidate-metrics, or "
                "write a path such as /metrics under `metrics`"
            )
        raise UsageError(
            f"both versions would be scraped at {shared[0]}, where only one of them answers", own
        )


def _metrics_addresses(target: Target, version: Version) -> tuple[str, ...]:
    """Where a version is scraped, without what follows from the free ports that it will get."""
    if version.url is not None:
        return running_metrics(_measured(target, version), version.url)
    fixed = (path for path in target.metrics if not path.startswith("/"))
    return tuple(path for path in fixed if PLACE not in path and not FURTHER.search(path))


def _place(url: str) -> tuple[str, int, str]:
    """What two texts of one address have in common: `localhost` and `127.0.0.1` are one host."""
    host, port = address(url)
    with suppress(ValueError):
        host = "localhost" if ip_address(host).is_loopback else host
    parts = urlsplit(url)
    return host, port, f"{parts.path.rstrip('/')}?{parts.query}"


def _shared_stores(baseline: VersionSide, candidate: VersionSide) -> Iterator[str]:
    """Names of the variables whose value is the same database or cache on both sides."""
    if baseline.url is not None:
        return
    separate_folders = baseline.target.directory != candidate.target.directory
    for name, value in baseline.target.environment.items():
        store = _STORE.fullmatch(value)
        if store is None or candidate.target.environment.get(name) != value:
            continue
        # `sqlite:///./a.db` is a file in the version's own folder, `sqlite:////a.db` is not.
        if not (
            separate_folders
            and store["rest"].startswith("/")
            and not store["rest"].startswith("//")
        ):
            yield name


def _virtual_environment(directory: Path, tree: Path) -> Path | None:
    """The nearest `.venv` with programs, from a folder up to the root of its worktree."""
    for folder in (directory, *directory.parents):
        if (folder / ".venv" / "bin").is_dir():
            return folder / ".venv"
        if folder == tree:
            break
    return None


def _moved(path: str, root: Path, tree: Path) -> str:
    """A path in the working tree becomes one in the worktree; other paths stay the same."""
    if path and Path(path).is_absolute() and Path(path).is_relative_to(root):
        return str(tree / Path(path).relative_to(root))
    return path
