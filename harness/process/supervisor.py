"""Runs a command that ends with the harness, however the harness ends.

Run as a script between the harness and a command that it starts:
`supervisor.py FD PASS_FDS -- ARGV`. The command gets a process group of its own. The supervisor
ends that whole group when the harness orders it, when the first process of the command ends, or
when the harness ends: the control socket then reads end-of-file, even after a SIGKILL. Only the
standard library is imported, so that the supervisor starts in a few milliseconds.

The socket carries one byte commands in (`T` for SIGTERM, `K` for SIGKILL) and JSON lines out:
`{"pid": 1}`, then `{"exit": 0}`; or `{"error": [2, "No such file or directory"]}`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress

ORPHAN_GRACE = 3.0  # seconds between TERM and KILL when the harness has ended
SIGNALS = {b"T": signal.SIGTERM, b"K": signal.SIGKILL}


def main(arguments: list[str]) -> None:
    """Start the command, report its pid, and watch the command and the harness.

    Args:
        arguments: FD PASS_FDS -- ARGV, as in the docstring of this module.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would hide how the command ends
    control = socket.socket(fileno=int(arguments[0]))
    pass_fds = [int(fd) for fd in arguments[1].split(",") if fd]
    try:
        command = subprocess.Popen(arguments[3:], pass_fds=pass_fds, process_group=0)  # noqa: S603
    except OSError as error:
        _send(control, {"error": [error.errno, error.strerror]})
        return
    # The harness decides what Ctrl-C and a hang-up do.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for fd in pass_fds:  # only the command may hold these, or their end-of-file never comes
        os.close(fd)
    _send(control, {"pid": command.pid})
    ended = threading.Event()
    threading.Thread(target=_watch_harness, args=(control, command.pid, ended), daemon=True).start()
    if hasattr(os, "waitid"):
        # A zombie until the group is dead, so that no other process can get its number meanwhile.
        os.waitid(os.P_PID, command.pid, os.WEXITED | os.WNOWAIT)
    else:  # macOS before Python 3.13: only a group without processes gives its number away
        command.wait()
    ended.set()
    _signal_group(command.pid, signal.SIGKILL)
    _send(control, {"exit": command.wait()})


def _watch_harness(control: socket.socket, group: int, ended: threading.Event) -> None:
    with suppress(OSError):
        while order := control.recv(1):
            _signal_group(group, SIGNALS[order])
    _signal_group(group, signal.SIGTERM)
    if not ended.wait(ORPHAN_GRACE):
        _signal_group(group, signal.SIGKILL)


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _send(control: socket.socket, message: dict[str, object]) -> None:
    with suppress(OSError):
        control.sendall(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1:])
