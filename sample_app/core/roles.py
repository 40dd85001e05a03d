"""Who may do what: each role may do all that the ones before it may."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """From the least to the most powerful."""

    READER = "reader"  # sees contacts
    EDITOR = "editor"  # changes them
    ADMIN = "admin"  # sees users and gives them roles

    def covers(self, needed: Role) -> bool:
        """Whether somebody with this role may do what `needed` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request, as their token says it."""

    user_id: int
    role: Role
