"""Git: the root of a working tree, its commits, its changed paths and its worktrees."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.budgets.parse.problems import closest
from harness.errors import UsageError

_OLDEST: Final = (2, 17)  # the first whose `worktree` has `remove`
_TIMEOUT: Final = 120.0  # seconds, of one git command
# Git sets these for a hook. They would make git use the repository of the hook in every folder.
_HOOK_VARIABLES: Final = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_WORK_TREE",
    }
)


# The two letters of `git status --porcelain`: in the index, then in the working tree.
_DELETED: Final = frozenset({"D ", " D", "AD", "MD", "TD", "DD"})


@dataclass(frozen=True, slots=True)
class ChangedPath:
    """A path that differs from the last commit.

    Attributes:
        path: Relative to the root of the working tree; a nested repository ends with a slash.
        deleted: Whether the working tree lacks it.
    """

    path: str
    deleted: bool = False


class _RefusalError(UsageError):
    """A git command failed; the message is the one of git."""


def environment() -> dict[str, str]:
    """The environment of this process, without the variables of a git hook and without prompts."""
    kept = {name: value for name, value in os.environ.items() if name not in _HOOK_VARIABLES}
    return {**kept, "GIT_TERMINAL_PROMPT": "0"}


def root_of(directory: Path) -> Path:
    """The top folder of the working tree that a folder lies in.

    Raises:
        UsageError: Git is not installed or too old, or the folder is in no working tree.
    """
    _refuse_old()
    try:
        return Path(_git(directory, "rev-parse", "--show-toplevel").rstrip("\n")).resolve()
    except _RefusalError as refusal:
        raise UsageError(
            f"{directory} is in no working tree of git: {refusal}",
            "git refs need a working tree; compare two commands or two URLs instead",
        ) from refusal


def commit_of(root: Path, ref: str) -> str:
    """The full id of the commit that a ref names: a branch, a tag, an id, `HEAD~2`.

    Raises:
        UsageError: The ref names no commit.
    """
    try:
        if not ref or ref.startswith("-"):
            raise _RefusalError(ref)
        return _git(root, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").strip()
    except _RefusalError as refusal:
        if ref == "HEAD":
            hint = "commit something first, or compare two commands"
            raise UsageError(f"{root} has no commit yet", hint) from refusal
        names = _names(root)
        remote = [name for name in names if name.endswith(f"/{ref}")]
        suggestion = f"did you mean `{remote[0]}`? " if ref and remote else closest(ref, names)
        raise UsageError(
            f"{ref!r} names no commit of {root}",
            f"{suggestion}`git fetch` gets the refs of the remote; a shallow clone of a CI job "
            "needs its whole history (fetch depth 0)",
        ) from refusal


def changes(root: Path) -> tuple[ChangedPath, ...]:
    """Paths that differ from the last commit, without ignored ones; git writes nothing for it."""
    listing = _git(
        root,
        "--no-optional-locks",
        "status",
        *("--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules"),
    )
    entries = [entry for entry in listing.split("\0") if entry]
    return tuple(ChangedPath(entry[3:], deleted=entry[:2] in _DELETED) for entry in entries)


def difference(tree: Path, commit: str) -> str:
    """What a worktree changed since a commit, as a diff without context; new files included.

    Args:
        tree: A worktree that nobody else uses: new files are noted in its index.
        commit: The commit.
    """
    _git(tree, "add", "--intent-to-add", "--all")
    how = ("--no-ext-diff", "--no-textconv", "--no-color", "--unified=0", "--find-renames")
    prefixes = ("--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules")
    return _git(tree, "-c", "core.quotePath=false", "diff", *how, *prefixes, commit, "--")


def empty_submodules(tree: Path) -> tuple[str, ...]:
    """Paths of the submodules of a worktree whose files are not there."""
    entries = _git(tree, "ls-files", "--stage", "-z").split("\0")
    paths = (entry.partition("\t")[2] for entry in entries if entry.startswith("160000 "))
    return tuple(path for path in paths if not any((tree / path).glob("*")))


def worktrees(root: Path) -> tuple[Path, ...]:
    """Folders of all worktrees of the repository, including folders that no longer exist."""
    lines = _git(root, "worktree", "list", "--porcelain").splitlines()
    return tuple(Path(line[9:]) for line in lines if line.startswith("worktree "))


def repository_of(tree: Path) -> Path | None:
    """The git directory of the repository that a worktree belongs to; None if it is no worktree."""
    try:
        found = Path(_git(tree, "rev-parse", "--git-common-dir").rstrip("\n"))
    except (_RefusalError, UsageError):
        return None
    return (tree / found).resolve()


def forget_worktree(repository: Path, tree: Path) -> None:
    """Remove a worktree, whose folder no longer exists, from the list of its repository."""
    try:
        # --force twice: git locks a worktree while it makes it.
        _git(repository, "worktree", "remove", "--force", "--force", str(tree))
    except _RefusalError:
        return


def adding_worktree(tree: Path, commit: str) -> Sequence[str]:
    """The command that checks a commit out into a new folder, on no branch, without hooks."""
    add = ("worktree", "add", "--detach", str(tree), commit)
    return ("git", "-c", f"core.hooksPath={os.devnull}", "-c", "advice.detachedHead=false", *add)


def _names(root: Path) -> list[str]:
    """Branches, tags and remote branches."""
    where = ("refs/heads", "refs/tags", "refs/remotes")
    return _git(root, "for-each-ref", "--format=%(refname:short)", *where).splitlines()


def _refuse_old() -> None:
    version = _git(Path(), "version")
    found = re.search(r"(\d+)\.(\d+)", version)
    if found and (int(found[1]), int(found[2])) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise UsageError(
            f"{version.strip()} is too old to compare git refs",
            f"install git {oldest} or newer, or compare two commands or two URLs",
        )


def _git(directory: Path, *arguments: str) -> str:
    """The output of git; undecodable bytes become surrogates, as in paths of Python."""
    try:
        result = subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=directory,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
            start_new_session=True,  # Ctrl-C must reach the harness only
        )
    except (FileNotFoundError, NotADirectoryError, PermissionError) as absent:
        if not directory.is_dir():
            raise _RefusalError(f"{directory} is no folder") from absent
        raise UsageError(
            "git is not installed, or not in PATH",
            "install it to compare git refs, or compare two commands or two URLs",
        ) from absent
    except subprocess.TimeoutExpired as late:
        raise UsageError(
            f"git did not end within {_TIMEOUT:g} s: {shlex.join(late.cmd)}",
            "run it by hand to see what it waits for",
        ) from late
    if result.returncode != 0:
        raise _RefusalError(os.fsdecode(result.stderr).strip() or f"exit code {result.returncode}")
    return os.fsdecode(result.stdout)
