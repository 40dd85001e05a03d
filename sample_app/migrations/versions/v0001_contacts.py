"""Companies and their contacts.

Text that lists are ordered by and searches begin with is compared by code points on every
database: PostgreSQL's default is the locale of the server, SQLite has no other order.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None

_ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME: Final = sa.DateTime(timezone=True)


def _ordered(length: int) -> sa.types.TypeEngine[str]:
    by_code_points = sa.String(length, collation="C")
    return sa.String(length).with_variant(by_code_points, "postgresql")


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "companies",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", _ordered(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_companies"),
        sa.UniqueConstraint("name", name="uq_companies_name"),
    )
    op.create_table(
        "contacts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("company_id", _ID, nullable=False),
        sa.Column("first_name", sa.String(100), nullable=False),
        sa.Column("last_name", sa.String(100), nullable=False),
        sa.Column("search_key", _ordered(201), nullable=False),
        sa.Column("email", _ordered(254), nullable=False),
        sa.Column("phone", sa.String(40)),
        sa.Column("notes", sa.Text()),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("welcomed_at", _TIME),
        sa.CheckConstraint("first_name <> '' AND last_name <> ''", name=op.f("ck_contacts_named")),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
            name="fk_contacts_company_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
        sa.UniqueConstraint("email", name="uq_contacts_email"),
    )
    op.create_index("ix_contacts_company_id", "contacts", ["company_id"])
    op.create_index("ix_contacts_search_key_id", "contacts", ["search_key", "id"])


def downgrade() -> None:
    """Revert the migration."""
    op.drop_table("contacts")
    op.drop_table("companies")
