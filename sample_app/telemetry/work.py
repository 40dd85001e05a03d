"""Counts of the work of one request, such as its queries.

The counts hardly depend on the machine, so a single request is enough to detect an N+1 query.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Work:
    """The counts of one request."""

    queries: int = 0
    columns: int = 0


# Tasks and greenlets of a request get a copy of its context, with the same object in it.
current_work: ContextVar[Work | None] = ContextVar("current_work", default=None)
