"""How the tests run: what is marked `alone` runs alone, slow tests are left out, stages in order.

Each test starts a pytest of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = """
[pytest]
markers =
    slow
    alone
"""
SAMPLE = """
import json, time
from pathlib import Path
import pytest

@pytest.fixture(autouse=True)
def noted(request):
    began = time.monotonic()
    yield
    note = [request.node.name, began, time.monotonic()]
    Path(__file__).with_name(f"{request.node.name}.json").write_text(json.dumps(note))

@pytest.mark.alone
@pytest.mark.parametrize("number", range(3))
def test_alone(number):
    time.sleep(0.1)

@pytest.mark.parametrize("number", range(6))
def test_any(number):
    time.sleep(0.1 * number)

@pytest.mark.slow
def test_slow():
    raise AssertionError

def test_that_is_skipped():
    pytest.skip("no such service")
"""


class Span(NamedTuple):
    name: str
    began: float
    ended: float


def run(*arguments: str) -> str:
    # Each process would import the plugins of all installed packages.
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return pytest_run("-p", "xdist", "-p", "tests.schedule", *arguments, environment=alone)


def pytest_run(*arguments: str, environment: dict[str, str]) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize("files", [1, 4], ids=["one file", "several files"])
def test_test_marked_alone_runs_while_no_other_does(tmp_path: Path, files: int) -> None:
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    for number in range(files):
        folder = tmp_path / f"part{number}"
        folder.mkdir()
        (folder / f"test_{number}.py").write_text(SAMPLE)
    output = run("-c", str(tmp_path / "pytest.ini"), "-n", "2", str(tmp_path))
    assert "2 tests at a time" in output
    spans = [Span(*json.loads(path.read_text())) for path in tmp_path.glob("*/*.json")]
    assert len(spans) == 9 * files + files  # and no slow one
    for alone in spans:
        if "alone" in alone.name:
            others = [s for s in spans if s != alone]
            assert [s for s in others if s.began < alone.ended and alone.began < s.ended] == []
    assert f"{files} skipped: no such service" in output
    assert "left out; run them with: uv run pytest -m slow" in output


def test_stages_run_in_order_whatever_the_order_of_the_arguments(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    files = (
        "tests/e2e/test_lint.py",
        "tests/integration/test_schedule.py",
        "tests/unit/test_units.py",
    )
    options = ("-c", str(tmp_path / "pytest.ini"), "--rootdir", str(ROOT), "--noconftest")
    listed = run(*options, "--collect-only", "-q", *files)
    collected = [line.partition("::")[0] for line in listed.splitlines() if "::" in line]
    assert list(dict.fromkeys(collected)) == list(reversed(files))


def test_slow_test_that_is_named_runs(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    (tmp_path / "test_0.py").write_text(SAMPLE)
    options = ("-c", str(tmp_path / "pytest.ini"), "--collect-only", "-q")
    (found,) = [
        line for line in run(*options, "-m", "slow", str(tmp_path)).splitlines() if "::" in line
    ]
    assert found == "test_0.py::test_slow"
    assert found in run(*options, str(tmp_path / found))
    assert found not in run(*options, str(tmp_path))


def test_outcome_does_not_depend_on_the_job_and_the_terminal(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    job = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary), "CI": "true"}
    found = pytest_run(
        "tests/unit/commands/test_options.py::test_hint_without_a_budgets_file_names_init",
        "tests/unit/commands/test_check.py",
        environment=job | {"COLUMNS": "50", "NO_COLOR": "1"},
    )
    assert " passed" in found
    assert not summary.exists()
