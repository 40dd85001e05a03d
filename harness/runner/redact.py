"""Hides secrets in what a service answers and in the messages of failed requests.

Secrets are found by their form: values of names such as "password" or "token", credentials of URLs
and of the Authorization header, JSON Web Tokens, keys of well-known services, private keys.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import Final

from harness.runner.mask import HIDDEN, Mask
from harness.runs.records.failed import FailedReply, Failures

MOST_TEXT: Final = 300  # characters that are stored of a message
MOST_BODY: Final = 2048  # characters that are stored of an answer

_WORDS = (
    "passw(?:or)?d|passphrase|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|authorization"
    "|credentials?|cookie|session[-_]?id|sessionid|csrf|jwt|otp"
)
_FORMS = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*-----|\Z)"), HIDDEN),
    # "password": "...", token=..., Set-Cookie: ...
    (
        re.compile(
            rf"(?i)((?<![\w-])[\w-]{{0,40}}?(?:{_WORDS})[\w-]{{0,20}}\\?[\"']?\s{{0,3}}[:=]\s{{0,3}})"
            r"(\\?\"(?:[^\"\\]|\\.)*(?:\\?\"|\Z)|'[^']*(?:'|\Z)"
            r"|(?:(?:bearer|basic|digest)\s+)?[^\s,;&\"'}\])<>]+)"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b((?:bearer|basic)\s+)[\w.~+/=-]{8,}"), rf"\1{HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,2}"), HIDDEN),
    (re.compile(r"(://)[^/@\s:\"'<>]{1,100}(?::[^/\s\"'<>]{0,200})?@"), rf"\1{HIDDEN}@"),
    (
        re.compile(r"\b(?:gh[opsu]_|github_pat_|glpat-|xox[abp]-|sk[-_]|AKIA)[\w-]{12,}"),
        HIDDEN,
    ),
)


def redacted(failures: Failures, mask: Mask) -> Failures:
    """Failed requests with texts that hold no secret and are not long.

    Args:
        failures: As a generator reports them.
        mask: Hides values of environment variables.
    """
    return replace(
        failures,
        text=_cut(without_secrets(mask(failures.text)), MOST_TEXT),
        replies=tuple(_reply(reply, mask) for reply in failures.replies),
    )


@lru_cache(maxsize=1000)
def without_secrets(text: str) -> str:
    """The text with "***" in the place of each secret that has a known form."""
    for form, shown in _FORMS:
        text = form.sub(shown, text)
    return text


def _reply(reply: FailedReply, mask: Mask) -> FailedReply:
    body = _cut(without_secrets(mask(reply.body)), MOST_BODY)
    return replace(reply, body=body, content_type=without_secrets(mask(reply.content_type)))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 4]} ..."
