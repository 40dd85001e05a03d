"""What was answered to a request that may be sent again, by its key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from cachetools import TTLCache

MOST: Final = 10_000  # keys in memory; the oldest leave first


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that can be given again."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str


@dataclass(frozen=True, slots=True)
class Record:
    """One key: what was asked with it, and what was answered; None while that is under way."""

    fingerprint: str
    answer: Answer | None = None


class IdempotencyStore(Protocol):
    """Records by key, each for a while."""

    async def claim(self, key: str, fingerprint: str) -> Record | None:
        """The record of `key`; None when there was none, and now there is one, without answer."""

    async def keep(self, key: str, record: Record) -> None:
        """Note the answer."""

    async def release(self, key: str) -> None:
        """Forget the key: nothing was done."""


class MemoryIdempotencyStore:
    """In this process; `life` in seconds."""

    def __init__(self, life: float) -> None:
        self._records: TTLCache[str, Record] = TTLCache(MOST, life)

    async def claim(self, key: str, fingerprint: str) -> Record | None:
        """See `IdempotencyStore`; nothing is awaited between the look and the claim."""
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
