"""How the tests run: what is marked `alone` runs alone, slow tests are left out, stages in order.

Each test starts a pytest of its own.
"""

from __future__ import annotations

import json
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
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
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
    plugins = ("-p", "no:locust", "-p", "no:schemathesis", "-p", "tests.schedule")
    output = run("-c", str(tmp_path / "pytest.ini"), *plugins, "-n", "3", str(tmp_path))
    assert "3 tests at a time" in output
    spans = [Span(*json.loads(path.read_text())) for path in tmp_path.glob("*/*.json")]
    assert len(spans) == 9 * files + files  # and no slow one
    for alone in spans:
        if "alone" in alone.name:
            others = [s for s in spans if s != alone]
            assert [s for s in others if s.began < alone.ended and alone.began < s.ended] == []
    assert f"{files} skipped: no such service" in output
    assert "left out; run them with: uv run pytest -m slow" in output


def test_stages_run_in_order_whatever_the_order_of_the_arguments() -> None:
    files = ("e2e/test_lint.py", "integration/process/test_process.py", "unit/test_units.py")
    output = run("--collect-only", "-q", *(f"tests/{file}" for file in files))
    collected = [line.partition("::")[0] for line in output.splitlines() if "::" in line]
    assert list(dict.fromkeys(collected)) == [f"tests/{file}" for file in reversed(files)]


def test_slow_test_that_is_named_runs() -> None:
    (found,) = [
        line
        for line in run(
            "--collect-only", "-q", "-m", "slow", "tests/e2e/test_loads.py"
        ).splitlines()
        if "cold_at_first" in line
    ]
    assert found in run("--collect-only", "-q", found)
