"""What a version of a service is, and what one needs to be served beside the other."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit, urlunsplit

from harness.budgets.model import Target
from harness.errors import UsageError
from harness.observe.command import PLACE, SIDE, on_side

Role = Literal["baseline", "candidate"]

# A database or a cache by URL. Addresses of other services are shared on purpose.
_STORE: Final = re.compile(r"(?!https?:)[a-z][\w.+-]*://(?P<rest>.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Version:
    """What one side of a comparison is.

    Attributes:
        ref: Of git; None is the working tree.
        command: Instead of the target's.
        url: Of a service that already runs; then the rest must be empty.
        environment: Added to the target's.
    """

    ref: str | None = None
    command: str | None = None
    url: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Side:
    """A version that can be served: `serve(side.target, log, side.url)`.

    Attributes:
        label: What it is, for people: "main (1a2b3c4d)".
        target: With the version's own folder, command and environment.
        url: Of a service that already runs.
        commit: Full id of the commit that was checked out for it.
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
        notices: Sentences about what a comparison of them can and cannot show.
    """

    baseline: Side
    candidate: Side
    notices: tuple[str, ...] = ()


def refuse(target: Target, baseline: Version, candidate: Version) -> None:
    """Raise UsageError for versions that cannot be compared."""
    if baseline.url is not None or candidate.url is not None:
        _refuse_urls(baseline, candidate)
        return
    if candidate.ref is not None and baseline.ref is None:
        raise UsageError(
            "there is a candidate ref, but no baseline ref to compare it with",
            "add --baseline REF",
        )
    for name, version in (("baseline", baseline), ("candidate", candidate)):
        command = version.command or target.command
        if command is None:
            raise UsageError(
                f"nothing says how the {name} is started",
                "give the target a command in budgets.yaml, or compare with --baseline-url and "
                "--candidate-url",
            )
        told = (command, *target.environment.values(), *version.environment.values())
        if PLACE not in target.url or not any(PLACE in text for text in told):
            raise UsageError(
                f"the {name} would have a fixed port, but both versions run at the same time",
                f"write {PLACE} in the target's url and in the command (or its environment)",
            )


def side(target: Target, version: Version, name: Role, what: str) -> Side:
    """A version in its place.

    Args:
        target: In the folder where this version runs.
        version: What is different about it.
        name: Which side it is.
        what: What it is, before command and environment are added.
    """
    if version.url is not None:
        parts = urlsplit(version.url)
        shown = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        return Side(name, shown, target, url=version.url)
    changed = replace(
        target,
        command=version.command or target.command,
        environment={**target.environment, **version.environment},
    )
    said = [what, f"`{version.command}`" if version.command else ""]
    if version.environment:  # no values: they may be secrets
        said.append(f"with {', '.join(version.environment)}")
    return Side(name, ", ".join(filter(None, said)), on_side(changed, name))


def checkout_name(ref: str | None, commit: str, changed: int) -> str:
    """A checked-out version for people.

    Args:
        ref: None for the working tree.
        commit: Full id.
        changed: Paths of the working tree that differ from it.
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
    """What keeps a version from running with programs and modules of the working tree.

    Args:
        directory: Where its command runs.
        tree: Root of its worktree; the virtual environment is the nearest `.venv` up to there.
        root: Of the working tree.
        inherited: What it would get otherwise.
    """
    own: dict[str, str] = {}
    if inherited.get("VIRTUAL_ENV"):
        own["VIRTUAL_ENV"] = ""
    if inherited.get("UV_PROJECT_ENVIRONMENT"):  # else `uv sync` would change that one
        own["UV_PROJECT_ENVIRONMENT"] = ".venv"
    if inherited.get("PYTHONPATH"):
        modules = inherited["PYTHONPATH"].split(os.pathsep)
        own["PYTHONPATH"] = os.pathsep.join(_moved(path, root, tree) for path in modules)
    if virtual := _virtual_environment(directory, tree):
        programs = (str(virtual / "bin"), inherited.get("PATH", os.defpath))
        own |= {"VIRTUAL_ENV": str(virtual), "PATH": os.pathsep.join(programs)}
    return own


def notices(versions: tuple[Version, Version], sides: tuple[Side, Side], same: str) -> list[str]:
    """What a comparison of these cannot show.

    Args:
        versions: Baseline and candidate.
        sides: What they became.
        same: What both are, when nothing is known to differ but command and environment.
    """
    baseline, candidate = versions
    said = []
    if same and replace(baseline, ref=None) == replace(candidate, ref=None):
        said.append(f"both sides are {same}: the comparison can show nothing but noise")
    if sides[0].commit is not None and sides[0].target.setup is None:
        said.append(
            "the target has no setup: both versions run with the programs and packages that PATH "
            "finds, whatever their lock files say"
        )
    if shared := sorted(_shared_stores(*sides)):
        said.append(
            f"both sides have the same {' and '.join(shared)}: what one does there, the other "
            f"sees; {SIDE} in the value gives each its own"
        )
    return said


def _refuse_urls(baseline: Version, candidate: Version) -> None:
    for name, version in (("baseline", baseline), ("candidate", candidate)):
        if version.url is None:
            raise UsageError(
                f"only one side has a URL; the {name} needs one as well",
                "give both --baseline-url and --candidate-url, or none",
            )
        if version != Version(url=version.url):
            raise UsageError(
                f"the {name} has a URL, so it already runs: ref, command and environment come late",
                f"leave out --{name}-url, or the others",
            )


def _shared_stores(baseline: Side, candidate: Side) -> Iterator[str]:
    """Names in the environment whose value is the same database or cache for both."""
    if baseline.url is not None:
        return
    alone = baseline.target.directory != candidate.target.directory
    for name, value in baseline.target.environment.items():
        store = _STORE.fullmatch(value)
        if store is None or candidate.target.environment.get(name) != value:
            continue
        # `sqlite:///./a.db` is a file in the version's own folder, `sqlite:////a.db` is not.
        if not (alone and store["rest"].startswith("/") and not store["rest"].startswith("//")):
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
    """A path of the working tree in the worktree; others stay."""
    if path and Path(path).is_absolute() and Path(path).is_relative_to(root):
        return str(tree / Path(path).relative_to(root))
    return path
