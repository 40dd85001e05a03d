"""Tokens: what is accepted, and what is not."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import jwt
import pytest
from pydantic import SecretStr

from sample_app.core.clock import utc_now
from sample_app.core.errors import UnauthenticatedError
from sample_app.core.security.access import MARGIN
from sample_app.core.security.roles import Caller, Role
from sample_app.core.security.tokens import Tokens
from sample_app.settings import DEVELOPMENT_SECRET, AuthSettings

SETTINGS = AuthSettings(token_life=60)
CALLER = Caller(7, Role.EDITOR)


def signed(**changes: object) -> str:
    """A token like ours, but for these claims; None leaves one out."""
    now = utc_now()
    claims = {
        "sub": "7", "role": "editor", "iss": "sample-app", "aud": "sample-app",
        "iat": now, "exp": now + timedelta(days=1),  # parameters are made long before their test
    } | changes  # fmt: skip
    return jwt.encode(
        {k: v for k, v in claims.items() if v is not None}, DEVELOPMENT_SECRET, "HS256"
    )


def unsigned() -> str:
    """A token that says it needs no signature."""
    head, body, _ = signed().split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")
    return f"{head}.{body}."


def test_token_tells_who_it_was_issued_to_until_its_life_ends() -> None:
    tokens = Tokens(SETTINGS)
    assert tokens.verify(tokens.issue(CALLER)) == CALLER
    almost = utc_now() - timedelta(seconds=30)
    assert tokens.verify(tokens.issue(CALLER, almost)) == CALLER
    with pytest.raises(UnauthenticatedError):
        tokens.verify(tokens.issue(CALLER, utc_now() - timedelta(seconds=61)))


def test_token_of_a_replica_whose_clock_is_ahead_is_accepted() -> None:
    ahead = utc_now() + timedelta(seconds=MARGIN)
    assert Tokens(SETTINGS).verify(Tokens(SETTINGS).issue(CALLER, ahead)) == CALLER


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="nothing"),
        pytest.param("abc", id="no token"),
        pytest.param(unsigned(), id="one without a signature"),
        pytest.param(signed()[:-4] + "AAAA", id="another signature"),
        pytest.param(signed(iss="other"), id="another issuer"),
        pytest.param(signed(aud="other"), id="another audience"),
        pytest.param(signed(exp=None), id="one that never ends"),
        pytest.param(signed(role=None), id="no role"),
        pytest.param(signed(role="owner"), id="an unknown role"),
        pytest.param(signed(sub="x"), id="a user that is no number"),
        pytest.param(
            Tokens(AuthSettings(secret=SecretStr("x" * 32))).issue(CALLER), id="another secret"
        ),
    ],
)
def test_token_that_is_not_ours_is_refused(token: str) -> None:
    with pytest.raises(UnauthenticatedError):
        Tokens(SETTINGS).verify(token)


def test_token_like_ours_is_accepted() -> None:
    assert Tokens(SETTINGS).verify(signed()) == CALLER


@pytest.mark.parametrize(
    ("role", "covered"),
    [
        (Role.READER, {Role.READER}),
        (Role.EDITOR, {Role.READER, Role.EDITOR}),
        (Role.ADMIN, {Role.READER, Role.EDITOR, Role.ADMIN}),
    ],
)
def test_role_covers_itself_and_the_lesser_ones(role: Role, covered: set[Role]) -> None:
    assert {needed for needed in Role if role.covers(needed)} == covered
