"""The supervisor of a command: also without `waitid`, as on macOS before Python 3.13."""

import json
import socket
import subprocess
import sys

import pytest

from harness.process import supervisor

RUN = "import os, runpy, sys; {}; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
LEAVES_A_CHILD = "sleep 60 & exit 7"


# As some programs leave it to those that they start: the system then forgets exit codes.
IGNORED = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)"


@pytest.mark.parametrize(
    "before",
    ["pass", "del os.waitid", IGNORED, f"{IGNORED}; del os.waitid"],
    ids=["waitid", "no waitid", "ignored children", "ignored children, no waitid"],
)
def test_end_of_the_command_ends_its_group_and_is_reported(before: str) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            command = [supervisor.__file__, str(theirs.fileno()), "", "--", "sh", "-c"]
            result = subprocess.run(
                [sys.executable, "-c", RUN.format(before), *command, LEAVES_A_CHILD],
                pass_fds=[theirs.fileno()],
                stdout=subprocess.PIPE,  # ends when the last process of the group has ended
                timeout=120,
                check=True,
            )
        with ours.makefile() as lines:
            first, last = lines.read().splitlines()
    assert result.stdout == b""
    assert json.loads(first)["pid"] > 0
    assert json.loads(last) == {"exit": 7}
