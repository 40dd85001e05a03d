"""`/api/v1/auth`: log-in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form

from sample_app.api.dependencies import ServicesDep
from sample_app.api.documented import BODY, documented
from sample_app.schemas.users import LogIn, TokenOut

router = APIRouter(prefix="/api/v1/auth", tags=["users"])


@router.post("/token", responses=documented(401, *BODY))
async def log_in(services: ServicesDep, form: Annotated[LogIn, Form()]) -> TokenOut:
    """A short-lived token for an e-mail address and its password (OAuth2 password grant)."""
    return await services.users.log_in(form)
