"""Use cases of users, with log-in."""

from __future__ import annotations

from sample_app.core.clock import utc_now
from sample_app.core.database.database import Database
from sample_app.core.errors import NotFoundError, UnauthenticatedError
from sample_app.core.security.passwords import Passwords
from sample_app.core.security.roles import Caller, Role
from sample_app.core.security.tokens import Tokens
from sample_app.models.user import User
from sample_app.repositories.users import UserRepository
from sample_app.schemas.page import Page, PageQuery, page_of
from sample_app.schemas.users import LogIn, TokenOut, UserIn, UserOut


class UserService:
    """The use cases. No connection is held while a password is hashed, which is slow."""

    def __init__(self, database: Database, tokens: Tokens, passwords: Passwords) -> None:
        self._database = database
        self._tokens = tokens
        self._passwords = passwords

    async def register(self, new: UserIn, role: Role = Role.READER) -> UserOut:
        """Store a new user, who may read until an admin changes the role.

        Raises:
            ConflictError: When another one has the address.
        """
        hashed = await self._passwords.hash(new.password.get_secret_value())
        user = User(email=new.email, password_hash=hashed, role=role, created_at=utc_now())
        async with self._database.writing() as session:
            await UserRepository(session).add(user)
        return UserOut.model_validate(user)

    async def log_in(self, form: LogIn) -> TokenOut:
        """A token for an address and its password.

        Raises:
            UnauthenticatedError: When there is no such user or the password is wrong; the error is
                the same for both.
        """
        async with self._database.reading_current() as session:
            user = await UserRepository(session).by_email(form.username.strip().lower())
        password = form.password.get_secret_value()
        right = await self._passwords.verify(password, user.password_hash if user else None)
        if user is None or not right:
            raise UnauthenticatedError("The e-mail address or the password is wrong.")
        token = self._tokens.issue(Caller(user.id, Role(user.role)))
        return TokenOut(access_token=token, expires_in=round(self._tokens.life))

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
        """Change a user's role; existing tokens keep the old role until they expire.

        Raises:
            NotFoundError: When there is no such user.
        """
        async with self._database.writing() as session:
            user = await UserRepository(session).get(identifier)
            if user is None:
                raise NotFoundError("This user does not exist.", {"id": identifier})
            user.role = role
        return UserOut.model_validate(user)
