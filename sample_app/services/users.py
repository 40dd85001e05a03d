"""Use cases of users; those of their sessions are in `sessions.py`."""

from __future__ import annotations

from sample_app.core.clock import utc_now
from sample_app.core.database.database import Database
from sample_app.core.errors import NotFoundError, UnauthenticatedError
from sample_app.core.logs.events import BusinessEvents
from sample_app.core.security.passwords import Passwords
from sample_app.core.security.roles import Caller, Role
from sample_app.models.user import User
from sample_app.repositories.users import UserRepository
from sample_app.schemas.audit import AuditAction
from sample_app.schemas.page import Page, PageQuery, page_of
from sample_app.schemas.users import UserIn, UserOut
from sample_app.services.audit import AuditService
from sample_app.services.events import Event
from sample_app.services.standings import StandingService


class UserService:
    """The use cases. No connection is held while a password is hashed, which is slow."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        audit: AuditService,
        standings: StandingService,
        events: BusinessEvents,
    ) -> None:
        self._events = events
        self._database = database
        self._passwords = passwords
        self._audit = audit
        self._standings = standings

    async def register(self, new: UserIn, role: Role = Role.READER) -> UserOut:
        """Store a new user, who may read until an admin changes the role.

        Raises:
            ConflictError: When another one has the address.
        """
        hashed = await self._passwords.hash(new.password.get_secret_value())
        user = User(email=new.email, password_hash=hashed, role=role, created_at=utc_now())
        async with self._database.writing() as session:
            await UserRepository(session).add(user)
            await self._audit.note(session, AuditAction.REGISTERED, f"user:{user.id}")
        self._events.happened(Event.USER_REGISTERED, new_user_id=user.id)
        return UserOut.model_validate(user)

    async def get(self, caller: Caller) -> UserOut:
        """The calling user.

        Raises:
            UnauthenticatedError: When they no longer exist.
        """
        async with self._database.reading_current() as session:
            user = await UserRepository(session).get(caller.user_id)
        if user is None:
            raise UnauthenticatedError("This user no longer exists.")
        return UserOut.model_validate(user)

    async def list(self, query: PageQuery) -> Page[UserOut]:
        """One page of all users, in the order of their registration."""
        async with self._database.reading() as session:
            found, total = await UserRepository(session).page(query.offset, query.size)
        return page_of([UserOut.model_validate(user) for user in found], total, query)

    async def give_role(self, identifier: int, role: Role) -> UserOut:
        """Change a user's role, also for tokens that were issued before.

        Raises:
            NotFoundError: When there is no such user.
        """
        async with self._database.writing() as session:
            user = await UserRepository(session).get(identifier)
            if user is None:
                raise NotFoundError("This user does not exist.", {"id": identifier})
            before, user.role, user.role_changed_at = user.role, role, utc_now()
            await self._audit.note(
                session,
                AuditAction.ROLE_CHANGED,
                f"user:{identifier}",
                details={"before": before, "after": role},
            )
        await self._standings.changed()
        return UserOut.model_validate(user)
