"""What any text that is stored or searched must obey."""

from __future__ import annotations

from typing import Final

# PostgreSQL stores no NUL character; so no text may bring one, whatever the database.
NO_NUL: Final = r"^[^\x00]*$"
