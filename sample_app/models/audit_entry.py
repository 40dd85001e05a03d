"""An entry of the audit log."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from sample_app.models.base import Base, Identifier, UtcDateTime


class AuditEntry(Base):
    """One row an event. Rows are only added, and deleted by age.

    Attributes:
        action: An `AuditAction`.
        user_id: Who did it, or tried to; None when unknown. No foreign key: an entry outlives its
            user.
        target: What it was done to, such as `user:7`; may be empty.
        address: The client's address.
        request_id: The correlation id of the request.
        details: More about the event, without personal data and secrets.
    """

    __tablename__ = "audit_log"
    __table_args__ = (Index(None, "at"),)

    id: Mapped[int] = mapped_column(Identifier, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    action: Mapped[str] = mapped_column(String(40))
    user_id: Mapped[int | None] = mapped_column(Identifier)
    target: Mapped[str] = mapped_column(String(80))
    address: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str] = mapped_column(String(128))
    details: Mapped[dict[str, object]] = mapped_column(JSON)
