"""The lock-out: it grows, ends, and does not lock the owner of an account out."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_app.core.security.counters import Counters
from sample_app.core.security.lockout import Lockout
from sample_app.settings import LockoutSettings

ME, HOME, ELSEWHERE = "me@example.com", "10.0.0.1", "10.9.9.9"
ATTACKER = "10.6.6.6"
Wait = Callable[[float], None]


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Wait:
    """A clock that only this function moves."""
    now = [1_000_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])

    def pass_(seconds: float) -> None:
        now[0] += seconds

    return pass_


def lockout(**settings: float) -> Lockout:
    return Lockout(LockoutSettings.model_validate(settings), Counters())


async def fail(guard: Lockout, times: int, account: str = ME, address: str = ATTACKER) -> int:
    """Failures during locks too, as if all were sent at once; the last lock."""
    locks = [await guard.failed(account, address) for _ in range(times)]
    return locks[-1]


async def test_pair_is_locked_after_five_failures_for_longer_each_time(pass_time: Wait) -> None:
    guard = lockout(window=86_400)
    assert [await guard.failed(ME, ATTACKER) for _ in range(4)] == [0] * 4
    assert await guard.wait(ME, ATTACKER) == 0
    for expected in (60, 120, 240, 480, 900, 900):
        assert await guard.failed(ME, ATTACKER) == expected
        assert await guard.wait(ME, ATTACKER) == expected
        pass_time(expected - 0.5)
        assert await guard.wait(ME, ATTACKER) == 1
        pass_time(1)
        assert await guard.wait(ME, ATTACKER) == 0


async def test_failures_are_forgotten_after_the_window(pass_time: Wait) -> None:
    guard = lockout()
    await fail(guard, 4)
    pass_time(3601)
    assert await fail(guard, 4) == 0


async def test_success_forgets_the_failures_of_the_pair_and_not_those_of_the_address(
    pass_time: Wait,
) -> None:
    guard = lockout(address_attempts=8)
    await fail(guard, 4)
    await guard.succeeded(ME, ATTACKER)
    assert await fail(guard, 3) == 0
    assert await guard.failed("other@example.com", ATTACKER) == 60
    assert await guard.wait("third@example.com", ATTACKER) == 60


async def test_owner_enters_from_another_address_whatever_attackers_do(pass_time: Wait) -> None:
    guard = lockout()
    for n in range(100):
        await fail(guard, 20, address=f"10.6.6.{n}")
    assert await guard.wait(ME, HOME) == 0
    # A mistake costs a minute at a new address, and nothing at a known one.
    assert await guard.failed(ME, HOME) == 60
    pass_time(60)
    await guard.succeeded(ME, HOME)
    assert [await guard.failed(ME, HOME) for _ in range(4)] == [0] * 4


async def test_many_addresses_have_one_attempt_each_once_an_account_is_attacked(
    pass_time: Wait,
) -> None:
    guard = lockout()
    tried = 0
    for n in range(1000):
        address = f"10.7.{n // 250}.{n % 250}"
        while not await guard.wait(ME, address):
            tried += 1
            await guard.failed(ME, address)
    assert tried == 50 + 990  # ten addresses with five attempts, then one each


async def test_neighbour_behind_the_same_address_cannot_lock_out_who_logged_in_there(
    pass_time: Wait,
) -> None:
    guard = lockout()
    await guard.succeeded(ME, HOME)
    for n in range(40):
        await guard.failed(f"{n}@example.com", HOME)
    assert await guard.wait("stranger@example.com", HOME) > 0
    assert await guard.wait(ME, HOME) == 0


async def test_known_address_becomes_unknown_after_its_time(pass_time: Wait) -> None:
    guard = lockout(known=100)
    await guard.succeeded(ME, HOME)
    pass_time(60)
    await guard.succeeded(ME, HOME)  # begins the time again
    await fail(guard, 30, "x@example.com", HOME)
    pass_time(30)
    assert await guard.wait(ME, HOME) == 0
    await fail(guard, 1, "x@example.com", HOME)
    pass_time(75)
    assert await guard.wait(ME, HOME) > 0


async def test_addresses_of_one_ipv6_network_are_one_address(pass_time: Wait) -> None:
    guard = lockout()
    for n in range(5):
        await guard.failed(ME, f"2001:db8::{n}")
    assert await guard.wait(ME, "2001:db8::ffff") == 60
    assert await guard.wait(ME, "2001:db8:0:1::") == 0


@given(st.lists(st.sampled_from([ATTACKER, ELSEWHERE, "10.1.1.1"]), max_size=80))
async def test_no_lock_is_longer_than_the_longest(addresses: list[str]) -> None:
    guard = lockout(attempts=2, address_attempts=3, account_attempts=4)
    for address in addresses:
        assert await guard.failed(ME, address) <= 900
        assert await guard.wait(ME, address) <= 900
    assert await guard.wait(ME, HOME) == 0
