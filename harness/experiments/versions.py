"""Prepares the two versions of a service that are compared: checkout and setup.

A version is a git ref, the working tree, another command, another environment, or a URL. Budgets,
scenario and locustfile are not part of it: they always come from the working tree, so that both
versions get the same load and the same judgement.
"""

from __future__ import annotations

import asyncio
import shlex
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from harness.budgets.model import Target
from harness.diagnose.compare.changed_files import changed_files, parse_diff, renamed_files
from harness.errors import TargetError, UsageError
from harness.experiments import git
from harness.experiments.version import (
    Role,
    Version,
    Versions,
    VersionSide,
    check_versions,
    checkout_name,
    notices,
    own_environment,
    version_side,
)
from harness.experiments.worktree import copy_changes, remove_leftovers, run_to_end, worktree_folder
from harness.names import SETUP_LOG
from harness.observe.command import split_command
from harness.observe.target import ending
from harness.process.output import last_lines
from harness.runs.records.changes import ChangedCode

SETUP_LIMIT: Final = 900.0  # seconds
_CHECKOUT_LIMIT: Final = 600.0
_CHECK_OUT_SUBMODULES: Final = (
    "the setup of the target can check it out, e.g. `setup: git submodule update --init`"
)


@asynccontextmanager
async def prepared_versions(
    target: Target,
    baseline: Version,
    candidate: Version,
    logs: Path,
    *,
    tell: Callable[[str], None] = lambda _: None,
    setup_limit: float = SETUP_LIMIT,
) -> AsyncIterator[Versions]:
    """Both versions, ready to be started, for the length of the context.

    With a baseline ref, each version is checked out into a folder of its own, where the target's
    setup runs once, and its command later. A candidate without a ref is a copy of the working tree:
    with uncommitted changes and untracked files, without ignored files. So both sides get the same
    treatment, an edit during the comparison changes nothing, and the working tree, its environment
    and its database stay as they are. The folders are removed afterwards; if the harness is killed,
    the next comparison removes them.

    Without refs, both versions run in the working tree itself, and no setup is run.

    INT and TERM cancel the task that entered the context, once, and become a KeyboardInterrupt,
    unless something within the context handles these signals.

    Args:
        target: How the service is started, as the working tree's budgets.yaml says.
        baseline: The version to compare with.
        candidate: The version that is judged.
        logs: Folder that gets the output of checkout and setup.
        tell: Called with a line for a person before each step that may take long.
        setup_limit: Seconds after which a setup is ended.

    Raises:
        UsageError: The options contradict each other, or a version cannot be checked out.
        TargetError: The checkout or the setup of a version failed.
        KeyboardInterrupt: INT or TERM came.
    """
    check_versions(target, baseline, candidate)
    async with _until_signal():
        if baseline.ref is None:
            yield _in_place(target, baseline, candidate)
            return
        async with _checked_out(target, (baseline, candidate), logs, tell, setup_limit) as versions:
            yield versions


@asynccontextmanager
async def _checked_out(
    target: Target,
    versions: tuple[Version, Version],
    logs: Path,
    tell: Callable[[str], None],
    setup_limit: float,
) -> AsyncIterator[Versions]:
    """Versions in folders of their own, which are removed with the end of the context."""
    baseline, candidate = versions
    root = git.root_of(target.directory)
    commits = [git.commit_of(root, "HEAD" if v.ref is None else v.ref) for v in versions]
    changes = () if candidate.ref is not None else git.changes(root)
    stuck = remove_leftovers(root)
    with worktree_folder(root) as folder:
        one = _Checkout("baseline", baseline, commits[0], (), root, folder, logs)
        two = _Checkout("candidate", candidate, commits[1], changes, root, folder, logs)
        left_out = await _check_out_both(one, two, tell)
        changed = _changed_code(one, two)
        sides = await _set_up_both(one, two, target, setup_limit, tell)
        empty = dict.fromkeys(git.empty_submodules(one.tree) + git.empty_submodules(two.tree))
        same = "" if changes or len(set(commits)) > 1 else f"commit {commits[0][:8]}"
        sentences = (
            *(f"{path} is left over and cannot be removed" for path in stuck),
            *(f"{path} is a nested repository: not in the candidate" for path in left_out),
            *(f"submodule {path} is empty: {_CHECK_OUT_SUBMODULES}" for path in empty),
            *notices(versions, sides, same),
        )
        yield Versions(*sides, sentences, changed)


def _in_place(target: Target, baseline: Version, candidate: Version) -> Versions:
    """Versions that need no checkout."""
    one = version_side(target, baseline, "baseline", "working tree")
    two = version_side(target, candidate, "candidate", "working tree")
    same = "the working tree" if baseline.url is None else "the same service"
    return Versions(one, two, tuple(notices((baseline, candidate), (one, two), same)))


@dataclass(frozen=True, slots=True)
class _Checkout:
    """A version that is checked out into a folder of its own."""

    name: Role
    version: Version
    commit: str
    changes: tuple[git.ChangedPath, ...]  # of the working tree; empty for a ref
    root: Path  # of the working tree
    folder: Path
    logs: Path

    @property
    def label(self) -> str:
        return checkout_name(self.version.ref, self.commit, len(self.changes))

    @property
    def tree(self) -> Path:
        return self.folder / self.name

    @property
    def log(self) -> Path:
        return self.logs / f"{self.name}-{SETUP_LOG}"


async def _check_out_both(
    one: _Checkout, two: _Checkout, tell: Callable[[str], None]
) -> tuple[str, ...]:
    """Check out both versions; returns the nested repositories that were left out.

    Both are checked out before the first setup, which may take long: the working tree may change
    meanwhile. One after the other, so that they do not slow each other down.
    """
    left_out: tuple[str, ...] = ()
    for checkout in (one, two):
        tell(f"checking out the {checkout.name}: {checkout.label}")
        left_out += await _check_out(checkout)
    return left_out


def _changed_code(one: _Checkout, two: _Checkout) -> ChangedCode | None:
    """The changed lines of the candidate, before the setup adds files; None if git fails."""

    def source_of(path: str) -> str | None:
        try:
            return (two.tree / path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    try:
        difference = git.difference(two.tree, one.commit)
    except UsageError:
        return None  # the comparison does not rest on it
    return ChangedCode(
        baseline=str(one.tree),
        candidate=str(two.tree),
        files=changed_files(parse_diff(difference), source_of),
        renamed=renamed_files(difference),
    )


async def _set_up_both(
    one: _Checkout, two: _Checkout, target: Target, limit: float, tell: Callable[[str], None]
) -> tuple[VersionSide, VersionSide]:
    sides = []
    for checkout in (one, two):
        if target.setup is not None:
            tell(f"setting up the {checkout.name}: {target.setup}")
        sides.append(await _set_up(checkout, target, limit))
    return sides[0], sides[1]


async def _check_out(checkout: _Checkout) -> tuple[str, ...]:
    """Make the folder of a version; returns the nested repositories that were left out."""
    await _run(
        git.adding_worktree(checkout.tree, checkout.commit),
        f"git could not check out {checkout.label}",
        directory=checkout.root,
        environment=git.environment(),
        log=checkout.log,
        limit=_CHECKOUT_LIMIT,
    )
    return await copy_changes(checkout.changes, checkout.root, checkout.tree)


async def _set_up(checkout: _Checkout, target: Target, limit: float) -> VersionSide:
    """Run the target's setup in the folder of a version; returns the side."""
    place = target.directory.resolve().relative_to(checkout.root)
    directory = checkout.tree / place
    if not directory.is_dir():
        raise UsageError(
            f"{checkout.label} has no folder {place}, where the target's command runs",
            "compare with a version that has it; a version has no ignored files",
        )
    here = replace(target, directory=directory)
    side = replace(
        version_side(here, checkout.version, checkout.name, checkout.label), commit=checkout.commit
    )
    before = {**git.environment(), **side.target.environment}
    if side.target.setup is not None:
        own = own_environment(directory, checkout.tree, checkout.root, before)
        await _run(
            split_command(side.target.setup),
            f"the setup of the {checkout.name} failed, {checkout.label}",
            directory=directory,
            environment={**before, **own},
            log=checkout.log,
            limit=limit,
        )
    own = own_environment(directory, checkout.tree, checkout.root, before)
    environment = {**side.target.environment, **own}
    return replace(side, target=replace(side.target, environment=environment))


async def _run(
    argv: Sequence[str],
    failed: str,
    *,
    directory: Path,
    environment: Mapping[str, str],
    log: Path,
    limit: float,
) -> None:
    try:
        code = await run_to_end(
            argv, log=log, environment=environment, directory=directory, limit=limit
        )
    except OSError as error:
        raise TargetError(
            f"{failed}: {error.filename}: {error.strerror}",
            f"install {argv[0]!r}, or write its full path",
        ) from error
    if code != 0:
        reason = f"it took longer than {limit:g} s" if code is None else ending(code)
        raise TargetError(
            f"{failed}: {reason}{last_lines(log)}",
            f"its whole output is in {log}; the command was: {shlex.join(argv)}",
        )


@asynccontextmanager
async def _until_signal() -> AsyncIterator[None]:
    """INT or TERM cancels the current task once; a further signal does nothing.

    The clean-up after the first signal has time limits of its own.
    """
    interrupted = False
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            task.cancel()

    numbers = signal.SIGINT, signal.SIGTERM
    for number in numbers:
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    except asyncio.CancelledError:
        if not interrupted:
            raise
        raise KeyboardInterrupt from None
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
