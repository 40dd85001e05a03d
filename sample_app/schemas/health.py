"""What the health endpoints answer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Health(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"
    version: str
    commit: str


class Readiness(BaseModel):
    """Whether it can serve: `degraded` is without cache, `unavailable` without database."""

    status: Literal["ready", "degraded", "unavailable"]
    checks: dict[str, Literal["ok", "failed"]]
