"""Passwords are stored as Argon2id hashes, which are slow and take memory on purpose.

The parameters are the minimum of OWASP's Password Storage Cheat Sheet, because every log-in has
this cost and must meet the latency budget. Hashes contain their parameters, so old hashes stay
valid after the parameters are raised.

Hashes are computed in threads, which do not block the event loop, and only a few at once: a burst
of log-ins must not use all memory and all cores.
"""

from __future__ import annotations

from typing import Final

from anyio import CapacityLimiter, to_thread
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

MEMORY: Final = 19 * 1024  # KiB
PASSES: Final = 2
AT_ONCE: Final = 2


class Passwords:
    """Hashes and verifies."""

    def __init__(self) -> None:
        self._hasher = PasswordHash(
            (Argon2Hasher(memory_cost=MEMORY, time_cost=PASSES, parallelism=1),)
        )
        self._limiter = CapacityLimiter(AT_ONCE)
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """The hash to store instead of the password."""
        return await to_thread.run_sync(self._hasher.hash, password, limiter=self._limiter)

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether `stored` is the hash of this password.

        Without a stored hash (None) the result is False after the same time, so that the time does
        not reveal which users exist.
        """
        if stored is None:
            if self._nobodys is None:
                self._nobodys = await self.hash("")
            await self._verify(password, self._nobodys)
            return False
        return await self._verify(password, stored)

    async def _verify(self, password: str, stored: str) -> bool:
        return await to_thread.run_sync(
            self._hasher.verify, password, stored, limiter=self._limiter
        )
