"""The tests that coverage does not trace; these show it where tests run with `--cov`."""

import os
import sys

import pytest
from coverage import Coverage


@pytest.mark.untraced
def test_marked_test_runs_without_the_tracer() -> None:
    assert Coverage.current() is None
    assert sys.gettrace() is None
    assert "COVERAGE_PROCESS_CONFIG" not in os.environ


def test_next_test_is_traced_again() -> None:
    traced = "COVERAGE_PROCESS_CONFIG" in os.environ
    assert (Coverage.current() is not None) == (sys.gettrace() is not None) == traced
