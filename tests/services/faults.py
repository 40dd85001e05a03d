"""Faults that a test plants in a service through its environment."""

import os
import threading
import time

ITEMS = [{"id": number, "name": f"item {number}"} for number in range(1, 21)]

_calls = 0
_lock = threading.Lock()


def pause() -> None:
    """Sleep for SLEEP_MS milliseconds, default 0."""
    time.sleep(pause_time())


def pause_time() -> float:
    """SLEEP_MS in seconds, default 0."""
    return float(os.environ.get("SLEEP_MS", "0")) / 1000


def fail_sometimes() -> None:
    """Raise for the share ERROR_SHARE of the calls, default 0, at equal distances.

    Raises:
        RuntimeError: This call is one that fails.
    """
    global _calls  # noqa: PLW0603 - the count of this process
    share = float(os.environ.get("ERROR_SHARE", "0"))
    with _lock:
        _calls += 1
        fails = int(_calls * share) > int((_calls - 1) * share)
    if fails:
        raise RuntimeError("planted error")
