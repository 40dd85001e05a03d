"""Roles: each has all permissions of the roles before it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """From the least to the most powerful."""

    READER = "reader"  # sees the data
    EDITOR = "editor"  # changes it
    ADMIN = "admin"  # sees users and gives them roles

    def covers(self, needed: Role) -> bool:
        """Whether this role includes the permissions of `needed`."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a request, from the token.

    Attributes:
        session: The log-in that the token descends from; empty in tokens without one.
    """

    user_id: int
    role: Role
    session: str = ""
