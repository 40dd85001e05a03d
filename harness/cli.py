"""The command line: parse, dispatch, exit.

Only the module of the given command is imported, so that `harness --help` is fast.
"""

from __future__ import annotations

import argparse
import atexit
import errno
import gc
import inspect
import re
import signal
import sys
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Final, NoReturn

from harness.commands.parts.outputs import (
    flush,
    open_streams,
    print_error,
    print_traceback,
    write,
)
from harness.errors import (
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    HarnessError,
    UsageError,
)

COMMANDS: Final = {
    "init": "write budgets.yaml and a locustfile for a service",
    "run": "start the service, load it, judge its budgets, report",
    "worker": "generate load for a run on another machine",
    "check": "judge a stored run again, without load",
    "diagnose": "explain the breaches of a stored run",
    "report": "write the HTML report of a stored run",
    "compare": "load two versions alternately and find regressions",
    "calibrate": "measure the noise and the minimum detectable regressions",
    "capacity": "find the highest rate at which every budget holds",
    "lint": "validate budgets.yaml without load",
    "selftest": "plant mistakes and check that budgets breach",
    "history": "show the runs of a folder and the trend of each budget",
    "export": "write results in the format of another tool",
    "backfill": "load a stored run into Prometheus",
    "render": "write dashboards, alerts and their tests from budgets.yaml",
}
# They pass the arguments after -- to the locustfile.
TAKE_ARGUMENTS: Final = ("run", "compare", "calibrate", "selftest", "capacity")
_ARGUMENTS: Final = """\
arguments after `--` are for the options that the locustfile adds:
  -- --my-option VALUE

"""
EXIT_CODES: Final = """\
exit codes:
  0 pass (warnings allowed)   2 bad usage, budgets or scenario   4 inconclusive
  1 internal error            3 a budget is breached             130 interrupted
"""


# A path of the command line in a folder that is closed to this user, or longer than paths may be.
_UNUSABLE: Final = {errno.EACCES, errno.ENAMETOOLONG}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code.

    Args:
        arguments: The command line without the program's name; None is `sys.argv`.
    """
    # The last collection of the interpreter takes 0.15 s after a run, and frees what ends anyway.
    atexit.register(gc.freeze)
    open_streams()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as INT, in every phase
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would hide how git and others end
    given = sys.argv[1:] if arguments is None else arguments
    try:
        sys.exit(_run(given))
    finally:
        flush()


def _run(given: Sequence[str]) -> int:
    """Run a command; returns its exit code."""
    try:
        given, arguments = _split(given)
        options = parser(given[:1]).parse_args(given)
        options.locustfile_arguments = arguments
        return int(options.command(options))
    except HarnessError as error:
        print_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001  a crash must not look like a regression
        if not isinstance(error, OSError) or error.errno not in _UNUSABLE or not error.filename:
            print_traceback()
            return EXIT_INTERNAL
        print_error(UsageError(f"cannot use {error.filename}: {error.strerror}"))
        return EXIT_USAGE


def _split(given: Sequence[str]) -> tuple[Sequence[str], tuple[str, ...]]:
    """The options of the command, and after `--` the arguments of its locustfile."""
    if given[:1] and given[0] in TAKE_ARGUMENTS and "--" in given:
        at = list(given).index("--")
        return given[:at], tuple(given[at + 1 :])
    return given, ()


def parser(commands: Collection[str]) -> argparse.ArgumentParser:
    """The parser of the command line.

    Args:
        commands: Names of the commands whose options are needed; their modules are imported. The
            other commands have only a name and a summary.
    """
    parser = _Parser(
        prog="harness",
        description="Load-test an HTTP service and judge it by the budgets in budgets.yaml.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        subparser = subparsers.add_parser(
            name,
            help=summary,
            epilog=(_ARGUMENTS if name in TAKE_ARGUMENTS else "") + EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in commands:
            module = import_module(f"harness.commands.{name}")
            command = getattr(module, name)
            subparser.description = (inspect.getdoc(command) or "").partition("\n\n")[0]
            subparser.set_defaults(command=command)
            module.add_options(subparser)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser whose errors look like those of the commands, without the list of all options."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        if match := re.match(r"argument COMMAND: invalid choice: '(.*?)' ", message):
            message = f"there is no command {match[1]!r}"
            close = get_close_matches(match[1], COMMANDS, n=1)
            meant = f"did you mean `{close[0]}`? " if close else ""
            raise UsageError(message, f"{meant}`harness --help` lists the commands")
        if message.startswith("unrecognized arguments"):
            hint = f"`{self.prog} COMMAND --help` lists the options of a command"
            if "--scenario" in message:
                hint = f"the scenario needs no option: {self.prog} COMMAND NAME"
            raise UsageError(message, hint)
        what = "commands" if self.prog == "harness" else "options"
        raise UsageError(message, f"`{self.prog} --help` lists the {what}")


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        write(f"harness {version('harness')}\n")
        parser.exit()
