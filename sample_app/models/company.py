"""A company that contacts work for."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from sample_app.models.base import Base, Identifier, ordered_text


class Company(Base):
    """One row a company."""

    __tablename__ = "companies"

    id: Mapped[int] = mapped_column(Identifier, primary_key=True)
    name: Mapped[str] = mapped_column(ordered_text(200), unique=True)
