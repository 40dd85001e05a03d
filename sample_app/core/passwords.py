"""Passwords are stored as Argon2 hashes, which are slow and take 64 MiB each on purpose.

So they are made in threads, where they do not hold up the event loop, and only a few at once:
a burst of log-ins must not take all the memory and every core.
"""

from __future__ import annotations

from typing import Final

from anyio import CapacityLimiter, to_thread
from pwdlib import PasswordHash

AT_ONCE: Final = 2


class Passwords:
    """Hashes and verifies."""

    def __init__(self) -> None:
        self._hasher = PasswordHash.recommended()
        self._limiter = CapacityLimiter(AT_ONCE)
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """What to store instead of the password."""
        return await to_thread.run_sync(self._hasher.hash, password, limiter=self._limiter)

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether `stored` is the hash of this password.

        None is the hash of nobody: never right, but it takes as long, so that the time does not
        tell which users exist.
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
