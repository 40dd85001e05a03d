"""What would hold up the first requests or the loop is done before the load begins."""

from __future__ import annotations

import fcntl
import gc
import os
import resource

import gevent.socket

from harness.load.child.locustfile import OPEN_FILES


def preallocate() -> None:
    """Take the pauses now that a process takes once; call it when everything is loaded.

    Measured: a loop was blocked for 10 ms when the kernel grew the table of descriptors past 64 in
    a process with threads; gevent imports its resolver, 6 ms, at the first connection; a full
    garbage collection with Locust in memory takes 40 ms, of which `freeze` leaves nothing.
    """
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    highest = (OPEN_FILES if limit == resource.RLIM_INFINITY else min(limit, OPEN_FILES)) - 1
    # Before the resolver's thread: a process without threads does not wait.
    with open(os.devnull, "rb") as anything:  # noqa: PTH123
        os.close(fcntl.fcntl(anything, fcntl.F_DUPFD, highest))
    gevent.socket.getaddrinfo("127.0.0.1", 80)
    gc.collect()
    gc.freeze()
