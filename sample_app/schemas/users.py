"""Users and tokens in requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from sample_app.core.security.roles import Role
from sample_app.schemas.contacts import Email
from sample_app.schemas.text import NO_NUL

Password = Annotated[SecretStr, Field(min_length=12, max_length=128)]


class UserOut(BaseModel):
    """A user without credentials."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    id: int
    email: str
    role: Role
    created_at: datetime


class UserIn(BaseModel):
    """A registration."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"email": "ada@example.com", "password": "correct horse battery"}]
        },
    )

    email: Email
    password: Password


class RoleIn(BaseModel):
    """A user's new role."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"role": "editor"}]})

    role: Role


class LogIn(BaseModel):
    """The form of an OAuth2 password grant (RFC 6749, 4.3)."""

    grant_type: Literal["password"] = "password"
    username: Annotated[str, Field(max_length=254, pattern=NO_NUL)]  # the e-mail address
    password: Annotated[SecretStr, Field(max_length=128)]


class RefreshIn(BaseModel):
    """A refresh token."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"refresh_token": "x" * 43}]}
    )

    refresh_token: Annotated[SecretStr, Field(min_length=1, max_length=200)]


class TokenOut(BaseModel):
    """The tokens of a session and their lifetimes in seconds.

    Attributes:
        refresh_token: Good for one refresh; its answer has the next one.
        refresh_expires_in: Until the session ends; refreshing does not extend it.
    """

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a kind of token
    expires_in: int
    refresh_token: str
    refresh_expires_in: int
