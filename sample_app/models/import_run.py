"""One import of contacts and its result."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from sample_app.models.base import Base, Identifier, UtcDateTime


class ImportRun(Base):
    """One row an import; updated with each batch that is stored.

    Attributes:
        status: An `ImportStatus`.
        imported: Rows that became contacts.
        rejected: Rows that did not.
        errors: The reasons of the first rejected rows.
        finished_at: None while it runs.
    """

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint("status IN ('running', 'finished', 'broken_off')", name="status"),
        CheckConstraint("imported >= 0 AND rejected >= 0", name="counts"),
        Index(None, "started_at", "id"),
    )

    id: Mapped[int] = mapped_column(Identifier, primary_key=True)
    status: Mapped[str] = mapped_column(String(20))
    imported: Mapped[int] = mapped_column(Identifier)
    rejected: Mapped[int] = mapped_column(Identifier)
    errors: Mapped[list[dict[str, object]]] = mapped_column(JSON)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
