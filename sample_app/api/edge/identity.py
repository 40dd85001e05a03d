"""Authenticates the caller of a request and notes its origin; the routes authorize."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from sample_app.core.errors import UnauthenticatedError
from sample_app.core.logs.correlation import user_id
from sample_app.core.security.origin import Origin, network_of, origin
from sample_app.core.security.roles import Caller
from sample_app.core.security.standings import Standings
from sample_app.core.security.tokens import Tokens

_KEY: Final = "sample_app.caller"


class Identity:
    """ASGI middleware: verifies a bearer token, if there is one; sets `origin` and `user_id`."""

    def __init__(self, app: ASGIApp, tokens: Tokens, standings: Standings) -> None:
        self._app = app
        self._tokens = tokens
        self._standings = standings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        known = None
        scheme, _, token = Headers(scope=scope).get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            try:
                caller = self._standings.current(self._tokens.verify(token.strip()))
                scope[_KEY], known = caller, caller.user_id
                user_id.set(known)
            except UnauthenticatedError as error:
                scope[_KEY] = error  # raised by routes that need the caller; log-in does not
        reset = origin.set(Origin(address_of(scope), known))
        try:
            await self._app(scope, receive, send)
        finally:
            origin.reset(reset)


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
    return f"address:{network_of(address_of(scope))}"


def address_of(scope: Scope) -> str:
    """The client's address; behind a proxy of `SAMPLE_APP_HTTP_PROXIES` the one it names."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"
