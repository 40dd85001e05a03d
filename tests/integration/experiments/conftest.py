"""Repositories, and a world without git configuration."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.experiments.repository import SERVICE, SETUP, Repository, copied


@pytest.fixture(scope="module", autouse=True)
def plain_git() -> Iterator[None]:
    """No configuration of git but this."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME"):
            patch.setenv(name, "x@x")
        patch.setenv("GIT_COMMITTER_EMAIL", "x@x")
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        # The services and set-ups of the repositories are none of the traced code.
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where worktrees go."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    return place


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working tree of a small service, with one commit on `main` and one more on `topic`."""
    repository = Repository(tmp_path_factory.mktemp("template"))
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.write("service.py", SERVICE)
    repository.write("setup.py", SETUP)
    repository.write("version.py", "VERSION = 'one'\n")
    repository.write(".gitignore", ".venv/\n*.db\n__pycache__/\n")
    repository.commit()
    repository.git("switch", "--quiet", "--create", "topic")
    repository.write("version.py", "VERSION = 'two'\n")
    repository.commit()
    repository.git("switch", "--quiet", "main")
    return repository.path


@pytest.fixture
def repository(template: Path, tmp_path: Path) -> Repository:
    return copied(template, tmp_path / "repository")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    logs = tmp_path / "logs"
    logs.mkdir()
    return logs
