"""Commits in folders of their own, for as long as somebody compares them.

A folder `harness-compare-…` holds the worktrees of one comparison. Its owner holds a lock on it,
which ends with the owner, however that ends: what nobody holds is left over, and the next
comparison removes it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from harness.errors import UsageError
from harness.experiments import git
from harness.process.process import Process

_NAME: Final = re.compile(r"harness-compare-[a-z0-9_]{8}\.tmp")
_ATTEMPTS: Final = 10
_GRACE: Final = 5.0  # seconds between TERM and KILL of a command that is no longer wanted


@contextmanager
def workshop(root: Path) -> Iterator[Path]:
    """A new folder for worktrees; it and they are gone afterwards.

    Args:
        root: Of the working tree whose repository they belong to.

    Raises:
        UsageError: There can be none.
    """
    place = _place()
    for _ in range(_ATTEMPTS):
        folder = _new_folder(place)
        with _claimed(folder) as ours:
            if ours:
                try:
                    yield folder
                finally:
                    _remove(folder, root)
                return
    raise UsageError(f"folders in {place} cannot be locked", "set TMPDIR to a folder that can")


def sweep(root: Path) -> tuple[Path, ...]:
    """Remove what comparisons left that were killed.

    Args:
        root: Of a working tree: its repository forgets their worktrees, wherever they were.

    Returns:
        Folders that nobody owns and that cannot be removed.
    """
    folders = {*_place().resolve().iterdir(), *(tree.parent for tree in git.worktrees(root))}
    stuck = []
    for folder in sorted(path for path in folders if _NAME.fullmatch(path.name)):
        with _claimed(folder) as ours:
            if ours or not os.path.lexists(folder):
                _remove(folder, root)
                if os.path.lexists(folder):
                    stuck.append(folder)
    return tuple(stuck)


async def finish(
    argv: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    directory: Path,
    limit: float,
) -> int | None:
    """Run a command to its end; nothing of it is left when this returns or raises.

    Args:
        argv: The command and its arguments.
        log: File that its output is appended to.
        environment: The whole of its environment.
        directory: Where it runs.
        limit: Seconds that it may take.

    Returns:
        Its exit code, -N when signal N ended it; None when the limit was reached.

    Raises:
        OSError: It cannot be executed.
    """
    starting = asyncio.ensure_future(
        Process.start(argv, output=log, environment=environment, directory=directory)
    )
    try:
        process = await asyncio.shield(starting)
        with suppress(TimeoutError):
            return await asyncio.wait_for(process.wait(), limit)
        return None
    finally:
        with suppress(OSError):
            await (await starting).stop(_GRACE)


async def copy_changes(changes: Sequence[git.Change], root: Path, tree: Path) -> tuple[str, ...]:
    """Make a worktree of the last commit equal to the working tree.

    What git ignores is not copied, nor is a repository within the repository.

    Args:
        changes: Of the working tree.
        root: Of the working tree; it is only read.
        tree: The worktree.

    Returns:
        The nested repositories that were left out.
    """
    for change in changes:
        if change.gone:
            _delete(tree / change.path, tree)
    kept = [change.path for change in changes if not change.gone]
    for path in kept:
        original, copy = root / path, tree / path
        if original.is_symlink() or original.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.unlink(missing_ok=True)
            shutil.copy2(original, copy, follow_symlinks=False)
            await asyncio.sleep(0)  # there may be much to copy, and somebody may not want to wait
    return tuple(path for path in kept if path.endswith("/"))


def _delete(path: Path, tree: Path) -> None:
    """Delete a file and, as git does, the folders that are empty then."""
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == tree:
            return
        try:
            folder.rmdir()
        except OSError:
            return


def _new_folder(place: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="harness-compare-", suffix=".tmp", dir=place)).resolve()
    except OSError as error:
        raise UsageError(
            f"no folder for worktrees can be made in {place}: {error.strerror}",
            "set TMPDIR to a folder that can be written",
        ) from error


def _place() -> Path:
    """Where temporary folders go.

    Not /tmp unless TMPDIR says so: it often lies in memory, where environments take too much room
    and databases are faster than they ever are.
    """
    place = Path(os.environ.get("TMPDIR") or "/var/tmp")  # noqa: S108
    usable = place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    return place if usable else Path(tempfile.gettempdir())


@contextmanager
def _claimed(folder: Path) -> Iterator[bool]:
    """Whether the folder is ours for the length of the context; one of nobody becomes ours."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        yield False
        return
    try:
        mine = os.fstat(lock).st_uid == os.geteuid()
        if mine:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Who held it before us may have removed it by then.
        ours = mine and folder.is_dir() and os.path.samestat(os.fstat(lock), folder.stat())
    except OSError:
        ours = False
    try:
        yield ours
    finally:
        os.close(lock)


def _worktrees_in(folder: Path) -> set[tuple[Path, Path]]:
    """The worktrees in a folder, each with its repository."""
    trees = [path.parent for path in folder.glob("*/.git") if path.is_file()]
    found = ((git.repository_of(tree), tree) for tree in trees)
    return {(repository, tree) for repository, tree in found if repository is not None}


def _remove(folder: Path, root: Path) -> None:
    """Remove a folder, and have the repositories forget the worktrees that were in it.

    Not by git alone, which gives up on folders that may not be written, and not by `git worktree
    prune`, which also forgets worktrees of others whose disk is away.
    """
    worktrees = _worktrees_in(folder)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.is_dir():
        _make_writable(folder)
        shutil.rmtree(folder, ignore_errors=True)
    with suppress(UsageError):  # git, which was there at the start
        # Also of one that git was just about to make.
        worktrees |= {(root, tree) for tree in git.worktrees(root) if tree.parent == folder}
        for repository, tree in sorted(worktrees):
            git.forget_worktree(repository, tree)


def _make_writable(folder: Path) -> None:
    """Undo the write protection that some package managers put on what they install."""
    for place, folders, _ in os.walk(folder):
        for inner in (Path(place, name) for name in folders):
            if not inner.is_symlink():
                with suppress(OSError):
                    inner.chmod(0o700)
