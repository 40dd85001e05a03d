"""A background task: a chain of steps, and its status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import uuid4

from sample_app.core.clock import utc_now


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of work.

    Attributes:
        name: The name of the registered function; it also labels metrics and logs.
        arguments: Keyword arguments of the function, as JSON values.
    """

    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class Task:
    """A chain of steps and its status.

    Attributes:
        claim: The token of the process that holds the task; each new holder has another one.
        begun: Whether the store knows that this holder works on the task.
        lease_until: After this time another process may claim the task; None when it has ended.
        position: The index of the step that runs now, or ran last.
        attempts: Tries of that step.
        starts: How often a process began to work on the task.
        error: A stable code, when it failed; never an exception's text, which may be internal.
        request_id: The correlation id of the request that planned the task.
    """

    steps: tuple[Step, ...]
    claim: str
    lease_until: datetime | None
    id: str = field(default_factory=lambda: uuid4().hex)
    status: Literal["queued", "running", "succeeded", "failed"] = "queued"
    position: int = 0
    attempts: int = 0
    starts: int = 0
    begun: bool = field(default=False, compare=False)
    error: str | None = None
    request_id: str = ""
    created_at: datetime = field(default_factory=utc_now)
    finished_at: datetime | None = None

    @property
    def step(self) -> str:
        """The name of the step that runs now, or ran last."""
        return self.steps[self.position].name

    def begin(self) -> None:
        """Note that a process works on it."""
        self.status, self.begun = "running", True
        self.starts += 1
        self.attempts = 1

    def wait(self) -> None:
        """Take `begin` back, when the work cannot begin yet."""
        if self.begun:
            self.status, self.begun = "queued", False
            self.starts -= 1
            self.attempts = 0

    def advance(self) -> None:
        """Note the success of the current step: the next one is due, or the task has ended."""
        if self.position + 1 == len(self.steps):
            self.finish(None)
        else:
            self.position += 1
            self.attempts = 1

    def finish(self, error: str | None) -> None:
        """Note the end: success, or a failure with its code."""
        self.status = "failed" if error else "succeeded"
        self.error = error
        self.lease_until = None
        self.finished_at = utc_now()
