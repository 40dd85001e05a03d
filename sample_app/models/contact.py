"""A person at a company."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from sample_app.models.base import Base, Identifier, UtcDateTime, ordered_text
from sample_app.models.company import Company


class Contact(Base):
    """One row a person.

    Attributes:
        search_key: "last first" in lower case: lists are ordered by it, searches begin with it.
        welcomed_at: When the background task wrote to them.
    """

    __tablename__ = "contacts"
    __table_args__ = (
        CheckConstraint("first_name <> '' AND last_name <> ''", name="named"),
        Index(None, "search_key", "id"),
    )

    id: Mapped[int] = mapped_column(Identifier, primary_key=True)
    company_id: Mapped[int] = mapped_column(
        Identifier, ForeignKey("companies.id", ondelete="CASCADE"), index=True
    )
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    search_key: Mapped[str] = mapped_column(ordered_text(201))
    email: Mapped[str] = mapped_column(ordered_text(254), unique=True)
    phone: Mapped[str | None] = mapped_column(String(40))
    notes: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    welcomed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    # "raise": a query that does not load the company fails instead of causing N+1 queries.
    company: Mapped[Company] = relationship(lazy="raise")


def search_key(first_name: str, last_name: str) -> str:
    """The key for order and search; a lower case letter may have two characters."""
    return f"{last_name} {first_name}".lower()[:201]
