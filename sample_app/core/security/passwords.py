"""Passwords are stored as Argon2id hashes, which are slow and take memory on purpose.

The parameters are the minimum of OWASP's Password Storage Cheat Sheet, because every log-in has
this cost and must meet the latency budget. Hashes contain their parameters, so old hashes stay
valid after the parameters are raised.

Hashes are computed in threads, which do not block the event loop, and only a few at once: a burst
of log-ins must not use all memory and all cores. These threads compute all hashes and are kept.
glibc gives threads heaps of their own, and each heap that a hash was computed in keeps its 19 MiB.
With short-lived threads the hashes would wander through all heaps, eight for each core.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

V = TypeVar("V")
MEMORY: Final = 19 * 1024  # KiB
PASSES: Final = 2
AT_ONCE: Final = 2


class Passwords:
    """Hashes and verifies."""

    def __init__(self) -> None:
        self._hasher = PasswordHash(
            (Argon2Hasher(memory_cost=MEMORY, time_cost=PASSES, parallelism=1),)
        )
        self._threads = ThreadPoolExecutor(AT_ONCE, "passwords")
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """The hash to store instead of the password."""
        return await self._in_thread(self._hasher.hash, password)

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether `stored` is the hash of this password.

        Without a stored hash (None) the result is False after the same time, so that the time does
        not reveal which users exist.
        """
        if stored is None:
            if self._nobodys is None:
                self._nobodys = await self.hash("")
            await self._in_thread(self._hasher.verify, password, self._nobodys)
            return False
        return await self._in_thread(self._hasher.verify, password, stored)

    async def _in_thread(self, function: Callable[..., V], *args: str) -> V:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)
