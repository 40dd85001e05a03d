"""Where workers of other machines meet the master, and what is asked of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

RUN_ID: Final = "HARNESS_RUN_ID"  # environment variable of a worker
CHANNEL: Final = "harness"  # type of the Locust messages that carry our frames


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """Workers that are started by somebody else.

    Attributes:
        host: Address that the master binds to.
        port: Its port.
        workers: How many are waited for; no other may join.
        run_id: What each of them must name.
        when_lost: `stop` ends the run as inconclusive, `continue` goes on with those that are left.
        patience: Longest wait for all of them, seconds.
    """

    host: str
    port: int
    workers: int
    run_id: str
    when_lost: Literal["stop", "continue"] = "stop"
    patience: float = 120.0
