"""`harness run` in a child process, for a caller without an event loop."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from harness.errors import EXIT_INTERNAL
from harness.process import supervisor

# Of the tests, not of the service: with the tracer of coverage, a service takes twice the time.
_OF_TESTS = ("COV_CORE_", "COVERAGE_PROCESS_", "PYTEST_")


def run_harness(arguments: Sequence[str], directory: Path, output: Path) -> int:
    """Run a command of the harness to its end.

    The command runs under a supervisor, so that it ends with this process. Ctrl-C ends it, and the
    partial run is stored.

    Args:
        arguments: Of the command line.
        directory: Its working directory.
        output: File for what it prints.

    Returns:
        The exit code.

    Raises:
        KeyboardInterrupt: It was interrupted, and has ended.
    """
    control, of_supervisor = socket.socketpair()
    # -P: a folder `harness` or `rich` beside budgets.yaml must not hide the package.
    argv = (sys.executable, "-P", "-m", "harness", *arguments)
    own = (sys.executable, "-I", "-S", supervisor.__file__, str(of_supervisor.fileno()), "")
    with output.open("wb") as log, control, of_supervisor:
        process = subprocess.Popen(  # noqa: S603
            [*own, "--", *argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=directory,
            env=environment(os.environ),
            pass_fds=[of_supervisor.fileno()],
            start_new_session=True,
        )
        of_supervisor.close()
        with control.makefile("rb") as lines:
            try:
                return _exit_code(lines)
            except KeyboardInterrupt:
                # The first Ctrl-C stores the partial run; a second one ends the command at once.
                with suppress(OSError):
                    control.sendall(b"T")
                _exit_code(lines)
                raise
            finally:
                with suppress(OSError):
                    control.shutdown(socket.SHUT_RDWR)  # ends the command if it still runs
                process.wait()


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of the command: without the variables of pytest and coverage."""
    return {name: value for name, value in inherited.items() if not name.startswith(_OF_TESTS)}


def _exit_code(lines: IO[bytes]) -> int:
    """Read the supervisor's messages up to the end of the command."""
    for line in lines:
        message = json.loads(line)
        if "exit" in message:
            return int(message["exit"])
    return EXIT_INTERNAL  # the supervisor was killed
