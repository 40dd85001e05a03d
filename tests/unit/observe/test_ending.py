"""How the command of a service ended, in words."""

import signal

import pytest

from harness.observe.target import ending


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "exit code 0"),
        (3, "exit code 3"),
        (-signal.SIGKILL, "signal SIGKILL"),
        (-signal.SIGRTMIN, "signal SIGRTMIN"),
        (-(signal.SIGRTMIN + 1), "signal SIGRTMIN+1"),  # Python has no name for these two
        (-(signal.SIGRTMIN - 1), "signal SIGRTMIN-1"),
    ],
)
def test_ending_is_said_for_each_code(code: int, text: str) -> None:
    assert ending(code) == text
