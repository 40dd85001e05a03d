"""How the tests run: their order, how many at once, and what a default run leaves out.

Unit tests come first, then integration, then end to end. Several workers share them; a test that is
marked `alone` comes last and runs while no other test does. Tests that are marked `slow` are left
out unless they are selected.
"""

from __future__ import annotations

import fcntl
import gc
import os
import sys
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling
    from xdist.workermanage import WorkerController

TESTS = Path(__file__).parent
STAGES = ("unit", "integration", "e2e")
# Each of these tests takes seconds, so that whichever worker is free takes the next one. The tests
# of any other file stay on one worker; none of them may be marked `alone`.
SPREAD = (
    "tests/e2e/",
    "tests/integration/load/",
    "tests/integration/services/test_verdicts.py",
)
# These share a fixture that takes longer than a test. They are begun first in their stage: at its
# end a single worker would run them alone.
TOGETHER = (
    "tests/e2e/test_ci.py",
    "tests/e2e/test_kill_matrix.py",
    "tests/e2e/test_render.py",
    "tests/integration/load/test_refusals.py",
    "tests/integration/load/test_worker_attacks.py",
    "tests/integration/report/test_page.py",
)

LEFT_OUT = pytest.StashKey[int]()
LOCK = pytest.StashKey[IO[bytes]]()

# Without byte code, each process that a test starts would compile for seconds what it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked `slow` as well")


# --- selection and order --------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without looking for garbage: modules and tests live until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is slow, and put the stages in order, in each the longest files first."""
    if not _slow_selected(config):
        slow = [item for item in items if item.get_closest_marker("slow")]
        items[:] = [item for item in items if not item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        config.stash[LEFT_OUT] = len(slow)
    items.sort(key=lambda item: (_stage(item), _file(item.nodeid) not in TOGETHER))


def _slow_selected(config: pytest.Config) -> bool:
    named = any("::" in argument for argument in config.args)
    return config.option.slow or named or "slow" in config.option.markexpr


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def _stage(item: pytest.Item) -> int:
    if item.get_closest_marker("alone"):
        return len(STAGES)
    folders = {parent.name for parent in item.path.parents if parent.parent == TESTS}
    return max((STAGES.index(name) for name in folders.intersection(STAGES)), default=0)


# --- workers --------------------------------------------------------------------------------------


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A few more than CPUs, since most tests wait; none for a part that one process runs sooner."""
    option = config.option
    narrow = option.keyword or getattr(option, "lf", False) or option.capture == "no"
    folders = {Path(argument).resolve() for argument in config.args}
    if narrow or not folders & {TESTS, *(TESTS / stage for stage in STAGES)}:
        return 0
    cpus = len(os.sched_getaffinity(0))
    return cpus if folders == {TESTS / "unit"} else cpus + 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Hand out the tests in their order."""
    if config.option.dist != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = _file(nodeid)
            return nodeid if file.startswith(SPREAD) and file not in TOGETHER else file

    config.option.loadscopereorder = False
    return Scheduling(config, log)


def pytest_report_header(config: pytest.Config) -> str:
    workers = len(config.option.tx) if getattr(config.option, "dist", "no") != "no" else 0
    if not workers:
        return "in one process, one test at a time"
    return (
        f"{workers} tests at a time: unit, integration, end to end; "
        "at the end those marked `alone`, one at a time"
    )


# --- nothing beside what is marked `alone` --------------------------------------------------------
# A worker holds a lock, shared with the others, from its first test to its end. Before a test that
# is marked `alone` it takes the lock for itself, which waits for the end of the other workers.
# Since such tests come last, every worker has either ended by then or waits here as well. A worker
# that replaces one that crashed has no lock before its first test: the others get their tests only
# after it has collected its own.


def pytest_sessionstart(session: pytest.Session) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ and hasattr(session.config, "workerinput"):
        factory: pytest.TempPathFactory = session.config._tmp_path_factory  # type: ignore[attr-defined]
        session.config.stash[LOCK] = (factory.getbasetemp().parent / "alone.lock").open("wb")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if lock := item.config.stash.get(LOCK, None):
        alone = item.get_closest_marker("alone")
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if lock := session.config.stash.get(LOCK, None):
        lock.close()
        session.config.workeroutput["left_out"] = session.config.stash.get(LEFT_OUT, 0)  # type: ignore[attr-defined]


# --- what did not run -----------------------------------------------------------------------------


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    config: pytest.Config = node.config
    config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", 0)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what was skipped and left out, and how to run it."""
    lines = []
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        _, _, reason = report.longrepr
        reasons[reason.removeprefix("Skipped: ")] += 1
    lines += [f"{count} skipped: {reason}" for reason, count in reasons.most_common()]
    if left_out := config.stash.get(LEFT_OUT, 0):
        lines.append(
            f"{left_out} slow tests left out; run them with: uv run pytest -m slow"
            " (all tests: uv run pytest --slow)"
        )
    if lines:
        terminalreporter.section("not run")
        for line in lines:
            terminalreporter.line(line)
