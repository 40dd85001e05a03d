"""The runs of a pytest session: each is made once, and no other test runs meanwhile."""

from __future__ import annotations

import fcntl
import hashlib
import json
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness import names
from harness.runs.folder import default_path
from harness.testing.child import run_harness
from harness.testing.keys import FOLDER
from harness.testing.result import RunResult, read_result

LONGEST_WAIT = 600.0  # seconds for the tests of other workers to end


class SessionRuns:
    """The runs of a session, by budgets.yaml, scenario and options.

    The workers of pytest-xdist are processes. They share results and two lock files in a folder:
    `gate.lock` belongs to one load, or to the worker that is about to begin a test; `tests.lock` is
    shared by the tests that run. A load takes both, so that it waits for running tests, and new
    tests wait for the load.
    """

    def __init__(
        self,
        folder: Path,
        *,
        shared: bool,
        run: Callable[[Sequence[str], Path, Path], int] = run_harness,
        longest_wait: float = LONGEST_WAIT,
    ) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._run = run
        self._longest_wait = longest_wait
        self._results: dict[str, RunResult] = {}
        self._gate = (folder / "gate.lock").open("wb") if shared else None
        self._tests = (folder / "tests.lock").open("wb") if shared else None
        self._in_test = False

    def close(self) -> None:
        """Close the lock files."""
        for file in (self._gate, self._tests):
            if file is not None:
                file.close()

    def result(self, budgets: Path, scenario: str, options: tuple[str, ...] = ()) -> RunResult:
        """The result of a run, which is made unless the session has it already.

        Raises:
            KeyboardInterrupt: The run was interrupted.
        """
        identity = json.dumps([str(budgets), scenario, options])
        key = hashlib.sha256(identity.encode()).hexdigest()[:16]
        if key not in self._results:
            record = self._folder / f"{key}.json"
            with self._alone():
                if not record.exists():
                    self._make(record, budgets, scenario, options)
            folder, code, output = json.loads(record.read_text(encoding="utf-8"))
            self._results[key] = read_result(scenario, Path(folder), code, output)
        return self._results[key]

    def _make(self, record: Path, budgets: Path, scenario: str, options: tuple[str, ...]) -> None:
        root = budgets.parent
        folder = default_path(scenario, datetime.now(UTC), root / names.RUNS_FOLDER)
        log = record.with_suffix(".log")
        arguments = ("run", scenario, "--budgets", str(budgets), "--out", str(folder), "--quiet")
        # Without the folder, the command says that budgets.yaml does not exist.
        code = self._run((*arguments, *options), root if root.is_dir() else Path.cwd(), log)
        output = log.read_text(encoding="utf-8", errors="replace")
        new = record.with_suffix(".new")
        new.write_text(json.dumps([str(folder), code, output]), encoding="utf-8")
        new.rename(record)

    @contextmanager
    def test(self) -> Iterator[None]:
        """While a test runs in this worker."""
        self._begin_test()
        try:
            yield
        finally:
            self._end_test()

    def _begin_test(self) -> None:
        if self._gate and self._tests:
            fcntl.flock(self._gate, fcntl.LOCK_EX)
            fcntl.flock(self._tests, fcntl.LOCK_SH)
            fcntl.flock(self._gate, fcntl.LOCK_UN)
            self._in_test = True

    def _end_test(self) -> None:
        if self._tests and self._in_test:
            fcntl.flock(self._tests, fcntl.LOCK_UN)
            self._in_test = False

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While this worker loads a service, and no other test runs."""
        if self._gate is None or self._tests is None:
            yield
            return
        in_test = self._in_test
        self._end_test()
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        try:
            self._wait_for_tests(time.monotonic() + self._longest_wait)
            yield
        finally:
            fcntl.flock(self._tests, fcntl.LOCK_UN)
            fcntl.flock(self._gate, fcntl.LOCK_UN)
            if in_test:
                self._begin_test()

    def _wait_for_tests(self, deadline: float) -> None:
        """Wait for the running tests of other workers; after the deadline, load beside them.

        A test may wait for a lock that this worker holds, which must not hang both.
        """
        assert self._tests is not None
        while time.monotonic() < deadline:
            try:
                fcntl.flock(self._tests, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.05)
            else:
                return


class Pausing:
    """Lets the tests of a worker wait for the loads of the others."""

    def __init__(self, runs: SessionRuns) -> None:
        self._runs = runs

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """Run a test, from its set-up to its tear-down."""
        with self._runs.test():
            return (yield)


RUNS = pytest.StashKey[SessionRuns]()


def session_runs(config: pytest.Config) -> SessionRuns:
    """The runs of a session, which all its workers share."""
    if RUNS not in config.stash:
        shared = hasattr(config, "workerinput")
        config.stash[RUNS] = SessionRuns(config.stash[FOLDER], shared=shared)
        config.add_cleanup(config.stash[RUNS].close)
    return config.stash[RUNS]
