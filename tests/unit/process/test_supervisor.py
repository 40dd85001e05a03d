"""The supervisor of a command where the system lacks `waitid`, as macOS before Python 3.13."""

import json
import socket
import subprocess
import sys

import pytest

from harness.process import supervisor

RUN = "import os, runpy, sys; {}; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
LEAVES_A_CHILD = "sleep 60 & exit 7"


@pytest.mark.parametrize("lacking", ["pass", "del os.waitid"], ids=["waitid", "no waitid"])
def test_end_of_the_command_ends_its_group_and_is_reported(lacking: str) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            command = [supervisor.__file__, str(theirs.fileno()), "", "--", "sh", "-c"]
            result = subprocess.run(
                [sys.executable, "-c", RUN.format(lacking), *command, LEAVES_A_CHILD],
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
