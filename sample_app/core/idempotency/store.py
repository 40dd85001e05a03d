"""Answers to requests with an idempotency key, by the key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from cachetools import TTLCache

MOST: Final = 10_000  # keys in memory; the oldest are evicted first


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str


@dataclass(frozen=True, slots=True)
class Record:
    """One key: its request, and its answer; None while the request is in progress."""

    fingerprint: str
    answer: Answer | None = None


class IdempotencyStore(Protocol):
    """Records by key, each for a limited time."""

    async def claim(self, key: str, fingerprint: str) -> Record | None:
        """The record of `key`; if there is none, claim the key and return None."""

    async def keep(self, key: str, record: Record) -> None:
        """Store the answer."""

    async def release(self, key: str) -> None:
        """Release the key: the request had no effect."""


class MemoryIdempotencyStore:
    """In this process; `life` in seconds."""

    def __init__(self, life: float) -> None:
        self._records: TTLCache[str, Record] = TTLCache(MOST, life)

    async def claim(self, key: str, fingerprint: str) -> Record | None:
        """See `IdempotencyStore`; there is no await between the look-up and the claim."""
        record = self._records.get(key)
        if record is None:
            self._records[key] = Record(fingerprint)
        return record

    async def keep(self, key: str, record: Record) -> None:
        """See `IdempotencyStore`."""
        self._records[key] = record

    async def release(self, key: str) -> None:
        """See `IdempotencyStore`."""
        self._records.pop(key, None)
