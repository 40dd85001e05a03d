"""What coverage's tracer takes for the current greenlet; tests/coverage_plugin.py says why."""

import threading
import tomllib
from pathlib import Path

from coverage.collector import Collector
from greenlet import greenlet

from tests.coverage_plugin import _current, coverage_init


def test_first_greenlets_of_all_threads_are_one_and_others_themselves() -> None:
    found: list[object] = [_current()]
    thread = threading.Thread(target=lambda: found.append(_current()))
    thread.start()
    thread.join()
    assert found[0] is found[1]
    one = greenlet(_current)
    assert one.switch() is one


def test_the_plugin_is_used_and_set_once() -> None:
    configuration = tomllib.loads(Path("pyproject.toml").read_text())
    assert configuration["tool"]["coverage"]["run"]["plugins"] == ["tests.coverage_plugin"]
    coverage_init(None, None)
    once = Collector._start_tracer
    coverage_init(None, None)
    assert Collector._start_tracer is once
