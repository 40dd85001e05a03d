"""Use cases of sessions: log in, refresh, log out, revoke.

A session is a family of refresh tokens. Each refresh replaces the token, and a second use of a
replaced token ends the session (RFC 9700, 4.14.2): either the thief or the user has used it first,
and the service cannot know which. There is no period of grace in which a replaced token still
works, because a thief could use it unnoticed. So a client must send one refresh at a time; if it
loses the answer, its user logs in again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Final
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from sample_app.core.clock import utc_now
from sample_app.core.database.database import Database
from sample_app.core.errors import LockedOutError, NotFoundError, UnauthenticatedError
from sample_app.core.security.access import Access
from sample_app.core.security.origin import origin
from sample_app.core.security.passwords import Passwords
from sample_app.core.security.roles import Caller, Role
from sample_app.models.refresh_token import RefreshToken
from sample_app.models.user import User
from sample_app.repositories.refresh_tokens import RefreshTokenRepository
from sample_app.repositories.users import UserRepository
from sample_app.schemas.audit import AuditAction
from sample_app.schemas.users import LogIn, TokenOut
from sample_app.services.audit import AuditService
from sample_app.services.standings import StandingService

BYTES: Final = 32  # of a refresh token: 256 bits
REASONS: Final = ("credentials", "locked_out", "refresh_invalid", "refresh_reused")


class SessionService:
    """The use cases. No connection is held while a password is hashed, which is slow.

    Args:
        refused: Called with one of `REASONS` for each refused log-in or refresh.
        life: Seconds from a log-in to the end of its session.
    """

    def __init__(
        self,
        database: Database,
        access: Access,
        *,
        passwords: Passwords,
        audit: AuditService,
        standings: StandingService,
        refused: Callable[[str], None],
        life: float,
    ) -> None:
        self._database = database
        self._tokens = access.tokens
        self._lockout = access.lockout
        self._passwords = passwords
        self._audit = audit
        self._standings = standings
        self._refused = refused
        self._life = timedelta(seconds=life)

    async def log_in(self, form: LogIn) -> TokenOut:
        """Begin a session with an address and its password.

        Raises:
            LockedOutError: After too many failures.
            UnauthenticatedError: When there is no such user or the password is wrong; the error is
                the same for both.
        """
        account, address = form.username.strip().lower(), origin.get().address
        if seconds := await self._lockout.wait(account, address):
            self._refused("locked_out")
            raise LockedOutError(seconds)
        async with self._database.reading_current() as session:
            user = await UserRepository(session).by_email(account)
        password = form.password.get_secret_value()
        right = await self._passwords.verify(password, user.password_hash if user else None)
        if user is None or not right:
            locked = await self._lockout.failed(account, address)
            self._refused("credentials")
            async with self._database.writing() as session:
                await self._audit.note(
                    session,
                    AuditAction.LOG_IN_FAILED,
                    user_id=user.id if user else None,
                    details={"locked_seconds": locked},
                )
            raise UnauthenticatedError("The e-mail address or the password is wrong.")
        await self._lockout.succeeded(account, address)
        async with self._database.writing() as session:
            await self._audit.note(session, AuditAction.LOG_IN, user_id=user.id)
            now = utc_now()
            return await self._issue(session, user, uuid4().hex, now, now + self._life)

    async def refresh(self, token: str) -> TokenOut:
        """Replace a refresh token; the session's end stays the same.

        Raises:
            UnauthenticatedError: When it is unknown, expired or revoked; or when it was replaced
                before, which ends its session.
        """
        now, digest = utc_now(), _digest(token)
        async with self._database.writing() as session:
            tokens = RefreshTokenRepository(session)
            used = await tokens.rotate(digest, now)
            user = used and await UserRepository(session).get(used.user_id)
            if used and user:
                return await self._issue(session, user, used.family, now, used.expires_at)
            found = await tokens.get(digest)
            reused = found is not None and _replaced_in_a_live_session(found, now)
            if found and reused:
                await tokens.end_family(found.family, now)
                await self._audit.note(
                    session,
                    AuditAction.REFRESH_REUSED,
                    f"family:{found.family}",
                    found.user_id,
                )
        self._refused("refresh_reused" if reused else "refresh_invalid")
        if reused:
            await self._standings.changed()
        raise UnauthenticatedError("The refresh token is not valid or has expired.")

    async def log_out(self, token: str) -> None:
        """End the session of a refresh token; an unknown one is no error (RFC 7009, 2.2)."""
        async with self._database.writing() as session:
            tokens = RefreshTokenRepository(session)
            found = await tokens.get(_digest(token))
            if found is None or found.revoked_at is not None:
                return
            await tokens.end_family(found.family, utc_now())
            target = f"family:{found.family}"
            await self._audit.note(session, AuditAction.LOG_OUT, target, found.user_id)
        await self._standings.changed()

    async def revoke(self, user_id: int) -> None:
        """End all sessions of a user.

        Raises:
            NotFoundError: When there is no such user.
        """
        async with self._database.writing() as session:
            if await UserRepository(session).get(user_id) is None:
                raise NotFoundError("This user does not exist.", {"id": user_id})
            await RefreshTokenRepository(session).end_all_of(user_id, utc_now())
            await self._audit.note(session, AuditAction.SESSIONS_REVOKED, f"user:{user_id}")
        await self._standings.changed()

    async def _issue(
        self, session: AsyncSession, user: User, family: str, now: datetime, until: datetime
    ) -> TokenOut:
        token = token_urlsafe(BYTES)
        await RefreshTokenRepository(session).add(
            RefreshToken(
                digest=_digest(token),
                family=family,
                user_id=user.id,
                issued_at=now,
                expires_at=until,
            )
        )
        access = self._tokens.issue(Caller(user.id, Role(user.role), family))
        return TokenOut(
            access_token=access,
            expires_in=round(self._tokens.life),
            refresh_token=token,
            refresh_expires_in=round((until - now).total_seconds()),
        )


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _replaced_in_a_live_session(token: RefreshToken, now: datetime) -> bool:
    return token.rotated_at is not None and token.revoked_at is None and token.expires_at > now
