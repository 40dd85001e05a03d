"""`/api/v1/auth`: sessions.

Idempotency keys do not apply here: stored answers would contain tokens.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, status

from sample_app.api.dependencies import ServicesDep
from sample_app.api.documented import BODY, documented
from sample_app.schemas.users import LogIn, RefreshIn, TokenOut

router = APIRouter(prefix="/api/v1/auth", tags=["users"])


@router.post("/token", responses=documented(401, *BODY))
async def log_in(services: ServicesDep, form: Annotated[LogIn, Form()]) -> TokenOut:
    """Begin a session with an e-mail address and its password (OAuth2 password grant)."""
    return await services.sessions.log_in(form)


@router.post("/refresh", responses=documented(401, *BODY))
async def refresh(services: ServicesDep, body: RefreshIn) -> TokenOut:
    """New tokens for a refresh token, which can be used once.

    Send one refresh at a time: a second use of a token ends its session.
    """
    return await services.sessions.refresh(body.refresh_token.get_secret_value())


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT, responses=documented(*BODY))
async def log_out(services: ServicesDep, body: RefreshIn) -> None:
    """End the session of a refresh token, with its access tokens."""
    await services.sessions.log_out(body.refresh_token.get_secret_value())
