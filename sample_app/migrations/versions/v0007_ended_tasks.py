"""An index on the end of tasks, made while the service writes.

A plain CREATE INDEX locks the table against writes until it is done, so every new contact would
wait for it. PostgreSQL's CONCURRENTLY does not lock, but runs outside of a transaction: the steps
before this one are committed first, and an interrupted attempt leaves an invalid index, which the
next attempt drops. SQLite has one writer anyway and makes the index in the usual way.
"""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "0007"
down_revision: Final = "0006"

_NAME: Final = "ix_tasks_finished_at"


def upgrade() -> None:
    """Apply the migration."""
    if op.get_bind().dialect.name != "postgresql":
        op.create_index(_NAME, "tasks", ["finished_at"])
        return
    with op.get_context().autocommit_block():
        op.drop_index(_NAME, "tasks", postgresql_concurrently=True, if_exists=True)
        op.create_index(_NAME, "tasks", ["finished_at"], postgresql_concurrently=True)


def downgrade() -> None:
    """Revert the migration."""
    if op.get_bind().dialect.name != "postgresql":
        op.drop_index(_NAME, "tasks")
        return
    with op.get_context().autocommit_block():
        op.drop_index(_NAME, "tasks", postgresql_concurrently=True, if_exists=True)
