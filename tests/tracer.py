"""Where coverage's tracer of lines runs: it doubles or triples the CPU time of a test.

Other tests run the same lines as a test that is marked `slow`, that is marked `untraced`, or that
tries many examples. Such a test runs without the tracer; without `--cov` there is none. The tests
of some folders all start generators or services: only those marked `traced` run with the tracer.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from coverage import Coverage

WITHOUT = ("slow", "untraced", "hypothesis")  # hypothesis marks its tests itself
TESTS = Path(__file__).parent
FEW_TRACED = {TESTS / "integration" / "load", TESTS / "integration" / "services"}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Trace what tests import in the first worker only: all workers import the same."""
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        return (yield)
    with _untraced():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test, its fixtures and the processes that it starts without the tracer."""
    if _traced(item):
        return (yield)
    with _untraced():
        return (yield)


@contextmanager
def _untraced() -> Iterator[None]:
    config = os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
    stopped = []
    while (coverage := Coverage.current()) is not None:  # a worker has that of its start as well
        coverage.stop()
        stopped.append(coverage)
    try:
        yield
    finally:
        for coverage in reversed(stopped):
            coverage.start()
        if config is not None:
            os.environ["COVERAGE_PROCESS_CONFIG"] = config


def _traced(item: pytest.Item) -> bool:
    if any(item.get_closest_marker(name) for name in WITHOUT):
        return False
    return FEW_TRACED.isdisjoint(item.path.parents) or bool(item.get_closest_marker("traced"))
