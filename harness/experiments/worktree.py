"""Worktrees: checkouts of commits that exist as long as they are compared.

A folder `harness-compare-…` holds the worktrees of one comparison. The process that compares holds
a lock on it, which ends with the process, however it ends. A folder without a lock is a leftover,
and the next comparison removes it.
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
def worktree_folder(root: Path) -> Iterator[Path]:
    """A new folder for worktrees, which is removed with them at the end of the context.

    Args:
        root: Of the working tree, whose repository the worktrees belong to.

    Raises:
        UsageError: No folder can be made or locked.
    """
    place = _place()
    for _ in range(_ATTEMPTS):
        folder = _new_folder(place)
        with _locked(folder) as locked:
            if locked:
                try:
                    yield folder
                finally:
                    _remove(folder, root)
                return
    raise UsageError(f"folders in {place} cannot be locked", "set TMPDIR to a folder that can")


def remove_leftovers(root: Path) -> tuple[Path, ...]:
    """Remove the folders of comparisons that were killed.

    Args:
        root: Of a working tree; the worktrees are removed from the list of its repository too.

    Returns:
        Leftover folders that cannot be removed.
    """
    folders = {*_place().resolve().iterdir(), *(tree.parent for tree in git.worktrees(root))}
    stuck = []
    for folder in sorted(path for path in folders if _NAME.fullmatch(path.name)):
        with _locked(folder) as locked:
            if locked or not os.path.lexists(folder):
                _remove(folder, root)
                if os.path.lexists(folder):
                    stuck.append(folder)
    return tuple(stuck)


async def run_to_end(
    argv: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    directory: Path,
    limit: float,
) -> int | None:
    """Run a command to its end; none of its processes is left when this returns or raises.

    Args:
        argv: The command and its arguments.
        log: File that its output is appended to.
        environment: The whole of its environment.
        directory: Its working directory.
        limit: Seconds after which it is ended.

    Returns:
        The exit code, -N when signal N ended it; None when the limit was reached.

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


async def copy_changes(
    changes: Sequence[git.ChangedPath], root: Path, tree: Path
) -> tuple[str, ...]:
    """Make a worktree of the last commit equal to the working tree.

    Neither ignored files nor nested repositories are copied.

    Args:
        changes: Changed paths of the working tree.
        root: Root of the working tree; it is only read.
        tree: Root of the worktree.

    Returns:
        Paths of the nested repositories.

    Raises:
        UsageError: A file cannot be copied.
    """
    for change in changes:
        if change.deleted:
            _delete(tree / change.path, tree)
    kept = [change.path for change in changes if not change.deleted]
    for path in kept:
        original = root / path
        if original.is_symlink() or original.is_file():
            _copy(original, tree / path)
            await asyncio.sleep(0)  # lets a signal end a long copy
    return tuple(path for path in kept if path.endswith("/"))


def _copy(original: Path, copy: Path) -> None:
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.unlink(missing_ok=True)
        shutil.copy2(original, copy, follow_symlinks=False)
    except OSError as error:
        raise UsageError(
            f"{original} cannot be copied into the candidate: {error.strerror}",
            "make it readable, remove it, or let git ignore it",
        ) from error


def _delete(path: Path, tree: Path) -> None:
    """Delete a file and, as git does, each parent folder that becomes empty."""
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
    """The folder for temporary folders: TMPDIR or /var/tmp.

    /tmp often lies in memory, where virtual environments take too much room and databases are
    faster than on a disk.
    """
    place = Path(os.environ.get("TMPDIR") or "/var/tmp")  # noqa: S108
    usable = place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    return place if usable else Path(tempfile.gettempdir())


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Lock a folder for the length of the context, unless another process holds the lock.

    Yields:
        Whether this process holds the lock.
    """
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        yield False
        return
    try:
        own = os.fstat(lock).st_uid == os.geteuid()
        if own:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The process that held the lock before may have removed the folder meanwhile.
        locked = own and folder.is_dir() and os.path.samestat(os.fstat(lock), folder.stat())
    except OSError:
        locked = False
    try:
        yield locked
    finally:
        os.close(lock)


def _worktrees_in(folder: Path) -> set[tuple[Path, Path]]:
    """The worktrees in a folder, each with its repository."""
    trees = [path.parent for path in folder.glob("*/.git") if path.is_file()]
    found = ((git.repository_of(tree), tree) for tree in trees)
    return {(repository, tree) for repository, tree in found if repository is not None}


def _remove(folder: Path, root: Path) -> None:
    """Remove a folder, and its worktrees from the lists of their repositories.

    `git worktree remove` alone fails on write-protected folders, and `git worktree prune` would
    also remove unrelated worktrees whose disk is not mounted.
    """
    worktrees = _worktrees_in(folder)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.is_dir():
        _make_writable(folder)
        shutil.rmtree(folder, ignore_errors=True)
    with suppress(UsageError):  # git is no longer there
        # Includes a worktree that git was making when it was ended.
        worktrees |= {(root, tree) for tree in git.worktrees(root) if tree.parent == folder}
        for repository, tree in sorted(worktrees):
            git.forget_worktree(repository, tree)


def _make_writable(folder: Path) -> None:
    """Undo the write protection that some package managers put on installed folders."""
    for place, folders, _ in os.walk(folder):
        for inner in (Path(place, name) for name in folders):
            if not inner.is_symlink():
                with suppress(OSError):
                    inner.chmod(0o700)
