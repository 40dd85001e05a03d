"""The interface of a cache level, and patterns for several keys."""

from __future__ import annotations

import re
from typing import ClassVar, Protocol, TypeVar

V = TypeVar("V")


class Level(Protocol[V]):
    """One store of the values of a cache; None is no value.

    A level that does not answer behaves like an empty one: its failure never fails a request.

    Attributes:
        local: Whether it answers at once. Concurrent misses read any other level once.
    """

    local: ClassVar[bool]

    async def get(self, key: str) -> V | None:
        """The value of `key`, or None when it is missing or too old."""

    async def put(self, key: str, value: V) -> None:
        """Store a value."""

    async def invalidate(self, *keys: str) -> None:
        """Remove keys."""

    async def invalidate_matching(self, pattern: str) -> None:
        """Remove all keys that match: `*` is any text, `?` any character."""


def matcher(pattern: str) -> re.Pattern[str]:
    """`pattern` as a regular expression for whole keys; only `*` and `?` are special."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def redis_glob(pattern: str) -> str:
    """`pattern` as Redis reads it: there, brackets and the backslash are special too."""
    return re.sub(r"([\[\]\\])", r"\\\1", pattern)
