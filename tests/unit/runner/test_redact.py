"""Secrets of known forms, and values of the environment, do not reach the run folder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.runner.mask import mask_of
from harness.runner.redact import MOST_BODY, MOST_TEXT, redacted, without_secrets
from harness.runs.records.failed import FailedReply, Failures

SECRET = "hunter2hunter2"
FORMS = [
    '{{"password": "{}", "user": "ada"}}',
    '{{"db_passwd":"{}"}}',
    '{{\\"token\\": \\"{}\\"}}',
    "client_secret={}&x=1",
    "?api_key={}&x=1",
    "Authorization: Bearer {}",
    "authorization: Basic {}",
    "X-Api-Key: {}",
    "Set-Cookie: {}; Path=/",
    "sessionid='{}'",
    "postgresql://ada:{}@db/x",
    "postgresql://ada:p@{}@db/x",
    "used Bearer {} to call",
    "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n{}",
    "ghp_{}hunter2hunter2",
    "key AKIA{}",
    "eyJhbGciOiJIUzI1NiJ9.{}.sig",
]


@pytest.mark.parametrize("form", FORMS)
def test_secret_is_replaced(form: str) -> None:
    text = without_secrets(form.format(SECRET))
    assert SECRET not in text
    assert "***" in text


@pytest.mark.parametrize(
    "text",
    ['{"detail": "no item 7", "user": "ada"}', "token expired", "GET http://127.0.0.1:8000/x", ""],
)
def test_text_without_a_secret_stays(text: str) -> None:
    assert without_secrets(text) == text


@given(st.text(), st.sampled_from(FORMS))
def test_secret_is_replaced_whatever_is_around_it(around: str, form: str) -> None:
    assert SECRET not in without_secrets(f"{around} {form.format(SECRET)} {around}")


def test_texts_of_failures_are_masked_and_cut() -> None:
    mask = mask_of("${DSN}", {"DSN": "topsecretvalue"})
    body = "x" * (MOST_BODY - 3) + "topsecretvalue" + "y" * 900
    reply = FailedReply(1.0, 500, "text/plain", 4000, body)
    failures = Failures(
        *("GET", "/a", "check", 200, f"no topsecretvalue {'z' * 400}", "g"),
        *({1: 1}, 1.0, 1.0, False, "", (reply,)),
    )
    found = redacted(failures, mask)
    assert found.text.startswith("no ${DSN} zzz")
    assert len(found.text) == MOST_TEXT
    assert len(found.replies[0].body) == MOST_BODY
    assert "tops" not in found.replies[0].body
