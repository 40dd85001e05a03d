"""Refuses to run as one of several workers behind one port.

Each worker would have its own registry and a scrape would reach one of them at random: the
counters would jump between the values of the workers. There must be one worker per port, and one
port per scrape target; so `uvicorn --workers 2` and `WEB_CONCURRENCY=2` must not start.

Detection: uvicorn starts workers, and the one child of `--reload`, as children through
`multiprocessing`. Such a child takes a lock that is named after its parent. A second live child
of that parent does not get it. A reloaded child does, since its predecessor is gone. The kernel
frees the lock when its holder dies. Other supervisors (gunicorn forks by itself) are not detected.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import tempfile
from pathlib import Path
from typing import Final, TextIO

from starlette.types import ASGIApp, Receive, Scope, Send

REFUSAL: Final = (
    "several workers share one port: each has its own metrics and a scrape would reach one of"
    " them at random. Run one worker per port (no --workers, no WEB_CONCURRENCY) and scrape each."
)


class OneWorker:
    """ASGI middleware that fails the start-up of a second worker; requests pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._lock: TextIO | None = None  # held as long as the process lives

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer `lifespan.startup` with a failure, which ends uvicorn with its exit code 3."""
        if scope["type"] == "lifespan" and not self._is_only_worker():
            await receive()
            await send({"type": "lifespan.startup.failed", "message": REFUSAL})
            return
        await self._app(scope, receive, send)

    def _is_only_worker(self) -> bool:
        parent = multiprocessing.parent_process()
        if parent is None or self._lock is not None:
            return True
        self._lock = take_lock(Path(tempfile.gettempdir()) / f"workers-{os.getuid()}-{parent.pid}")
        return self._lock is not None


def take_lock(path: Path) -> TextIO | None:
    """An exclusive lock on `path` until the returned file is closed; None when another has it."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
