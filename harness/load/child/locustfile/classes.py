"""Inside the generator: the user classes of a locustfile, and which of them can run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

from locust import User
from locust.shape import LoadTestShape
from locust.user.users import PytestUser
from locust.util.load_locustfile import load_locustfile, load_locustfile_pytest

from harness.load.child.locustfile.refusal import RefusalError
from harness.load.protocol.frames import Setup


def classes_of(path: Path) -> tuple[dict[str, type[User]], list[LoadTestShape]]:
    """Import a locustfile; returns its user classes by name, and its load shapes.

    As in Locust, the tests of a file without a user class are user classes.

    Raises:
        RefusalError: There is no user class.
    """
    found, shapes = load_locustfile(str(path))
    if not found and _has_tests(path):
        found = _tests_of(path)
    if not found:
        raise RefusalError(
            f"{path}: no User class found",
            "Define a class that inherits from HttpUser or FastHttpUser and is not abstract.",
        )
    return found, shapes


def _has_tests(path: Path) -> bool:
    return "def test" in path.read_text(encoding="utf-8", errors="replace")


def _tests_of(path: Path) -> dict[str, type[User]]:
    try:
        return load_locustfile_pytest(str(path))
    except ModuleNotFoundError as error:
        if error.name != "pytest":
            raise
        raise RefusalError(
            f"{path}: its tests need pytest, which is not installed",
            "Install pytest into the environment that harness runs in, or define a User class.",
        ) from error


def runnable(
    classes: Iterable[type[User]],
    setup: Setup,
    on_notice: Callable[[str], None] = lambda _: None,
) -> list[type[User]]:
    """The classes that have tasks, or set them when a user starts.

    A class without tasks is a base class when another class inherits from it: it gets no users.

    Raises:
        RefusalError: No class has a task, or a class without tasks is no base class.
    """
    known = list(classes)
    rest = [one for one in known if _has_tasks(one) or _sets_tasks(one)]
    empty = [one for one in known if one not in rest]
    if (setup.tags or setup.exclude_tags) and not rest:
        raise RefusalError(
            f"{setup.locustfile}: no task is left with tags {list(setup.tags)} "
            f"and without {list(setup.exclude_tags)}",
            "Correct `tags` and `exclude_tags` of the scenario, or tag tasks with @tag.",
        )
    if setup.tags or setup.exclude_tags:
        return rest
    for one in empty:
        if not any(issubclass(other, one) for other in rest):
            raise RefusalError(
                f"{setup.locustfile}: {one.__name__} has no tasks",
                "Mark its methods with @task, or set `abstract = True` on a base class.",
            )
        on_notice(f"{one.__name__} has no tasks and gets no users: it is the base of another class")
    return rest


def _has_tasks(holder: Any) -> bool:
    if type(holder).__name__ == "MarkovTaskSetMeta":  # checks itself when it is defined
        return True
    if isinstance(holder, type) and issubclass(holder, PytestUser):
        return bool(holder.functions)
    return bool(holder.tasks) and all(
        _has_tasks(task) or _sets_tasks(task) for task in holder.tasks if hasattr(task, "tasks")
    )


def _sets_tasks(holder: Any) -> bool:
    """Whether a method of the class mentions `tasks`, e.g. `self.tasks = [...]` in `on_start`."""
    return any("tasks" in function.__code__.co_names for function in methods(holder))


def have_different_waits(classes: Iterable[type[User]]) -> bool:
    """Whether the wait times of user classes differ, such as those of `between(1, 2)`."""
    first, *others = [_wait_of(user_class) for user_class in classes]
    return any(other != first for other in others)


def _wait_of(user_class: Any) -> object:
    """What is equal for two calls of e.g. `between` with equal arguments."""
    wait = user_class.wait_time
    cells = getattr(wait, "__closure__", None) or ()
    return getattr(wait, "__code__", wait), [cell.cell_contents for cell in cells]


def methods(holder: type) -> Iterator[FunctionType]:
    """The methods of a class and of its bases, except Locust's own."""
    for base in holder.__mro__:
        if base.__module__.partition(".")[0] not in {"locust", "builtins", "harness"}:
            yield from (value for value in vars(base).values() if isinstance(value, FunctionType))
