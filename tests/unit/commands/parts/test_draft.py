"""The error of a service of which no operation can be called."""

import pytest

from harness.commands.parts.draft import nothing_called
from harness.init.model import Selection, Skipped

OUTPUT = "\nIts last output:\n    KeyError: 'secret'"


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("it answered 500", True),
        ("it answered 503", True),
        ("it answered 404 to the example", False),
    ],
)
def test_output_of_a_service_that_answers_5xx_is_shown(reason: str, shown: bool) -> None:
    error = nothing_called(Selection((), (Skipped("GET /a", reason),), "x"), OUTPUT)
    assert error.message.startswith(f"no operation can be called:\n  {reason}:\n      GET /a")
    assert error.message.endswith(OUTPUT) is shown
