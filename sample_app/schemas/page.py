"""The envelope of pages."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sample_app.schemas.text import NO_NUL

T = TypeVar("T")
# Items that pages by number reach: the database reads all items before a page, and counts to here.
REACH: Final = 10_000


class PageQuery(BaseModel):
    """Which page: from 1, of `size` items; a page begins among the first 10,000 items."""

    model_config = ConfigDict(extra="forbid")
    beyond: ClassVar[str] = "there are no pages beyond"

    page: Annotated[int, Field(ge=1, le=REACH)] = 1
    size: Annotated[int, Field(ge=1, le=100)] = 20

    @model_validator(mode="after")
    def _within_reach(self) -> Self:
        if self.offset >= REACH:
            message = (
                f"page and size begin at item {self.offset + 1}, and the last item that a page"
            )
            message += f" by number reaches is {REACH}: {self.beyond}"
            raise ValueError(message)
        return self

    @property
    def offset(self) -> int:
        """Items before this page."""
        return (self.page - 1) * self.size


class SearchQuery(PageQuery):
    """Which page of the contacts whose name or e-mail address begins with `q`."""

    beyond: ClassVar[str] = "search for a longer beginning"

    q: Annotated[str, Field(min_length=1, max_length=100, pattern=NO_NUL, examples=["smi"])]


class Page(BaseModel, Generic[T]):
    """One page of items, and how many there are in all.

    Attributes:
        total: Exact below 10,000; 10,000 means that there are at least so many.
        pages: The pages that can be requested by number.
    """

    items: list[T]
    total: int
    page: int
    size: int
    pages: int


def page_of(items: list[T], total: int, query: PageQuery) -> Page[T]:
    """Put items into the envelope; without items there are 0 pages."""
    pages = -(-total // query.size)
    return Page(items=items, total=total, page=query.page, size=query.size, pages=pages)
