"""The hooks of git: each calls a locked tool, and refuses what it is there to refuse."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORIES = yaml.safe_load(Path(".pre-commit-config.yaml").read_text())["repos"]
HOOKS: dict[str, dict[str, Any]] = {
    hook["id"]: hook for repository in REPOSITORIES for hook in repository["hooks"]
}


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """A tool of the environment, or a program."""
    program = Path(sys.executable).parent / command[0]
    words = [program if program.exists() else command[0], *command[1:]]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_hooks_call_locked_tools_and_download_nothing() -> None:
    assert [repository["repo"] for repository in REPOSITORIES] == ["local"]
    assert {hook["language"] for hook in HOOKS.values()} == {"system"}
    for hook in HOOKS.values():
        assert re.match(r"uv |\.ci/", hook["entry"])


@pytest.mark.parametrize(
    ("message", "accepted"),
    [
        ("feat: a run without samples is inconclusive", True),
        ("fix(load): a worker that is lost ends the run\n\nIt did not.\n", True),
        ("feat!: exit code 4", True),
        ("Merge branch 'main' into topic", True),
        ("changed some things", False),
        ("wip: not a type of ours", False),
        ("feat:", False),
    ],
)
def test_message_of_a_commit(message: str, accepted: bool, tmp_path: Path) -> None:
    file = tmp_path / "message"
    file.write_text(message)
    command = shlex.split(HOOKS["commit-message"]["entry"])[2:]
    assert (run(*command, file).returncode == 0) is accepted


def test_conflict_marker_is_refused(tmp_path: Path) -> None:
    command = shlex.split(HOOKS["conflicts"]["entry"])[2:]
    file = tmp_path / "file.md"
    file.write_text("<" * 7 + " HEAD\nours\n" + "=" * 7 + "\ntheirs\n" + ">" * 7 + " topic\n")
    result = run(*command, file)
    assert result.returncode == 1
    assert f"{file}:1: Merge conflict string" in result.stdout
    file.write_text("Title\n=====\n\n    <<< not one\n")
    assert run(*command, file).returncode == 0


def test_secret_is_refused_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "settings.py"
    file.write_text("region = 'eu-west-1'\n")
    assert run(".ci/secrets", file).returncode == 0
    token = "xoxb-" + "-".join(("730191371968", "846209163543", "RkT0wTLrnMpLhZb3ysVEBgH9"))
    file.write_text(f"chat = '{token}'\n")
    result = run(".ci/secrets", file)
    assert result.returncode != 0
    assert str(file) in result.stdout
    assert "SLACK" in result.stdout
    assert token[-24:] not in result.stdout + result.stderr
