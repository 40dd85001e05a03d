"""The answers of the health endpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel


class Health(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"
    version: str
    commit: str
    built: Literal["unknown"] | datetime


class Readiness(BaseModel):
    """Whether it can serve: without database `unavailable`, without another part `degraded`."""

    status: Literal["ready", "degraded", "unavailable"]
    checks: dict[str, Literal["ok", "failed"]]
