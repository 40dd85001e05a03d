"""The users that must exist before the first log-in."""

from __future__ import annotations

from collections.abc import Iterator

from sample_app.core.clock import utc_now
from sample_app.core.database.database import Database
from sample_app.core.database.start_lock import lock_others_out
from sample_app.core.security.passwords import Passwords
from sample_app.core.security.roles import Role
from sample_app.models.user import User
from sample_app.repositories.users import UserRepository
from sample_app.settings import Settings


async def ensure_first_users(database: Database, passwords: Passwords, settings: Settings) -> int:
    """Make the admin of the settings and, with seeding, one sample user per role.

    Existing users are not changed, so changed passwords are kept. Several processes may start at
    once.

    Returns:
        How many were made.
    """
    async with database.reading_current() as session:
        users = UserRepository(session)
        missing = [wanted for wanted in _wanted(settings) if not await users.by_email(wanted[0])]
    if not missing:
        return 0
    distinct = {password for _, password, _ in missing}
    hashes = {password: await passwords.hash(password) for password in distinct}
    made = 0
    async with database.writing() as session:
        await (await session.connection()).run_sync(lock_others_out)
        users = UserRepository(session)
        for email, password, role in missing:
            if await users.by_email(email):
                continue  # another starting process has created it
            user = User(
                email=email, password_hash=hashes[password], role=role, created_at=utc_now()
            )
            await users.add(user)
            made += 1
    return made


def _wanted(settings: Settings) -> Iterator[tuple[str, str, Role]]:
    """Address, password and role."""
    admin = settings.auth.admin_password.get_secret_value()
    if settings.auth.admin_email and admin:
        yield settings.auth.admin_email.lower(), admin, Role.ADMIN
    sample = settings.seed.password.get_secret_value()
    if settings.seed.rows and sample:
        for role in Role:
            yield f"{role}@example.com", sample, role
