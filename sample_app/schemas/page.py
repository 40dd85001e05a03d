"""The envelope of pages."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from sample_app.schemas.text import NO_NUL

T = TypeVar("T")


class PageQuery(BaseModel):
    """Which page: from 1, of `size` items."""

    model_config = ConfigDict(extra="forbid")

    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    size: Annotated[int, Field(ge=1, le=100)] = 20

    @property
    def offset(self) -> int:
        """Items before this page."""
        return (self.page - 1) * self.size


class SearchQuery(PageQuery):
    """Which page of the contacts whose name or e-mail address begins with `q`."""

    q: Annotated[str, Field(min_length=1, max_length=100, pattern=NO_NUL, examples=["smi"])]


class Page(BaseModel, Generic[T]):
    """One page of items, and how many there are in all."""

    items: list[T]
    total: int
    page: int
    size: int
    pages: int


def page_of(items: list[T], total: int, query: PageQuery) -> Page[T]:
    """Put items into the envelope; without items there are 0 pages."""
    pages = -(-total // query.size)
    return Page(items=items, total=total, page=query.page, size=query.size, pages=pages)
