"""Every query on users."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from sample_app.core.errors import ConflictError
from sample_app.models.user import User
from sample_app.repositories.counting import capped_count


class UserRepository:
    """Users in one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, identifier: int) -> User | None:
        """One user."""
        return await self._session.get(User, identifier)

    async def by_email(self, email: str) -> User | None:
        """The user with this address."""
        found = await self._session.scalars(select(User).where(User.email == email))
        return found.one_or_none()

    async def page(self, offset: int, limit: int) -> tuple[Sequence[User], int]:
        """Users from the first to the last registered; and the capped total."""
        total = await self._session.scalar(capped_count(User.id)) or 0
        query = select(User).order_by(User.id).offset(offset).limit(limit)
        return (await self._session.scalars(query)).all(), total

    async def roles_changed_since(self, since: datetime) -> dict[int, str]:
        """The current role of each user whose role was changed after `since`, by id."""
        query = select(User.id, User.role).where(User.role_changed_at > since)
        return dict((await self._session.execute(query)).tuples().all())

    async def add(self, user: User) -> None:
        """Store a new user.

        Raises:
            ConflictError: When another one has the address.
        """
        self._session.add(user)
        try:
            await self._session.flush()
        except IntegrityError as error:
            raise ConflictError("This e-mail address is taken.", {"field": "email"}) from error
