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
        pytest.param("token: Bearer 3f9a", ["3f9a"], id="a token with its scheme"),
        pytest.param("pwd=hunter2&x=1", ["hunter2"], id="a short name"),
        pytest.param("session=3f9a; theme=dark", ["3f9a"], id="a session"),
        pytest.param("X-Session-Id: 3f9a", ["3f9a"], id="a session in a header"),
        pytest.param('password="two words; and, more" x', ["two", "words", "more"], id="quoted"),
        pytest.param("passphrase = 'two words'", ["two", "words"], id="quoted once"),
        pytest.param(r'"password": "a\"b c", "id": 7', ["b c"], id="an escaped quote"),
        pytest.param("PASSWORD 'x' pwd='it''s me'", ["it", "me"], id="a doubled quote"),
        pytest.param('{"pwd": "never closed', ["never", "closed"], id="a quote never closed"),
        pytest.param(r'"{\"password\": \"hunter2\"}"', ["hunter2"], id="JSON in JSON"),
        pytest.param("token=SecretStr('ab cd')", ["ab", "cd"], id="in a call"),
        pytest.param("token = b'ab cd'", ["ab", "cd"], id="bytes"),
        pytest.param('tokens: ["ab cd", "ef"]', ["ab", "cd", "ef"], id="a list"),
        pytest.param("Cookie: a=1; sid=zz; b=2", ["a=1", "zz", "b=2"], id="every cookie"),
        pytest.param("Set-Cookie: sid=zz; Path=/", ["zz"], id="a cookie that is set"),
        pytest.param("{'cookie': 'a=1; sid=zz', 'x': 1}", ["a=1", "zz"], id="cookies in a dict"),
        pytest.param("[(b'cookie', b'a=1; sid=zz')]", ["a=1", "zz"], id="cookies in ASGI headers"),
        pytest.param(
            'Authorization: Digest username="ada", response="0f"', ["ada", "0f"], id="a digest"
        ),
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
        '    async with self._sessions() as session:\n  File "x.py", line 3',
    ],
)
def test_redact_text_without_a_secret_leaves_it(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "part",
    [
        *("a", "a.", "@", "eyJ", "password=", "Bearer ", "://a:", "a@b.", "pwd", "pwd ", "cookie"),
        *("token='", 'token="\\', "token=[", "session-", "session'"),
    ],
)
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

    assert seconds(10_000) < 40 * seconds(1_000) + 0.01


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


def test_text_after_the_hidden_value_is_kept() -> None:
    assert redact("{'pwd': 'a b', 'id': 7}") == f"{{'pwd': '{HIDDEN}', 'id': 7}}"
    assert redact("session=3f9a&page=2") == f"session={HIDDEN}&page=2"
    assert redact("Cookie: a=1; b=2\nHost: x") == f"Cookie: {HIDDEN}\nHost: x"
