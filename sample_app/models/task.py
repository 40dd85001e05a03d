"""A background task and its status."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from sample_app.models.base import Base, UtcDateTime


class BackgroundTask(Base):
    """One row a task; `sample_app/core/tasks/task.py` explains the columns.

    Attributes:
        steps: Name and arguments of each step.
        step: The name of the step at `position`: processes claim only steps that they know.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint("status IN ('queued', 'running', 'succeeded', 'failed')", name="status"),
        CheckConstraint("(lease_until IS NULL) = (finished_at IS NOT NULL)", name="leased"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    steps: Mapped[list[list[object]]] = mapped_column(JSON)
    claim: Mapped[str] = mapped_column(String(32))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    status: Mapped[str] = mapped_column(String(20))
    step: Mapped[str] = mapped_column(String(100))
    position: Mapped[int] = mapped_column(SmallInteger)
    attempts: Mapped[int] = mapped_column(SmallInteger)
    starts: Mapped[int] = mapped_column(SmallInteger)
    error: Mapped[str | None] = mapped_column(String(100))
    request_id: Mapped[str] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
