"""Constraints of all texts that are stored or searched."""

from __future__ import annotations

from typing import Final

# PostgreSQL stores no NUL character; so no text may bring one, whatever the database.
NO_NUL: Final = r"^[^\x00]*$"
