"""Imports of contacts and their results."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"

_ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME: Final = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "imports",
        sa.Column("id", _ID, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("imported", _ID, nullable=False),
        sa.Column("rejected", _ID, nullable=False),
        sa.Column("errors", sa.JSON(), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME),
        sa.CheckConstraint(
            "status IN ('running', 'finished', 'broken_off')", name=op.f("ck_imports_status")
        ),
        sa.CheckConstraint("imported >= 0 AND rejected >= 0", name=op.f("ck_imports_counts")),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
    )
    op.create_index("ix_imports_started_at_id", "imports", ["started_at", "id"])


def downgrade() -> None:
    """Revert the migration."""
    op.drop_table("imports")
