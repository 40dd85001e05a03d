"""A timer inside gevent's loop that is exact to a tenth of a millisecond.

libev rounds time-outs up to whole milliseconds, so `gevent.sleep` wakes 0.6 ms late on average,
which the open model would add to every latency. The timerfd of Linux does not round: measured, half
of the wake-ups come within 0.1 ms. On other systems a timer of libev is used.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from gevent import get_hub

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1  # TFD_TIMER_ABSTIME
_READABLE = 1


class _Timer(ctypes.Structure):
    """`struct itimerspec`: the interval, and the first expiration; zero disarms the timer."""

    _fields_ = (
        ("repeat_seconds", ctypes.c_long),
        ("repeat_nanoseconds", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("nanoseconds", ctypes.c_long),
    )


class Alarm:
    """Calls a function at a time of the monotonic clock, in the hub: it must not wait.

    Args:
        on_time: The function. It may set the alarm again.
    """

    def __init__(self, on_time: Callable[[], None]) -> None:
        self._on_time = on_time
        self._is_set = False
        self._loop = get_hub().loop
        self._fd = -1
        self._timer: Any = None
        if sys.platform == "linux":
            libc = ctypes.PyDLL(None)  # keeps the interpreter's lock: the calls never block
            self._fd = libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd >= 0:
            self._timer = _Timer()
            self._settime: Any = libc.timerfd_settime
            self._arguments = (self._fd, _ABSOLUTE, ctypes.byref(self._timer), None)
            # Watched permanently: starting and stopping it costs two system calls per wait.
            self._watcher = self._loop.io(self._fd, _READABLE)
            self._watcher.start(self._ring)

    def set(self, moment: float) -> None:
        """Ring at time `moment` only; if it has passed, after the other greenlets have run."""
        self._is_set = True
        if self._fd >= 0:
            self._timer.seconds = int(moment)
            self._timer.nanoseconds = max(1, int(moment % 1 * 1e9))
            self._settime(*self._arguments)
        else:
            self._end_timer()
            self._timer = self._loop.timer(max(0.0, moment - time.monotonic()))
            self._timer.start(self._ring, update=True)

    def stop(self) -> None:
        """Do not ring."""
        self._is_set = False
        if self._fd >= 0:
            self._timer.seconds = self._timer.nanoseconds = 0
            self._settime(*self._arguments)  # then it is not readable, too
        else:
            self._end_timer()

    def _ring(self) -> None:
        self._is_set = False
        try:
            self._on_time()
        finally:
            if not self._is_set:
                self.stop()

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.close()
            self._timer = None
