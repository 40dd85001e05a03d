"""A plugin of coverage that keeps its tracer from an endless loop of Python 3.11.

Coverage's tracer has a weak dictionary with a key for each greenlet. A thread's first greenlet is
deleted after the end of the thread, in a pending call, which calls the dictionary's `remove`.
Before the first line of a traced function, Python 3.11 handles pending calls as long as there are
any, and within a pending call it handles none. So when a second thread ends at this moment, the
process stays there for ever. The first greenlets of all threads share a key that lives on: each
thread has a tracer of its own.
"""

from __future__ import annotations

from typing import Any

import greenlet
from coverage.collector import Collector


class _First:
    """Stands for the first greenlet of a thread."""


_FIRST = _First()


def _current(getcurrent: Any = greenlet.getcurrent, first: _First = _FIRST) -> object:
    one = getcurrent()
    return first if one.parent is None else one


def coverage_init(_registry: object, _options: object) -> None:
    """Called by coverage before it starts."""
    collector: Any = Collector
    start = collector._start_tracer
    if hasattr(start, "keeps_first"):
        return

    def start_tracer(self: Any) -> Any:
        if self.concur_id_func is greenlet.getcurrent:
            self.concur_id_func = _current
        return start(self)

    start_tracer.keeps_first = True  # type: ignore[attr-defined]
    collector._start_tracer = start_tracer
