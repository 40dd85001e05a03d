"""Background tasks in answers."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict


class TaskOut(BaseModel):
    """A background task; times are UTC.

    Attributes:
        step: The current or the last step.
        attempts: Tries of that step.
        error: A code for programs when it failed, such as `unavailable`.
    """

    model_config = ConfigDict(from_attributes=True, frozen=True)

    id: str
    status: Literal["queued", "running", "succeeded", "failed"]
    step: str
    attempts: int
    error: str | None
    created_at: datetime
    finished_at: datetime | None
