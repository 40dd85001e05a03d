"""Passwords are stored as Argon2id hashes of the cost that OWASP's cheat sheet demands."""

from sample_app.core.security.passwords import Passwords


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
