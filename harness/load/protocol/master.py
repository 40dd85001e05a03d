"""The pool of workers on other machines that a master waits for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

RUN_ID: Final = "HARNESS_RUN_ID"  # environment variable of a worker
CHANNEL: Final = "harness"  # type of the Locust messages that carry frames


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """Workers that connect to the master.

    Attributes:
        host: Address that the master binds to.
        port: Port of the master; 0 chooses a free one.
        workers: Number of workers; further ones are rejected.
        run_id: Identifier of the run; each worker must send it.
        when_lost: `stop` ends the run as inconclusive when a worker is lost, `continue` goes on
            with the remaining workers.
        timeout: Longest wait until all workers have joined, seconds.
    """

    host: str
    port: int
    workers: int
    run_id: str
    when_lost: Literal["stop", "continue"] = "stop"
    timeout: float = 120.0
