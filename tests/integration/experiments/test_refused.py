"""Versions that cannot be prepared: the message, the hint, and no leftovers."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError, TargetError, UsageError
from harness.experiments.version import Version
from harness.experiments.versions import prepared_versions
from tests.integration.experiments.repository import (
    SERVICE,
    Repository,
    assert_nothing_left,
    target_in,
)


def unborn(repository: Repository) -> None:
    shutil.rmtree(repository.path / ".git")
    repository.git("init", "--quiet")


def without_git(repository: Repository) -> None:
    shutil.rmtree(repository.path / ".git")


def remote(repository: Repository) -> None:
    repository.git("update-ref", "refs/remotes/origin/release", "main")


def unknown_folder(repository: Repository) -> None:
    repository.write("api/service.py", SERVICE)


def nothing(_: Repository) -> None:
    pass


BAD: list[
    tuple[str, Callable[[Repository], None], dict[str, Any], str, type[HarnessError], str, str]
]
BAD = [
    (
        "a folder without git",
        without_git,
        {},
        "main",
        UsageError,
        "is in no working tree of git: fatal: not a git repository",
        "two commands or two URLs",
    ),
    ("no commit yet", unborn, {}, "HEAD", UsageError, "has no commit yet", "commit something"),
    (
        "a misspelt branch",
        nothing,
        {},
        "topci",
        UsageError,
        "'topci' names no commit",
        "did you mean `topic`?",
    ),
    (
        "a branch that only the remote has",
        remote,
        {},
        "release",
        UsageError,
        "'release' names no commit",
        "did you mean `origin/release`?",
    ),
    (
        "an unknown ref in a shallow clone",
        nothing,
        {},
        "v9.9",
        UsageError,
        "'v9.9' names no commit",
        "depth",
    ),
    ("an option for a ref", nothing, {}, "--all", UsageError, "'--all' names no commit", "fetch"),
    ("an empty ref", nothing, {}, "", UsageError, "'' names no commit", "fetch"),
    ("a file for a ref", nothing, {}, "main:version.py", UsageError, "names no commit", "fetch"),
    (
        "a folder that the ref lacks",
        unknown_folder,
        {"directory": "api"},
        "main",
        UsageError,
        "has no folder api, where the target's command runs",
        "a version that has it",
    ),
    (
        "a setup that fails",
        nothing,
        {"setup": "python3 -c 'print(\"line 1\\nno such package\"); raise SystemExit(3)'"},
        "topic",
        TargetError,
        "the setup of the baseline failed, topic (",
        "baseline-setup.log",
    ),
    (
        "a setup that needs a shell",
        nothing,
        {"setup": "make && make install"},
        "topic",
        TargetError,
        "only a shell understands",
        "sh -c",
    ),
    (
        "a setup that does not exist",
        nothing,
        {"setup": "no-such-program sync"},
        "topic",
        TargetError,
        "no-such-program: No such file or directory",
        "install 'no-such-program'",
    ),
]


@pytest.mark.parametrize(
    ("prepare", "changes", "ref", "kind", "message", "hint"),
    [case[1:] for case in BAD],
    ids=[case[0] for case in BAD],
)
async def test_versions_that_cannot_be_prepared_are_refused_and_leave_nothing(
    repository: Repository,
    place: Path,
    logs: Path,
    prepare: Callable[[Repository], None],
    changes: dict[str, Any],
    ref: str,
    kind: type[HarnessError],
    message: str,
    hint: str,
) -> None:
    prepare(repository)
    directory = repository.path / changes.pop("directory", "")
    with pytest.raises(kind) as raised:
        async with prepared_versions(
            target_in(directory, **changes), Version(ref=ref), Version(), logs
        ):
            pytest.fail("the versions are there")
    assert message in raised.value.message
    assert hint in raised.value.hint
    assert list(place.iterdir()) == []
    if prepare is not without_git:
        assert_nothing_left(repository, place)


async def test_versions_with_a_failing_setup_show_the_end_of_its_log(
    repository: Repository, logs: Path
) -> None:
    code = "for n in range(40): print('line', n)\nraise SystemExit(3)"
    repository.write("bad.py", code)
    repository.commit()
    target = target_in(repository.path, setup=f"{sys.executable} bad.py")
    with pytest.raises(TargetError, match=r"failed, main .*: exit code 3") as raised:
        async with prepared_versions(target, Version(ref="main"), Version(), logs):
            pass
    shown = raised.value.message.splitlines()
    assert shown[-1].strip() == "line 39"
    assert len(shown) < 20


async def test_versions_with_an_endless_setup_are_refused_after_the_limit(
    repository: Repository, place: Path, logs: Path
) -> None:
    target = target_in(repository.path, setup="sleep 600")
    with pytest.raises(TargetError, match=r"it took longer than 0\.2 s"):
        async with prepared_versions(target, Version(ref="main"), Version(), logs, setup_limit=0.2):
            pass
    assert_nothing_left(repository, place)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, "git is not installed"),
        ("echo 'git version 2.11.4 (Old)'", "git version 2.11.4 (Old) is too old"),
        (
            "[ $1 = version ] && echo git version 3.0 || { echo fatal: not yours >&2; exit 128; }",
            "is in no working tree of git: fatal: not yours",
        ),
    ],
    ids=["absent", "old", "refusing"],
)
async def test_versions_without_a_usable_git_are_refused(
    repository: Repository,
    tmp_path: Path,
    logs: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str | None,
    message: str,
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    if script is not None:
        (programs / "git").write_text(f"#!/bin/sh\n{script}\n")
        (programs / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(UsageError) as raised:
        async with prepared_versions(
            target_in(repository.path), Version(ref="main"), Version(), logs
        ):
            pass
    assert message in raised.value.message
