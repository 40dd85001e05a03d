"""Keeps a command for as long as the harness lives, and not a moment longer.

Run as a script between the harness and a command that it starts:
`supervisor.py FD PASS_FDS -- ARGV`. The command gets a process group of its own. The supervisor
ends that whole group when the harness asks for it, when the command's first process ends, or when
the harness is gone: the control socket then reads end-of-file, which also a SIGKILL of the harness
cannot prevent. Only the standard library is imported, so that it starts in a few milliseconds.

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

ORPHAN_GRACE = 3.0  # seconds between TERM and KILL when the harness is gone
SIGNALS = {b"T": signal.SIGTERM, b"K": signal.SIGKILL}


def main(arguments: list[str]) -> None:
    """Start the command, report its pid, and watch both it and the harness."""
    control = socket.socket(fileno=int(arguments[0]))
    pass_fds = [int(fd) for fd in arguments[1].split(",") if fd]
    try:
        command = subprocess.Popen(arguments[3:], pass_fds=pass_fds, process_group=0)  # noqa: S603
    except OSError as error:
        _tell(control, {"error": [error.errno, error.strerror]})
        return
    # Ctrl-C and a hang-up are for the harness to decide about.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for fd in pass_fds:  # the command alone must hold these, or nobody sees their end-of-file
        os.close(fd)
    _tell(control, {"pid": command.pid})
    ended = threading.Event()
    threading.Thread(target=_watch_harness, args=(control, command.pid, ended), daemon=True).start()
    # Left as a zombie until the group is dead, so that its number cannot be another's by then.
    os.waitid(os.P_PID, command.pid, os.WEXITED | os.WNOWAIT)
    ended.set()
    _signal_group(command.pid, signal.SIGKILL)
    _tell(control, {"exit": command.wait()})


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


def _tell(control: socket.socket, message: dict[str, object]) -> None:
    with suppress(OSError):
        control.sendall(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1:])
