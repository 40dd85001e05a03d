"""A user who can log in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from sample_app.models.base import Base, Identifier, UtcDateTime


class User(Base):
    """One row a user.

    Attributes:
        role: A `Role`; its value, since an enumerated type of the database is hard to change.
        role_changed_at: When the role was changed last; None if it never was.
    """

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("role IN ('reader', 'editor', 'admin')", name="role"),)

    id: Mapped[int] = mapped_column(Identifier, primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    role_changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
