"""Waking up at a moment, to a tenth of a millisecond, inside gevent's loop.

libev hands epoll its time-outs rounded up to whole milliseconds, so `gevent.sleep` wakes 0.6 ms
late on average, which the open model would add to every latency. Linux's timerfd does not round:
measured, half of the wake-ups come within 0.1 ms. Elsewhere `gevent.sleep` is used.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time

import gevent

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1  # TFD_TIMER_ABSTIME


class _Timer(ctypes.Structure):
    """`struct itimerspec`: repeat after, first at."""

    _fields_ = (
        ("repeat_seconds", ctypes.c_long),
        ("repeat_nanoseconds", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("nanoseconds", ctypes.c_long),
    )


class Alarm:
    """Waits until moments of the monotonic clock; for one greenlet."""

    def __init__(self) -> None:
        self._watcher = None
        if sys.platform == "linux":
            self._libc = ctypes.CDLL(None)
            self._fd = self._libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
            if self._fd >= 0:
                self._watcher = gevent.get_hub().loop.io(self._fd, 1)

    def wait_until(self, moment: float) -> None:
        """Return at `moment`; when it has passed, once the other greenlets had their turn."""
        left = moment - time.monotonic()
        if left <= 0 or self._watcher is None:
            gevent.sleep(max(0.0, left))
            return
        seconds, nanoseconds = divmod(int(moment * 1e9), 10**9)
        timer = _Timer(0, 0, seconds, nanoseconds)
        self._libc.timerfd_settime(self._fd, _ABSOLUTE, ctypes.byref(timer), None)
        gevent.get_hub().wait(self._watcher)
