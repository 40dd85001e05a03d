"""`/api/v1/users`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, status

from sample_app.api.access import ADMINISTERS, SignedIn
from sample_app.api.dependencies import ServicesDep
from sample_app.api.documented import BODY, documented
from sample_app.api.idempotency import IdempotencyKey
from sample_app.api.route import IdempotentRoute
from sample_app.schemas.contacts import Id
from sample_app.schemas.page import Page, PageQuery
from sample_app.schemas.users import RoleIn, UserIn, UserOut

router = APIRouter(prefix="/api/v1/users", tags=["users"], route_class=IdempotentRoute)


@router.post("", status_code=status.HTTP_201_CREATED, responses=documented(409, *BODY))
async def register(services: ServicesDep, new: UserIn, key: IdempotencyKey = None) -> UserOut:
    """Register a user, who may read contacts."""
    return await services.users.register(new)


@router.get("/me", responses=documented(401))
async def me(services: ServicesDep, caller: SignedIn) -> UserOut:
    """The current user."""
    return await services.users.get(caller)


@router.get("", dependencies=[ADMINISTERS], responses=documented(401, 403, 422))
async def list_users(services: ServicesDep, query: Annotated[PageQuery, Query()]) -> Page[UserOut]:
    """One page of all users, in the order of their registration; for admins."""
    return await services.users.list(query)


@router.patch("/{id}", dependencies=[ADMINISTERS], responses=documented(401, 403, 404, *BODY))
async def give_role(
    services: ServicesDep, identifier: Annotated[Id, Path(alias="id")], new: RoleIn
) -> UserOut:
    """Give a user another role; for admins."""
    return await services.users.give_role(identifier, new.role)


@router.delete(
    "/{id}/sessions",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[ADMINISTERS],
    responses=documented(401, 403, 404, 422),
)
async def revoke_sessions(
    services: ServicesDep, identifier: Annotated[Id, Path(alias="id")]
) -> None:
    """End all sessions of a user; for admins."""
    await services.sessions.revoke(identifier)
