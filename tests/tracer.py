"""Where coverage's tracer of lines runs: it doubles or triples the CPU time of a test.

Other tests run the same lines as a test that is marked `slow`, that is marked `untraced`, or that
tries many examples. Such a test runs without the tracer; without `--cov` there is none.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from coverage import Coverage

WITHOUT = ("slow", "untraced", "hypothesis")  # hypothesis marks its tests itself


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test, its fixtures and the processes that it starts without the tracer."""
    if not any(item.get_closest_marker(name) for name in WITHOUT):
        return (yield)
    config = os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
    stopped = []
    while (coverage := Coverage.current()) is not None:  # a worker has that of its start as well
        coverage.stop()
        stopped.append(coverage)
    try:
        return (yield)
    finally:
        for coverage in reversed(stopped):
            coverage.start()
        if config is not None:
            os.environ["COVERAGE_PROCESS_CONFIG"] = config
