"""A refresh token of a session."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from sample_app.models.base import Base, Identifier, UtcDateTime


class RefreshToken(Base):
    """One row a token; a session is a family of tokens, of which only the last can be used.

    Attributes:
        digest: SHA-256 of the token in hexadecimal. The token itself is not stored. It is random,
            so it needs no slow hash and no salt.
        family: The session: the log-in that this token descends from.
        expires_at: When the session ends, the same for all tokens of a family.
        rotated_at: When the token was replaced by the next one.
        revoked_at: When the session was ended.
    """

    __tablename__ = "refresh_tokens"
    __table_args__ = (
        Index(None, "family"),
        Index(None, "user_id"),
        Index(None, "expires_at"),
        Index(None, "revoked_at"),
    )

    id: Mapped[int] = mapped_column(Identifier, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    family: Mapped[str] = mapped_column(String(32))
    user_id: Mapped[int] = mapped_column(Identifier, ForeignKey("users.id", ondelete="CASCADE"))
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    rotated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
