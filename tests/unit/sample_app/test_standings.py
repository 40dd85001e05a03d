"""Changed roles and ended sessions: what counts for a token that says otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sample_app.core.errors import UnauthenticatedError
from sample_app.core.security.roles import Caller, Role
from sample_app.core.security.standings import Standings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CALLER = Caller(7, Role.EDITOR, "s-1")


def test_caller_without_changes_is_as_the_token_says() -> None:
    standings = Standings(900)
    standings.update({8: Role.ADMIN}, ["s-2"], NOW)
    assert standings.current(CALLER) is CALLER


def test_role_of_the_last_read_counts_until_it_is_the_one_of_all_tokens() -> None:
    standings = Standings(900)
    standings.update({7: Role.READER}, [], NOW)
    assert standings.current(CALLER) == Caller(7, Role.READER, "s-1")
    standings.update({7: Role.ADMIN}, [], NOW)
    assert standings.current(CALLER).role is Role.ADMIN
    standings.update({}, [], NOW)
    assert standings.current(CALLER).role is Role.EDITOR


def test_ended_session_is_remembered_as_long_as_its_tokens_are_valid() -> None:
    standings = Standings(900)
    standings.update({}, ["s-1"], NOW)
    standings.update({}, ["s-1"], NOW + timedelta(seconds=60))  # reads overlap
    standings.update({}, [], NOW + timedelta(seconds=899))
    with pytest.raises(UnauthenticatedError, match="The session has ended"):
        standings.current(CALLER)
    standings.update({}, [], NOW + timedelta(seconds=900))
    assert standings.current(CALLER) is CALLER


def test_token_without_a_session_ends_with_none() -> None:
    standings = Standings(900)
    standings.update({}, ["s-1"], NOW)
    assert standings.current(Caller(7, Role.EDITOR)).session == ""
