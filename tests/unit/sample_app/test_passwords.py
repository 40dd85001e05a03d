"""Passwords are stored as Argon2id hashes of the cost that OWASP's cheat sheet demands."""

from __future__ import annotations

import asyncio
import threading

import pytest
from pwdlib import PasswordHash

from sample_app.core.security.passwords import AT_ONCE, Passwords


async def test_hash_has_at_least_the_cost_of_owasp_and_its_own_salt() -> None:
    passwords = Passwords()
    first, second = await passwords.hash("secret"), await passwords.hash("secret")
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second


async def test_only_the_password_of_a_hash_is_verified() -> None:
    passwords = Passwords()
    stored = await passwords.hash("secret")
    assert await passwords.verify("secret", stored)
    assert not await passwords.verify("Secret", stored)
    assert not await passwords.verify("", None)


def test_all_hashes_are_computed_by_the_same_few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[threading.Thread] = []  # objects: the numbers of ended threads are used again

    def hash_quickly(hasher: PasswordHash, password: str) -> str:
        used.append(threading.current_thread())
        return password

    monkeypatch.setattr(PasswordHash, "hash", hash_quickly)
    passwords = Passwords()
    for number in range(4 * AT_ONCE):  # a thread of a loop ends with it, as idle ones do
        assert asyncio.run(passwords.hash(f"{number}")) == f"{number}"
    assert len(used) == 4 * AT_ONCE
    assert len(set(used)) <= AT_ONCE
    assert threading.main_thread() not in used
