"""Who may use a route, as dependencies: `dependencies=[EDITS]`, or `caller: SignedIn`.

Contacts may also be read and edited without a token when the settings allow it, and the state of
the service may be read. A bad token is refused even then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from sample_app.api.edge.identity import caller_of
from sample_app.core.errors import ForbiddenError, UnauthenticatedError
from sample_app.core.security.roles import Caller, Role

TOKEN_PATH: Final = "/api/v1/auth/token"  # noqa: S105 - a path
# Only documents the scheme: `Identity` has verified the token before a route is found.
_documented = OAuth2PasswordBearer(TOKEN_PATH.removeprefix("/"), auto_error=False)


async def _signed_in(
    request: Request, token: Annotated[str | None, Depends(_documented)]
) -> Caller:
    caller = caller_of(request.scope)
    if caller is None:
        raise UnauthenticatedError("Log in first.")
    return caller


SignedIn = Annotated[Caller, Depends(_signed_in)]


def _needs(role: Role) -> Callable[[Caller], Awaitable[None]]:
    async def need(caller: SignedIn) -> None:
        _demand(caller, role)

    return need


def _needs_if_closed(role: Role) -> Callable[[Request, str | None], Awaitable[None]]:
    async def need(request: Request, token: Annotated[str | None, Depends(_documented)]) -> None:
        caller = caller_of(request.scope)
        if caller is not None:
            _demand(caller, role)
        elif not request.app.state.anonymous:
            raise UnauthenticatedError("Log in first.")

    return need


def _demand(caller: Caller, role: Role) -> None:
    if not caller.role.covers(role):
        raise ForbiddenError(f"Only the role {role} may do this.", {"role": caller.role})


READS: Final = Depends(_needs_if_closed(Role.READER))
EDITS: Final = Depends(_needs_if_closed(Role.EDITOR))
INSPECTS: Final = Depends(_needs_if_closed(Role.ADMIN))
ADMINISTERS: Final = Depends(_needs(Role.ADMIN))
