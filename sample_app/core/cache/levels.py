"""What a cache is made of, and the patterns that name several of its keys."""

from __future__ import annotations

import re
from typing import ClassVar, Protocol, TypeVar

V = TypeVar("V")


class Level(Protocol[V]):
    """One place that keeps values of one cache; None is no value.

    A level that does not answer behaves as an empty one: a cache may cost time, never an answer.

    Attributes:
        local: Whether it answers at once. Callers that miss together ask any other level once.
    """

    local: ClassVar[bool]

    async def get(self, key: str) -> V | None:
        """The value of `key`, or None when it is missing or too old."""

    async def put(self, key: str, value: V) -> None:
        """Keep a value."""

    async def invalidate(self, key: str) -> None:
        """Forget a key."""

    async def invalidate_matching(self, pattern: str) -> None:
        """Forget every key that matches: `*` is any text, `?` any character."""


def matcher(pattern: str) -> re.Pattern[str]:
    """`pattern` as a regular expression for whole keys; only `*` and `?` are special."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def redis_glob(pattern: str) -> str:
    """`pattern` as Redis reads it: there, brackets and the backslash are special too."""
    return re.sub(r"([\[\]\\])", r"\\\1", pattern)
