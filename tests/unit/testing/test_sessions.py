"""One load at a time: workers wait for each other, and never for ever."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

import pytest

from harness.testing.child import environment, run_harness
from harness.testing.sessions import SessionRuns


class Command:
    """In the place of `harness run`: notes what is loaded, and ends when it is told to."""

    def __init__(self) -> None:
        self.began, self.may_end = Event(), Event()
        self.arguments: list[tuple[str, ...]] = []

    def __call__(self, arguments: Sequence[str], directory: Path, output: Path) -> int:
        self.arguments.append(tuple(arguments))
        self.began.set()
        assert self.may_end.wait(30)
        output.write_text(f"in {directory}")
        return 2


@contextmanager
def workers(
    folder: Path, command: Command, wait: float = 60.0
) -> Iterator[tuple[SessionRuns, SessionRuns]]:
    """Two workers of a session; each has lock files of its own, as two processes have."""
    with (
        closing(SessionRuns(folder, shared=True, run=command, longest_wait=wait)) as first,
        closing(SessionRuns(folder, shared=True, run=command, longest_wait=wait)) as second,
    ):
        yield first, second


def test_load_waits_for_a_running_test_and_the_next_test_for_the_load(tmp_path: Path) -> None:
    command, begun = Command(), Event()

    def next_test(worker: SessionRuns) -> bool:
        with worker.test():
            begun.set()
            return command.may_end.is_set()

    with workers(tmp_path, command) as (first, second), ThreadPoolExecutor() as pool:
        with first.test():
            load = pool.submit(second.result, tmp_path / "budgets.yaml", "smoke")
            assert not command.began.wait(0.3)
        assert command.began.wait(30)
        test = pool.submit(next_test, first)
        assert not begun.wait(0.3)
        command.may_end.set()
        assert load.result(30).fault == f"in {tmp_path}"
        assert test.result(30)


def test_load_begins_beside_a_test_that_does_not_end(tmp_path: Path) -> None:
    command = Command()
    command.may_end.set()
    with workers(tmp_path, command, wait=0.1) as (first, second), first.test():
        assert second.result(tmp_path / "budgets.yaml", "smoke").exit_code == 2


def test_load_of_a_running_test_does_not_wait_for_this_test(tmp_path: Path) -> None:
    command = Command()
    command.may_end.set()
    with workers(tmp_path, command) as (first, _), first.test():
        assert first.result(tmp_path / "budgets.yaml", "smoke").exit_code == 2


def test_workers_share_a_run_but_not_one_with_other_options(tmp_path: Path) -> None:
    command = Command()
    command.may_end.set()
    budgets = tmp_path / "budgets.yaml"
    with workers(tmp_path / "session", command) as (first, second):
        folders = [
            first.result(budgets, "smoke").folder,
            second.result(budgets, "smoke").folder,
            second.result(budgets, "smoke", ("--rate", "5/s")).folder,
        ]
    assert folders[0] == folders[1]
    assert folders[0].parent == tmp_path / "runs"
    assert [one[1:4:2] + one[7:] for one in command.arguments] == [
        ("smoke", str(budgets)),
        ("smoke", str(budgets), "--rate", "5/s"),
    ]


def test_command_says_that_the_folder_of_the_budgets_is_absent(tmp_path: Path) -> None:
    runs = SessionRuns(tmp_path / "session", shared=False)
    result = runs.result(tmp_path / "absent/budgets.yaml", "smoke")
    assert result.exit_code == 2
    assert "absent/budgets.yaml does not exist" in result.fault
    assert not (tmp_path / "absent").exists()


def test_command_runs_without_the_variables_of_pytest_and_coverage() -> None:
    inherited = {
        "PATH": "/bin",
        "PYTEST_CURRENT_TEST": "t",
        "COV_CORE_SOURCE": "x",
        "COVERAGE_PROCESS_CONFIG": "y",
        "COVERAGE": "kept",
    }
    assert environment(inherited) == {"PATH": "/bin", "COVERAGE": "kept"}


@pytest.mark.parametrize(
    ("arguments", "code", "output"),
    [
        pytest.param(["history", "absent"], 2, "absent is not a folder", id="usage"),
        pytest.param(["--version"], 0, "harness 0.", id="success"),
    ],
)
def test_exit_code_and_output_are_those_of_the_command(
    tmp_path: Path, arguments: list[str], code: int, output: str
) -> None:
    assert run_harness(arguments, tmp_path, tmp_path / "log") == code
    assert output in (tmp_path / "log").read_text()


@pytest.mark.parametrize("name", ["harness", "rich"])
def test_folder_of_the_project_hides_no_package(tmp_path: Path, name: str) -> None:
    """A folder of load tests is often called `harness` or so, and stands beside budgets.yaml."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise RuntimeError('of the project')\n")
    assert run_harness(["history", "."], tmp_path, tmp_path / "log") == 2
    assert ". holds no runs" in (tmp_path / "log").read_text()


def test_plugin_imports_nothing_heavy() -> None:
    program = (
        "import json, sys, pytest\nbefore = set(sys.modules)\nimport harness.pytest_plugin\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [
        "harness",
        "harness.pytest_plugin",
        "harness.testing",
        "harness.testing.keys",
    ]
