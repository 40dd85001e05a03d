"""Logs hold no passwords, tokens or e-mail addresses, whoever writes them."""

from __future__ import annotations

import json
import logging
import sys
import time

import pytest

from sample_app.core.logs.json_lines import JsonFormatter
from sample_app.core.logs.redaction import HIDDEN, redact
from sample_app.core.security.roles import Caller, Role
from sample_app.core.security.tokens import Tokens
from sample_app.settings import AuthSettings

TOKEN = Tokens(AuthSettings()).issue(Caller(1, Role.ADMIN))


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        pytest.param("sent to ada.l+x@mail.example.com", ["ada", "example"], id="an address"),
        pytest.param("password=hunter2&x=1", ["hunter2"], id="a password in a form"),
        pytest.param('{"password": "hunter2"}', ["hunter2"], id="a password in JSON"),
        pytest.param("{'new_password': 'hunter2'}", ["hunter2"], id="a password in a dict"),
        pytest.param(f"Authorization: Bearer {TOKEN}", [TOKEN, TOKEN[:30]], id="a header"),
        pytest.param(f"bearer {TOKEN}", [TOKEN, TOKEN[:30]], id="a bearer token"),
        pytest.param(f"could not read {TOKEN}!", [TOKEN, TOKEN[-20:]], id="a bare token"),
        pytest.param("postgresql://me:pw123@db/x", ["pw123"], id="a password in a URL"),
        pytest.param("('$argon2id$v=19$m=1,t=2,p=1$uq/B+$c5', 1)", ["uq/", "c5"], id="a hash"),
        pytest.param("SECRET=abc TOKEN: def", ["abc", "def"], id="variables"),
    ],
)
def test_redact_text_with_a_secret_hides_it(text: str, hidden: list[str]) -> None:
    assert HIDDEN in redact(text)
    for secret in hidden:
        assert secret not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/v1/contacts/7 200",
        "SELECT users.id, users.password_hash FROM users WHERE users.email = ?",
        "The token is not valid or has expired.",
        "sqlite+aiosqlite:///./sample.db",
        "slow query, 1.5 s at 12:30:05",
    ],
)
def test_redact_text_without_a_secret_leaves_it(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("part", ["a", "a.", "@", "eyJ", "password=", "Bearer ", "://a:", "a@b."])
def test_redact_text_made_to_be_slow_is_still_linear(part: str) -> None:
    """Ten times the text takes about ten times as long: a quadratic search took a hundred."""

    def seconds(repetitions: int) -> float:
        text = part * repetitions
        best = 1e9
        for _ in range(3):
            started = time.process_time()
            redact(text)
            best = min(best, time.process_time() - started)
        return best

    assert seconds(50_000) < 40 * seconds(5_000) + 0.01


def test_log_line_hides_secrets_in_message_extras_and_exception() -> None:
    try:
        raise ValueError("no user ada@example.com")
    except ValueError:
        record = logging.LogRecord(
            "t", logging.INFO, __file__, 1, "for %s", ("ada@example.com",), sys.exc_info()
        )
    record.password = "hunter2"
    record.body = {"email": "ada@example.com", "access_token": "abc", "id": 7}
    record.status = 200
    text = JsonFormatter().format(record)
    for secret in ("ada@", "hunter2", "abc"):
        assert secret not in text
    line = json.loads(text)
    assert line["message"] == f"for {HIDDEN}"
    assert line["body"] == {"email": HIDDEN, "access_token": HIDDEN, "id": 7}
    assert line["status"] == 200
    assert "no user" in line["exception"]
