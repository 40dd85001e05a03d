"""What is known of a run while it goes on, and becomes its manifest."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from harness.load.fleet import Fleet
from harness.runs.model import Clock, Manifest, Requests, Status, Worker


@dataclass(slots=True)
class Account:
    """What the manifest says of the run, at any moment."""

    status: Status = "running"
    reason: str = ""
    created: float = field(default_factory=time.time)
    started: float | None = None
    window_start: float | None = None
    window_end: float | None = None
    drained: float | None = None
    target: dict[str, Any] = field(default_factory=dict)
    requests: Requests = field(default_factory=Requests)
    user_errors: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    workers: tuple[Worker, ...] = ()
    aborted_by: str = ""

    def manifest(self, facts: dict[str, Any]) -> Manifest:
        """It all, with what `harness.facts` knew before the run."""
        clock = Clock(
            created=self.created,
            started=self.started,
            window_start=self.window_start,
            window_end=self.window_end,
            drained=self.drained,
        )
        return Manifest(
            **facts,
            status=self.status,
            reason=self.reason,
            clock=clock,
            target=self.target,
            requests=self.requests,
            user_errors=self.user_errors,
            notices=self.notices,
            workers=self.workers,
            aborted_by=self.aborted_by,
        )

    def take(self, load: Fleet) -> None:
        """What the generators have told so far."""
        self.requests = load.requests
        self.user_errors, self.notices = load.user_errors, load.notices
        self.workers = load.workers
