"""Inside the generator: loads a locustfile into a Locust environment, or refuses it with a reason.

This replaces `locust.main.main`, which also controls what the harness must control: the clock, the
stop, the exit code, keys typed on the terminal, load shapes, and options from `~/.locust.conf`,
`./locust.conf`, `pyproject.toml` and `LOCUST_*` variables.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, assert_never

import gevent
import locust
from locust import User, log, runners
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.shape import LoadTestShape

from harness.budgets.workload import ClosedWorkload, OpenWorkload, ShapeWorkload
from harness.load.child.closed_model import stop_users_without_waiting
from harness.load.child.locustfile.certificates import trust
from harness.load.child.locustfile.classes import classes_of, have_different_waits, runnable
from harness.load.child.locustfile.listeners import note_exceptions, raise_exceptions
from harness.load.child.locustfile.no_web import NoWebInterface
from harness.load.child.locustfile.options import parsed_options
from harness.load.child.locustfile.refusal import RefusalError
from harness.load.child.locustfile.statistics import reads_statistics
from harness.load.child.pools import class_shares
from harness.load.protocol.frames import Setup

MAX_TRACEBACKS = 100
OPEN_FILES = 10_000  # one socket per user, and some more


class EvenDispatcher(UsersDispatcher):
    """Starts and stops users one by one at equal intervals.

    Locust starts `floor(spawn_rate)` users at once, each second; they stay in step, and the service
    gets one burst a second instead of the requested rate.
    """

    _due = 0.0  # time of the next user

    def new_dispatch(
        self,
        target_user_count: int,
        spawn_rate: float,
        user_classes: list[type[User]] | None = None,
    ) -> None:
        """Prepare a ramp to `target_user_count` users."""
        super().new_dispatch(target_user_count, spawn_rate, user_classes)
        self._user_count_per_dispatch_iteration = 1
        self._wait_between_dispatch = 1 / spawn_rate
        self._due = time.perf_counter()

    @contextmanager
    def _wait_between_dispatch_iteration_context(self) -> Generator[None]:
        yield
        if self._current_user_count != self._target_user_count:
            self._due += self._wait_between_dispatch  # not from the current time: delays add up
            gevent.sleep(max(0.0, self._due - time.perf_counter()))


def load(
    setup: Setup,
    create: Callable[[Environment], object] = Environment.create_local_runner,
    on_notice: Callable[[str], None] = lambda _: None,
) -> Environment:
    """Import the locustfile and create its environment, with the runner that `create` creates.

    Args:
        setup: The locustfile and the load.
        create: Creates the runner.
        on_notice: Called with messages about the locustfile for the user.

    Raises:
        RefusalError: The locustfile cannot be imported, or has nothing to run.
    """
    path = Path(setup.locustfile)
    set_up: Any = log.setup_logging
    set_up("INFO")
    for name in ("locust.user.task", "locust.user.users"):
        logging.getLogger(name).addFilter(_first(MAX_TRACEBACKS))
    # Users are started one by one, so no rate has the effects that Locust warns of.
    logging.getLogger("locust.runners").addFilter(
        lambda record: "spawn rate is very high" not in str(record.msg)
    )
    _allow_open_files()
    try:
        trust(setup.ca_file)
        raise_exceptions("init", "init_command_line_parser")
        before = set(sys.modules)
        classes, shapes = classes_of(path)
        shape = _shape(setup, shapes, on_notice)
        environment = _environment(setup, classes, shape, on_notice)
        stop_users_without_waiting()
        create(environment)
        imported = [sys.modules[name] for name in set(sys.modules) - before]
        _keep_what_runs(environment, setup, imported, on_notice)
        _note_wait_times(setup, environment, on_notice)
        no_web_ui: Any = NoWebInterface()
        environment.web_ui = no_web_ui
        fire: Any = environment.events.init.fire
        fire(environment=environment, runner=environment.runner, web_ui=no_web_ui)
    except RefusalError:
        raise
    except (Exception, SystemExit) as error:
        traceback.print_exception(error)  # into the generator's log
        raise refusal_of(path, error) from error
    return environment


def adapt(environment: Environment, setup: Setup) -> None:
    """Configure the environment of a worker on another machine, whose locustfile Locust has loaded.

    Raises:
        RefusalError: The locustfile has nothing to run.
    """
    trust(setup.ca_file)
    environment.parsed_options = parsed_options(setup)
    environment.host = setup.url
    _choose_classes(environment)
    for user_class in environment.user_classes:
        user_class.host = setup.url
    stop_users_without_waiting()
    _keep_what_runs(environment, setup, sys.modules.values())


def _keep_what_runs(
    environment: Environment,
    setup: Setup,
    imported: Iterable[ModuleType],
    on_notice: Callable[[str], None] = lambda _: None,
) -> None:
    """Remove listeners that nobody needs, and tasks and user classes that cannot run."""
    if not reads_statistics(imported):
        remove_locust_listeners(environment.events.request)
    environment._filter_tasks_by_tags()  # noqa: SLF001 - the only way; does it only once
    environment.user_classes[:] = runnable(environment.user_classes, setup, on_notice)


def place(path: Path, error: BaseException) -> str:
    """The line of the locustfile that raised an exception, "path:line"; or the path alone."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f.lineno for f in frames if os.path.realpath(f.filename) == os.path.realpath(path)]
    return f"{path}:{lines[-1]}" if lines else str(path)


def describe(error: BaseException) -> str:
    """An exception and its notes as one line of text."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    if variable := _unset_variable(error):
        text = f"the environment variable {variable} is not set"
    line = f"{type(error).__name__}: {' '.join(text.split())}"[:500].rstrip(": ")
    return ", ".join((line, *getattr(error, "__notes__", ())))


def note_listener_errors(setup: Setup, on_notice: Callable[[str], object]) -> None:
    """Say when a listener of a test's begin or end raises an exception."""

    def tell(name: str, error: Exception) -> None:
        where = place(Path(setup.locustfile), error)
        on_notice(f"a listener of events.{name} raised {describe(error)} ({where})")

    note_exceptions(tell)


def refusal_of(path: Path, error: BaseException) -> RefusalError:
    """The refusal of a locustfile that raised an exception: where, which one, what to do."""
    hint = "Correct the line above."
    if isinstance(error, SystemExit):
        hint = "Remove the call of sys.exit, or what led to it; the generator's log has the output."
    if isinstance(error, ImportError):
        hint = (
            "Install the missing package into the environment that harness runs in; if it is a "
            "module of your own, run harness in the folder that has it."
        )
    if isinstance(error, FileNotFoundError):
        hint = f"Correct the path, or run harness elsewhere: relative paths begin in {Path.cwd()}."
    if variable := _unset_variable(error):
        hint = f"Set {variable} in the environment of harness, e.g. `export {variable}=VALUE`."
    return RefusalError(f"{place(path, error)}: {describe(error)}", hint)


def _unset_variable(error: BaseException) -> str:
    """The environment variable that `os.environ[...]` did not find; empty for another error."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    lookup = type(os.environ).__getitem__.__code__
    if not isinstance(error, KeyError) or last is None or last.tb_frame.f_code is not lookup:
        return ""
    return str(error.args[0])


def _note_wait_times(
    setup: Setup, environment: Environment, on_notice: Callable[[str], None]
) -> None:
    """Say before the load which mix of classes the open model cannot keep."""
    classes = environment.user_classes
    if not isinstance(setup.workload, OpenWorkload) or not have_different_waits(classes):
        return
    shares = zip(classes, class_shares(classes, setup.workload.max_users), strict=True)
    listed = ", ".join(f"{user_class.__name__} {share:.0%}" for user_class, share in shares)
    on_notice(
        "the user classes have different wait times, which the open model does not use: "
        f"arrivals are divided by weight alone ({listed}). Change the weights, or replace "
        "`rate` by `users`"
    )


def _shape(
    setup: Setup, shapes: list[LoadTestShape], on_notice: Callable[[str], None]
) -> LoadTestShape | None:
    """The shape that the scenario names, if it names one."""
    by_name = {type(shape).__name__: shape for shape in shapes}
    names = ", ".join(sorted(by_name))
    match setup.workload:
        case OpenWorkload():
            alternative = "a rate"
        case ClosedWorkload():
            alternative = "a number of users"
        case ShapeWorkload(shape=wanted):
            if wanted not in by_name:
                raise RefusalError(
                    f"{setup.locustfile}: no LoadTestShape named {wanted!r}"
                    + (f"; there is {names}" if names else "; there is none"),
                    "Correct `shape` of the scenario, or define such a class in the locustfile.",
                )
            return by_name[wanted]
        case _:
            assert_never(setup.workload)
    if shapes:
        on_notice(
            f"LoadTestShape {names} of the locustfile is not used: "
            f"the scenario specifies {alternative}"
        )
    return None


def _environment(
    setup: Setup,
    classes: dict[str, type[User]],
    shape: LoadTestShape | None,
    on_notice: Callable[[str], None],
) -> Environment:
    options = parsed_options(setup, on_notice)
    log_level: Any = logging.getLogger()
    log_level.setLevel(options.loglevel)
    for user_class in classes.values():
        user_class.host = setup.url
    available: Any = dict(classes)
    tasks: Any = {name: user_class.tasks for name, user_class in classes.items()}
    environment = Environment(
        user_classes=list(classes.values()),
        shape_class=shape,
        events=locust.events,
        host=setup.url,
        locustfile=Path(setup.locustfile).name,
        parsed_locustfiles=[setup.locustfile],
        parsed_options=options,
        available_user_classes=available,
        available_user_tasks=tasks,
        dispatcher_class=EvenDispatcher,
        profile=options.profile,
    )
    _choose_classes(environment)
    return environment


def _choose_classes(environment: Environment) -> None:
    """Apply the arguments that choose and configure user classes, as `locust` does.

    Raises:
        RefusalError: An argument names a class that the locustfile does not have.
    """
    options: Any = environment.parsed_options
    known = environment.user_classes_by_name
    configs = [config for group in options.config_users or () for config in group]
    named = [*options.user_classes, *(config["user_class_name"] for config in configs)]
    for name in named:
        if name not in known:
            raise RefusalError(
                f"the locustfile has no user class {name!r}",
                f"Choose one of: {', '.join(sorted(known))}.",
            )
    for config in configs:
        environment.update_user_class(config)  # type: ignore[no-untyped-call]
    environment._remove_user_classes_with_weight_zero()  # noqa: SLF001 - ran before these weights
    if options.user_classes:
        environment.user_classes[:] = [known[name] for name in known if name in set(named)]
    if options.equal_weights:
        environment.assign_equal_weights()


def _first(number: int) -> Callable[[logging.LogRecord], bool]:
    """A filter for the first records: a task that always raises must not fill the disk."""
    left = iter(range(number))
    return lambda _: next(left, None) is not None


def remove_locust_listeners(event: Any) -> None:
    """Remove the listeners of Locust's runners from an event."""
    for handler in event._handlers.copy():  # noqa: SLF001 - there is no public access
        if handler.__module__ == runners.__name__:
            event.remove_listener(handler)


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # macOS has a lower limit than `hard`
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
