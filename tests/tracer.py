"""Where coverage's tracer of lines runs: it doubles or triples the CPU time of a test.

Other tests run the same lines as a test that is marked `slow`, that is marked `untraced`, that
tries many examples, or that is a further case of a test with many parameters. Such a test runs
without the tracer; without `--cov` there is none. The tests of some folders all start generators,
services or browsers: only those marked `traced` run with the tracer.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from coverage import Coverage

WITHOUT = ("slow", "untraced", "hypothesis")  # hypothesis marks its tests itself
TESTS = Path(__file__).parent
FEW_TRACED = {
    TESTS / "integration" / "load",
    TESTS / "integration" / "report",
    TESTS / "integration" / "services",
}
CASES = 10  # of a test with many parameters, that run with the tracer


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Trace what tests import in the first worker only: all workers import the same."""
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        return (yield)
    with _untraced():
        return (yield)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the cases of a test with many parameters that run without the tracer."""
    cases: Counter[str] = Counter()
    for item in items:
        test = item.nodeid.partition("[")[0]
        cases[test] += 1
        if cases[test] > CASES and not item.get_closest_marker("traced"):
            item.add_marker("untraced")


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
