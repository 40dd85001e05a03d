"""What one request causes while it is answered, counted by whoever does it.

A number that hardly depends on the machine: an N+1 query shows in it at once, in one request.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Work:
    """The counts of one request."""

    queries: int = 0


# Tasks and greenlets that a request starts get a copy of its context, with the same object in it.
current_work: ContextVar[Work | None] = ContextVar("current_work", default=None)
