"""The answers of the health endpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Build(BaseModel):
    version: str
    commit: str
    built: Literal["unknown"] | datetime


class Health(_Build):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class DependencyOut(BaseModel):
    """One dependency, and the seconds that it took to answer."""

    status: Literal["ok", "failed"]
    seconds: float


class PoolOut(BaseModel):
    """The database connections of a pool now."""

    model_config = ConfigDict(from_attributes=True)

    used: int
    idle: int
    max: int


class TasksOut(BaseModel):
    """The background tasks of this process now."""

    running: int
    waiting: int


class Details(_Build):
    """What an operator looks at first; times are UTC."""

    status: Literal["ready", "degraded", "unavailable"]
    started_at: datetime
    dependencies: dict[str, DependencyOut]
    pools: dict[str, PoolOut]
    tasks: TasksOut


class Readiness(BaseModel):
    """Whether it can serve: without database `unavailable`, without another part `degraded`."""

    status: Literal["ready", "degraded", "unavailable"]
    checks: dict[str, Literal["ok", "failed"]]
