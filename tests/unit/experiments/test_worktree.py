"""The copy of a working tree that is the candidate of a comparison."""

import asyncio
import errno
import os
import shutil
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.experiments.git import ChangedPath
from harness.experiments.worktree import copy_changes


def test_file_that_cannot_be_copied_is_an_error_with_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:  # for root, every file is readable
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    root, tree = tmp_path / "root", tmp_path / "tree"
    root.mkdir()
    (root / "secret.env").write_text("")
    monkeypatch.setattr(shutil, "copy2", refused)
    with pytest.raises(UsageError, match="cannot be copied into the candidate: Perm") as error:
        asyncio.run(copy_changes([ChangedPath("secret.env")], root, tree))
    assert str(root / "secret.env") in error.value.message
    assert "let git ignore it" in error.value.hint
