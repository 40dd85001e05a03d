"""What contributors rely on: the Makefile, CONTRIBUTING.md's table of it, the scripts of CI."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

MAKEFILE = Path("Makefile").read_text()
TARGETS = dict(re.findall(r"^([a-z]+):.*? ## (.+)$", MAKEFILE, flags=re.MULTILINE))
CONTRIBUTING = Path("CONTRIBUTING.md").read_text()
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str) -> str:
    of_make = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")  # when `make unit` runs this
    env = {name: value for name, value in os.environ.items() if name not in of_make}
    command = ["make", *arguments]
    result = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_table_of_commands_is_the_makefile() -> None:
    rows = re.findall(r"^\| `make ([a-z]+)` \| (.+) \|$", CONTRIBUTING, flags=re.MULTILINE)
    assert dict(rows) == TARGETS
    assert len(TARGETS) >= 14
    (phony,) = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, flags=re.MULTILINE)
    assert phony.split() == list(TARGETS)


@needs_make
def test_make_without_a_target_lists_them() -> None:
    listed = dict(re.findall(r"^make (\S+) +(.+)$", make(), flags=re.MULTILINE))
    assert listed == TARGETS


def is_there(line: str) -> bool:
    """Whether what a line of a recipe calls exists, and the repository's files that it names."""
    words = shlex.split(line)
    while re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words.pop(0)
    program = Path(words[2] if words[:2] == ["uv", "run"] else words[0])
    found = shutil.which(program) or Path(sys.executable).with_name(program.name).exists()
    files = [word for word in words[1:] if "/" in word and "/node_modules/" not in word]
    return bool(found) and all(Path(word).exists() for word in files)


@needs_make
@pytest.mark.parametrize("target", sorted(TARGETS.keys() - {"help"}))
def test_recipe_is_made_of_commands_that_exist(target: str) -> None:
    lines = make("--dry-run", target).splitlines()
    assert lines
    assert [line for line in lines if not is_there(line)] == []


def test_line_of_a_recipe_that_calls_nothing_is_noticed() -> None:
    assert is_there("X=1 uv run pytest tests/unit")
    assert not is_there("uv run pytest tests/absent")
    assert not is_there("uv run absent")
    assert not is_there(".ci/absent")


def test_documented_types_of_commits_are_those_of_the_hook() -> None:
    (line,) = re.findall(r"^Types: (.+)\.$", CONTRIBUTING, flags=re.MULTILINE)
    (local,) = yaml.safe_load(Path(".pre-commit-config.yaml").read_text())["repos"]
    (hook,) = (hook for hook in local["hooks"] if hook["id"] == "commit-message")
    words = hook["entry"].split()
    assert re.findall(r"`(\w+)`", line) == words[words.index("conventional-pre-commit") + 1 :]


def test_scripts_of_ci_can_be_run_and_ci_runs_them() -> None:
    script = Path(".ci/run").read_text()
    for name in ("secrets", "smoke-wheel"):
        assert os.access(Path(".ci", name), os.X_OK)
        assert f"\n.ci/{name}\n" in script
    assert "\nuv run python .ci/audit.py\n" in script


def test_ci_demands_coverage_of_services_and_repositories() -> None:
    script = Path(".ci/run").read_text()
    of_all, options = script.split("\nuv run coverage report ")[1:]
    assert of_all.split()[0] == "--fail-under=90"
    assert "--fail-under=80" in options
    (folders,) = re.findall(r"--include='(.+)'", options)
    assert folders.split(",") == ["sample_app/services/*", "sample_app/repositories/*"]
    assert all(list(Path().glob(f"{folder}.py")) for folder in folders.split(","))
