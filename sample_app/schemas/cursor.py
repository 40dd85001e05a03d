"""Pages that begin after a given item: equally fast at any position, and stable under inserts.

For a page by number the database reads all rows before it, and after an insert before the page its
last item is repeated as the first item of the next page.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, ClassVar, Generic, Self

from pydantic import BaseModel, Field, model_validator

from sample_app.core.errors import InvalidError
from sample_app.schemas.page import PageQuery, T

Place = tuple[str, int]  # the order of contacts: search key and id


class ListQuery(PageQuery):
    """Which page: by number, or after a cursor (the empty cursor is before all)."""

    beyond: ClassVar[str] = "begin with `GET /api/v1/contacts?cursor=` and follow `next`"
    cursor: Annotated[str | None, Field(max_length=2000)] = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.cursor is not None and "page" in self.model_fields_set:
            message = "a page has a number or begins after a cursor, not both"
            raise ValueError(message)
        return self


class CursorPage(BaseModel, Generic[T]):
    """Some items, and the cursor of the next page: null after the last."""

    items: list[T]
    size: int
    next: str | None


def cursor_after(place: Place) -> str:
    """The cursor of the items after `place`; it is opaque to clients."""
    return urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place_of(cursor: str) -> Place:
    """Where a cursor points to.

    Raises:
        InvalidError: When it is not a cursor of this service.
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
