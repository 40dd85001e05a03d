"""Inside the generator: options of Locust's command line, and which of them the harness sets.

Locust's parser also has the options that the locustfile adds (`events.init_command_line_parser`).
Their values come from the arguments after `--`, from their environment variables, or are defaults.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, NoReturn, assert_never

from locust.argument_parser import get_empty_argument_parser, get_parser, setup_parser_arguments

from harness.budgets.workload import ClosedWorkload, OpenWorkload, ShapeWorkload, Workload
from harness.load.child.locustfile.refusal import RefusalError
from harness.load.protocol.frames import Setup
from harness.load.user_ramp import spawn_rate, steps_of

_ARGUMENTS = "pass the arguments of the locustfile after `--`: harness run -- --my-option VALUE"
_UNKNOWN = "unrecognized arguments: "
_WEB = "the harness has no web interface"
_WORKERS = "use `harness run --workers` or `--expect-workers`"
_RESULTS = "the run folder has the results"
_LOG = "the run folder has the log"
# What replaces an option of Locust; options that are not listed are passed to Locust.
_INSTEAD: dict[str, str] = {
    "locustfile": "use `locustfile` of the scenario",
    "config": _ARGUMENTS,
    "host": "use `url` of the target, or `harness run --url`",
    "num_users": "use `users` of the scenario, or `harness run --users`",
    "spawn_rate": "use `spawn_rate` of the scenario's workload",
    "run_time": "use `duration` of the scenario, or `harness run --duration`",
    "tags": "use `tags` of the scenario",
    "exclude_tags": "use `exclude_tags` of the scenario",
    "stop_timeout": "use `drain` of the scenario",
    "exit_code_on_error": "use a budget on the error ratio",
    "otel": "use `trace_ratio` of the scenario",
    "list_commands": "use `harness lint`",
    "show_task_ratio": _RESULTS,
    "show_task_ratio_json": _RESULTS,
    "help": "use `harness run --help`",
    "version": "use `harness --version`",
    "skip_log_setup": _LOG,
    "logfile": _LOG,
    **dict.fromkeys(("headless", "headful", "autostart", "autoquit", "class_picker"), _WEB),
    **dict.fromkeys(("web_host", "web_host_display_name", "web_port", "web_auth"), _WEB),
    **dict.fromkeys(("web_login", "web_base_path", "tls_cert", "tls_key"), _WEB),
    **dict.fromkeys(("build_path", "legacy_ui"), _WEB),
    **dict.fromkeys(("master", "master_bind_host", "master_bind_port"), _WORKERS),
    **dict.fromkeys(("expect_workers", "expect_workers_max_wait", "expect_slaves"), _WORKERS),
    **dict.fromkeys(("enable_rebalancing", "worker", "processes", "slave"), _WORKERS),
    **dict.fromkeys(("master_host", "master_port"), _WORKERS),
    **dict.fromkeys(("csv_prefix", "stats_history_enabled", "print_stats"), _RESULTS),
    **dict.fromkeys(("only_summary", "reset_stats", "html_file", "json", "json_file"), _RESULTS),
}


class _Refused(argparse.Action):
    """An option that the harness sets."""

    def __init__(self, option_strings: list[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs="*")

    def __call__(self, *given: Any) -> None:
        raise RefusalError(
            f"{given[-1]} of Locust cannot be passed to the locustfile: the harness sets it",
            f"{_INSTEAD[self.dest].capitalize()}.",
        )


def parsed_options(setup: Setup, on_notice: Callable[[str], None] = lambda _: None) -> Any:
    """The options of Locust and of the locustfile, as `environment.parsed_options` has them.

    Args:
        setup: The load and the arguments.
        on_notice: Called with the environment variables that have no effect.

    Raises:
        RefusalError: An argument is unknown, missing or set by the harness.
    """
    parser: Any = get_parser(default_config_files=())
    unused = _refuse_own(parser)
    parser.error = _failure(setup, parser)
    options = parser.parse_args(list(setup.arguments), env_vars=dict(os.environ))
    if unused:
        on_notice(f"environment variables without effect: {'; '.join(unused)}")
    options.headless, options.locustfile, options.host = True, setup.locustfile, setup.url
    options.tags, options.exclude_tags = list(setup.tags) or None, list(setup.exclude_tags) or None
    options.run_time = round(setup.seconds) or None
    options.num_users, options.spawn_rate = users_and_rate(setup.workload)
    return options


def users_and_rate(workload: Workload) -> tuple[int | None, float | None]:
    """The highest number of users of a workload, and how many of them start per second.

    Both are None for a load shape.
    """
    match workload:
        case OpenWorkload(max_users=users):
            return users, spawn_rate(users)
        case ClosedWorkload():
            steps = steps_of(workload)
            return max(step.users for step in steps), max(step.rate for step in steps)
        case ShapeWorkload():
            return None, None
        case _:
            assert_never(workload)


def variables_of_locust() -> list[str]:
    """The environment variables of the options that the harness sets."""
    return [
        action.env_var
        for action in _stock_options()
        if action.dest in _INSTEAD and getattr(action, "env_var", None)
    ]


def _stock_options() -> list[Any]:
    parser: Any = get_empty_argument_parser(default_config_files=())
    add_options: Any = setup_parser_arguments
    add_options(parser)
    return list(parser._actions)  # noqa: SLF001 - argparse has no public access to its options


def _refuse_own(parser: Any) -> list[str]:
    """Refuse options that the harness sets; returns their environment variables that are set."""
    of_locust = {option for action in _stock_options() for option in action.option_strings}
    unused = []
    for action in parser._actions:  # noqa: SLF001
        if action.dest not in _INSTEAD or not of_locust.issuperset(action.option_strings):
            continue
        variable = getattr(action, "env_var", None)
        if variable and variable in os.environ:
            unused.append(f"{variable} ({_INSTEAD[action.dest]})")
        action.env_var, action.is_config_file_arg = None, False
        refused = _Refused(action.option_strings, action.dest)
        for option in action.option_strings:
            parser._option_string_actions[option] = refused  # noqa: SLF001
    return unused


def _failure(setup: Setup, parser: Any) -> Callable[[str], NoReturn]:
    def fail(message: str) -> NoReturn:
        message = " ".join(message.split())
        if re.match("the following arguments are required", message):
            known = [(a.env_var, a.option_strings) for a in parser._actions if a.required]  # noqa: SLF001
            names = [name for name, options in known if name and options]
            variables = f", or set {', '.join(names)} in the environment" if names else ""
            hint = f"{_ARGUMENTS[0].upper()}{_ARGUMENTS[1:]}{variables}."
        else:
            hint = _known_options(parser, message.partition(_UNKNOWN)[2].split(" ")[0])
        raise RefusalError(f"{setup.locustfile}: {message}", hint)

    return fail


def _known_options(parser: Any, unknown: str) -> str:
    """A hint: the options that the locustfile adds, and where those of the harness stand.

    Args:
        parser: With the options of Locust and of the locustfile.
        unknown: The first argument that neither of them has; empty if they have all of them.
    """
    of_locust = {option for action in _stock_options() for option in action.option_strings}
    added = [
        action.option_strings[-1]
        for action in parser._actions  # noqa: SLF001
        if action.option_strings and not of_locust.issuperset(action.option_strings)
    ]
    close = get_close_matches(unknown.partition("=")[0], added, n=1)
    meant = f"Did you mean {close[0]}? " if close else ""
    listed = (
        f"The locustfile adds {', '.join(added)}"
        if added
        else "The locustfile adds no options (a listener of `events.init_command_line_parser` can)"
    )
    return f"{meant}{listed}. Options of harness stand before `--`."
