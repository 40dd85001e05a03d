"""Signed, short-lived access tokens (JWT, RFC 7519).

A token contains the role and the session, so a request needs no query for them. `Standings` has
the roles that changed and the sessions that ended while a token is valid.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import jwt

from sample_app.core.clock import utc_now
from sample_app.core.errors import UnauthenticatedError
from sample_app.core.security.roles import Caller, Role
from sample_app.settings import AuthSettings

ALGORITHM: Final = "HS256"  # fixed: a token must not choose its algorithm
_CLAIMS: Final = ("exp", "iat", "iss", "aud", "sub", "role")


class Tokens:
    """Issues and verifies the tokens of one service."""

    def __init__(self, settings: AuthSettings) -> None:
        self._settings = settings
        self._secret = settings.secret.get_secret_value()

    @property
    def life(self) -> float:
        """Seconds for which a token is valid."""
        return self._settings.token_life

    def issue(self, caller: Caller, now: datetime | None = None) -> str:
        """A token for `caller`, valid from `now` on."""
        now = now or utc_now()
        claims = {
            "sub": str(caller.user_id),
            "role": caller.role,
            "sid": caller.session,
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "iat": now,
            "exp": now + timedelta(seconds=self.life),
        }
        return jwt.encode(claims, self._secret, ALGORITHM)

    def verify(self, token: str) -> Caller:
        """The caller that the token was issued to.

        Raises:
            UnauthenticatedError: When it has another issuer or audience, or has expired.
        """
        try:
            claims = jwt.decode(
                token,
                self._secret,
                [ALGORITHM],
                issuer=self._settings.issuer,
                audience=self._settings.audience,
                # The clock of the replica that issued it may be ahead of this one's.
                options={"require": list(_CLAIMS), "verify_iat": False},
            )
            session = str(claims.get("sid", ""))
            return Caller(int(claims["sub"]), Role(claims["role"]), session)
        except (jwt.InvalidTokenError, ValueError) as error:  # no reason for the client
            raise UnauthenticatedError("The token is not valid or has expired.") from error
