"""The pytest plugin: budgets as test items with `pytest --budgets`, and the fixture `harness_run`.

pytest imports this module at each start, in projects that use neither, too. So it imports nothing
of the harness before one of them is used.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.testing.keys import BUDGETS, FOLDER

if TYPE_CHECKING:
    from harness.testing.fixture import Loads

OPTION = "--budgets"
DEFAULT_FILE = "budgets.yaml"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--budgets`."""
    parser.getgroup("harness", "load tests").addoption(
        OPTION,
        nargs="?",
        const=DEFAULT_FILE,
        metavar="FILE",
        dest="harness_budgets",
        help="load each scenario of FILE once, and judge its budgets as tests"
        f" (write {OPTION}=FILE; default FILE: {DEFAULT_FILE})",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect the file of `--budgets` besides the arguments."""
    workerinput = getattr(config, "workerinput", None)  # of a worker of pytest-xdist
    new = Path(tempfile.gettempdir(), f"harness-pytest-{os.urandom(8).hex()}")
    config.stash[FOLDER] = Path(workerinput["harness_folder"]) if workerinput else new
    given = config.getoption("harness_budgets")
    if given is None:
        return
    file = (config.invocation_params.dir / given).resolve()
    if not file.is_file():
        hint = "write --budgets=FILE, or put --budgets behind the other arguments"
        kind = "is a folder" if file.is_dir() else "does not exist"
        raise pytest.UsageError(f"--budgets: {file} {kind}\nhint: {hint}")
    if file.suffix == ".py":
        raise pytest.UsageError(
            f"--budgets: {file} is a test file\nhint: put --budgets behind the other arguments"
        )
    config.stash[BUDGETS] = file
    config.option.harness_budgets = str(file)  # for workers in another folder
    if not any(_names(config, argument, file) for argument in config.args):
        config.args.append(str(file))


def _names(config: pytest.Config, argument: str, file: Path) -> bool:
    path = config.invocation_params.dir / argument.partition("::")[0]
    return path.resolve() == file


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell a worker of pytest-xdist the folder that all workers share."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    node.workerinput["harness_folder"] = str(config.stash[FOLDER])  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the shared folder. The run folders stay."""
    folder = config.stash.get(FOLDER, None)
    if folder is not None and folder.exists() and not hasattr(config, "workerinput"):
        import shutil

        shutil.rmtree(folder, ignore_errors=True)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """The items of the file of `--budgets`."""
    file = parent.config.stash.get(BUDGETS, None)
    if file is None or file_path.name != file.name or file_path.resolve() != file:
        return None
    from harness.testing.items import BudgetsFile

    return BudgetsFile.from_parent(parent, path=file_path)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Pause the tests of the other workers during a load, if any item needs a load.

    Raises:
        UsageError: `--budgets` was given, and other options keep its file from being collected.
    """
    file = config.stash.get(BUDGETS, None)
    collected = any(item.path.resolve() == file for item in items)
    # With --last-failed, pytest leaves out files in which nothing failed.
    left_out = session.testsfailed or config.getoption("lf", default=False)
    if file is not None and not collected and not left_out:
        raise pytest.UsageError(
            f"--budgets: no item of {file} was collected\nhint: remove what ignores the file"
        )
    loads = collected or any("harness_run" in getattr(one, "fixturenames", ()) for one in items)
    if loads and hasattr(config, "workerinput"):
        from harness.testing.sessions import Pausing, session_runs

        config.pluginmanager.register(Pausing(session_runs(config)), "harness pausing")


@pytest.fixture(scope="session")
def harness_run(pytestconfig: pytest.Config) -> Loads:
    """A function that makes a run and returns its result, or the earlier result of the session.

    `harness_run("smoke")` loads a scenario. Keyword `budgets` is the path of budgets.yaml (default:
    the file of `--budgets`, or budgets.yaml in the root folder of the tests). Further arguments are
    options of `harness run`, such as `"--url", address`.
    """
    from harness.testing.fixture import Loads
    from harness.testing.sessions import session_runs

    default = pytestconfig.stash.get(BUDGETS, pytestconfig.rootpath / DEFAULT_FILE)
    return Loads(session_runs(pytestconfig), default)
