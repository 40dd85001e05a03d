"""Authenticates the caller of a request; the routes authorize."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from sample_app.core.errors import UnauthenticatedError
from sample_app.core.logs.correlation import user_id
from sample_app.core.security.roles import Caller
from sample_app.core.security.tokens import Tokens

_KEY: Final = "sample_app.caller"


class Identity:
    """ASGI middleware: verifies a bearer token, if there is one, and tells the logs the user."""

    def __init__(self, app: ASGIApp, tokens: Tokens) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            scheme, _, token = Headers(scope=scope).get("Authorization", "").partition(" ")
            if scheme.lower() == "bearer":
                try:
                    caller = scope[_KEY] = self._tokens.verify(token.strip())
                    user_id.set(caller.user_id)
                except UnauthenticatedError as error:
                    scope[_KEY] = error  # raised by routes that need the caller; log-in does not
        await self._app(scope, receive, send)


def caller_of(scope: Scope) -> Caller | None:
    """The caller of the request; None without a token.

    Raises:
        UnauthenticatedError: When the token is bad.
    """
    caller = scope.get(_KEY)
    if isinstance(caller, UnauthenticatedError):
        raise caller
    assert caller is None or isinstance(caller, Caller)
    return caller


def caller_key(scope: Scope) -> str:
    """A name for the caller: the user's with a valid token, else the address."""
    caller = scope.get(_KEY)
    if isinstance(caller, Caller):
        return f"user:{caller.user_id}"
    return f"address:{address_of(scope)}"


def address_of(scope: Scope) -> str:
    """The client's address; behind a proxy of `SAMPLE_APP_HTTP_PROXIES` the one it names."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"
