"""Signed proof of who somebody is (JWT, RFC 7519), good for a short while.

A token carries the role, so that a request costs no query to find it out. The price: a role that
was taken away still works until the token ends, which is why its life is short.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import jwt

from sample_app.core.clock import utc_now
from sample_app.core.errors import UnauthenticatedError
from sample_app.core.roles import Caller, Role
from sample_app.core.settings import AuthSettings

ALGORITHM: Final = "HS256"  # one, fixed: a token must not choose how it is checked
_CLAIMS: Final = ("exp", "iat", "iss", "aud", "sub", "role")


class Tokens:
    """Issues and verifies the tokens of one service."""

    def __init__(self, settings: AuthSettings) -> None:
        self._settings = settings
        self._secret = settings.secret.get_secret_value()

    @property
    def life(self) -> float:
        """Seconds a token is good for."""
        return self._settings.token_life

    def issue(self, caller: Caller, now: datetime | None = None) -> str:
        """A token for `caller`, good from `now` on."""
        now = now or utc_now()
        claims = {
            "sub": str(caller.user_id),
            "role": caller.role,
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "iat": now,
            "exp": now + timedelta(seconds=self.life),
        }
        return jwt.encode(claims, self._secret, ALGORITHM)

    def verify(self, token: str) -> Caller:
        """Who the token was issued to.

        Raises:
            UnauthenticatedError: When it is not ours, not meant for us, or too old.
        """
        try:
            claims = jwt.decode(
                token,
                self._secret,
                [ALGORITHM],
                issuer=self._settings.issuer,
                audience=self._settings.audience,
                options={"require": list(_CLAIMS)},
            )
            return Caller(int(claims["sub"]), Role(claims["role"]))
        except (jwt.InvalidTokenError, ValueError) as error:  # which of them: no client's business
            raise UnauthenticatedError("The token is not valid or has expired.") from error
