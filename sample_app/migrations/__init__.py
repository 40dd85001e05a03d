"""Migrations of the schema; Alembic's folder."""
