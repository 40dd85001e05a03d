"""The pool of workers on other machines that a master waits for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

RUN_ID: Final = "HARNESS_RUN_ID"  # environment variable of a worker
MASTER_PORT: Final = 5557  # as of Locust's masters
MAX_LOCUSTFILE: Final = 3 * 2**20  # bytes; with the bundle below authentication.MAX_MESSAGE
CHANNEL: Final = "harness"  # type of the Locust messages that carry frames


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """Workers that connect to the master.

    Attributes:
        host: Address that the master binds to.
        port: Port of the master; 0 chooses a free one.
        workers: Number of workers; further ones are rejected.
        run_id: Identifier of the run; each worker must send it.
        secret: The shared secret; without it no connection is accepted.
        secret_file: Its file, for the command that starts a worker; empty if there is none.
        when_lost: `stop` ends the run as inconclusive when a worker is lost, `continue` goes on
            with the remaining workers.
        timeout: Longest wait until all workers have joined, seconds.
        same_clock: Whether the workers are processes of this machine, which have the master's
            monotonic clock.
    """

    host: str
    port: int
    workers: int
    run_id: str
    secret: str = field(repr=False)
    secret_file: str = ""
    when_lost: Literal["stop", "continue"] = "stop"
    timeout: float = 120.0
    same_clock: bool = False
