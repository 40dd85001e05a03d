"""Pages that begin after a given item: as quick far behind as in front, and stable under inserts.

A page by number makes the database count all rows before it, and when somebody is inserted in
front, the last item of a page comes again as the first of the next one.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Generic, Self

from pydantic import BaseModel, Field, model_validator

from sample_app.core.errors import InvalidError
from sample_app.schemas.page import PageQuery, T

Place = tuple[str, int]  # what contacts are ordered by: search key and id


class ListQuery(PageQuery):
    """Which page: by number, or after a cursor (the empty one is in front of all)."""

    cursor: Annotated[str | None, Field(max_length=2000)] = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.cursor is not None and "page" in self.model_fields_set:
            message = "a page has a number or begins after a cursor, not both"
            raise ValueError(message)
        return self


class CursorPage(BaseModel, Generic[T]):
    """Some items, and the cursor of those that follow: null after the last."""

    items: list[T]
    size: int
    next: str | None


def cursor_after(place: Place) -> str:
    """The cursor of what follows `place`; clients must not look inside."""
    return urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place_of(cursor: str) -> Place:
    """Where a cursor points to.

    Raises:
        InvalidError: When we never gave it to anybody.
    """
    try:
        key, identifier = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        whole = type(identifier) is int and 0 <= identifier < 2**63
        # Encoding refuses lone surrogates, which no database takes.
        if whole and isinstance(key, str) and b"\0" not in key.encode():
            return key, identifier
    except (ValueError, TypeError, RecursionError):
        pass
    raise InvalidError("This is not a cursor of ours.", {"field": "cursor"})
