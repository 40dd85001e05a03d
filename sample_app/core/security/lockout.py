"""Temporary locks after failed log-ins that nobody can use to lock others out.

Three counts, each within a window:

- One account from one address: after a few failures this pair is locked, for longer each time.
- One address, all accounts: it is locked too (guesses at many accounts). An address from which an
  account has logged in before is exempt for that account, so neighbours behind the same address
  cannot lock its user out.
- One account, all addresses: never a lock. While there are many failures, an address that the
  account never logged in from has one attempt instead of a few. A user who knows the password
  needs one.

Attempts during a lock are not counted, so a lock ends however often somebody tries. Unknown
accounts are counted like others, so a lock does not tell which accounts exist. Refreshing a session
is never locked. What remains: somebody at the user's own address who knows the account's name can
lock this pair for `longest` at a time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from hashlib import sha256
from math import ceil

from limits.aio.storage import Storage

from sample_app.core.security.counters import Counters
from sample_app.core.security.origin import network_of
from sample_app.settings import LockoutSettings


@dataclass(frozen=True, slots=True)
class _Keys:
    """Keys of one account and one address, hashed: they may be stored outside of the process."""

    pair: str
    address: str
    account: str

    @classmethod
    def of(cls, account: str, address: str) -> _Keys:
        network = network_of(address)
        return cls(_key("pair", account, network), _key("from", network), _key("on", account))


class Lockout:
    """Counts failed log-ins; replicas agree when the counters are in Redis."""

    def __init__(self, settings: LockoutSettings, counters: Counters) -> None:
        self._settings = settings
        self._counters = counters

    async def wait(self, account: str, address: str) -> int:
        """Seconds until the next log-in may be tried; 0: now."""
        keys = _Keys.of(account, address)

        async def ask(storage: Storage) -> int:
            pair = await _left(storage, _locked(keys.pair))
            if pair or await storage.get(_known(keys.pair)):
                return pair
            return await _left(storage, _locked(keys.address))

        return await self._counters.ask(ask)

    async def failed(self, account: str, address: str) -> int:
        """Count a failed log-in; return the seconds of the lock that begins, or 0."""
        keys, limits = _Keys.of(account, address), self._settings
        window = ceil(limits.window)

        async def ask(storage: Storage) -> int:
            by_pair = await storage.incr(keys.pair, window)
            by_address = await storage.incr(keys.address, window)
            by_account = await storage.incr(keys.account, window)
            free = limits.attempts
            if by_account > limits.account_attempts and not await storage.get(_known(keys.pair)):
                free = 1
            seconds = await self._lock(storage, keys.pair, by_pair - free)
            return max(
                seconds,
                await self._lock(storage, keys.address, by_address - limits.address_attempts),
            )

        return await self._counters.ask(ask)

    async def succeeded(self, account: str, address: str) -> None:
        """Forget the failures of the account at the address, and remember the address as known.

        The failures of the address remain: an attacker may own an account.
        """
        keys = _Keys.of(account, address)

        async def ask(storage: Storage) -> None:
            await storage.clear(keys.pair)
            known = _known(keys.pair)
            await storage.clear(known)  # so that its time begins again
            await storage.incr(known, ceil(self._settings.known))

        await self._counters.ask(ask)

    async def _lock(self, storage: Storage, key: str, over: int) -> int:
        """Lock a key after `over` failures more than are allowed; below 0 there is no lock."""
        if over < 0:
            return 0
        doubled = self._settings.first * 2.0 ** min(over, 30)
        seconds = ceil(min(doubled, self._settings.longest))
        await storage.clear(_locked(key))
        await storage.incr(_locked(key), seconds)
        return seconds


def _key(*parts: str) -> str:
    return f"lockout:{parts[0]}:{sha256(chr(0).join(parts).encode()).hexdigest()}"


def _locked(key: str) -> str:
    return f"{key}:locked"


def _known(key: str) -> str:
    return f"{key}:known"


async def _left(storage: Storage, key: str) -> int:
    """Seconds until a key expires, at least 1; 0 when there is no such key."""
    if not await storage.get(key):
        return 0
    return max(1, ceil(await storage.get_expiry(key) - time.time()))
