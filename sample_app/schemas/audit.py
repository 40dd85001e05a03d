"""Entries of the audit log in answers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class AuditAction(StrEnum):
    """What happened."""

    REGISTERED = "registered"
    LOG_IN = "log_in"
    LOG_IN_FAILED = "log_in_failed"
    REFRESH_REUSED = "refresh_reused"
    LOG_OUT = "log_out"
    SESSIONS_REVOKED = "sessions_revoked"
    ROLE_CHANGED = "role_changed"
    IMPORTED = "imported"
    EXPORTED = "exported"


class AuditOut(BaseModel):
    """One event: who, what, when and from where."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    id: int
    at: datetime
    action: AuditAction
    user_id: int | None
    target: str
    address: str
    request_id: str
    details: dict[str, object]


class AuditQuery(BaseModel):
    """Which page: the newest entries, or those after a cursor."""

    model_config = ConfigDict(extra="forbid")

    cursor: Annotated[str, Field(max_length=2000)] = ""
    size: Annotated[int, Field(ge=1, le=100)] = 20
