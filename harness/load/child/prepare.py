"""Inside the generator: work that would delay the first requests, done before the load begins."""

from __future__ import annotations

import fcntl
import gc
import os
import resource
from contextlib import suppress

import gevent.socket

from harness.load.child.locustfile.load import OPEN_FILES


def preallocate() -> None:
    """Cause the pauses that occur once per process; to be called when everything is loaded.

    Measured: a loop was blocked for 10 ms when the kernel enlarged the table of descriptors past 64
    in a process with threads; gevent imports its resolver at the first connection, 6 ms; a full
    garbage collection with Locust in memory takes 40 ms, and almost none after `freeze`.
    """
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    highest = (OPEN_FILES if limit == resource.RLIM_INFINITY else min(limit, OPEN_FILES)) - 1
    # Before the thread of the resolver starts: a process without threads is not blocked.
    with open(os.devnull, "rb") as file, suppress(OSError):  # noqa: PTH123
        os.close(fcntl.fcntl(file, fcntl.F_DUPFD, highest))
    gevent.socket.getaddrinfo("127.0.0.1", 80)
    gc.collect()
    gc.freeze()
