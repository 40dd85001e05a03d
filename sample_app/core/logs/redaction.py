"""Keeps passwords, tokens, cookies and e-mail addresses out of all logs.

In doubt too much is hidden: a log line that lacks a word costs less than one that holds a session.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

HIDDEN: Final = "[hidden]"
_LINES: Final = ("cookie", "authorization")  # their value is the rest of the line
_SECRETS: Final = (
    "password", "passwd", "passphrase", "pwd", "secret", "credential", "token", "session", "apikey",
    "api_key", "api-key", *_LINES,
)  # fmt: skip
_NAMED: Final = re.compile("|".join(_SECRETS), re.IGNORECASE)

# A name and what stands between it and its value: `=`, `: `, `": "`, `\": \"` (JSON in JSON),
# `', b'` (a pair).
_SIGN: Final = r"""[\w-]{0,20}(?:\\{0,3}["'][ \t]{0,4}[:=,]|[ \t]{0,4}[=:]{1,2}>?)[ \t]{0,4}+"""
_NAME: Final = f"(?:{'|'.join(_SECRETS)}){_SIGN}"
_OPEN: Final = r"(?:[a-z]{1,20}\()?b?\\{0,3}"  # before a quote: b'...', SecretStr('...')
_VALUES: Final = (
    rf"""({_NAME}{_OPEN}")(?:[^"\\\n]|\\.|"")*+""",
    rf"""({_NAME}{_OPEN}')(?:[^'\\\n]|\\.|'')*+""",
    rf"((?:{'|'.join(_LINES)}){_SIGN})[^\r\n]++",
    rf"({_NAME})[\[{{(][^\]}})\n]++",  # a list, a mapping
    rf"""({_NAME}(?:(?:Bearer|Basic)\s{{1,4}})?)[^\s"'&,;)}}\]]++""",
)
# Each with the texts of which one must be there, in lower case: most lines have none, and then no
# pattern is tried. Every repetition is bounded, or possessive and the last part of its pattern: a
# line is searched in linear time whatever a client put into it.
_PATTERNS: Final = tuple(
    (hints, re.compile(pattern, re.IGNORECASE))
    for hints, pattern in (
        (_SECRETS, "|".join(_VALUES)),
        (("bearer", "basic"), r"(\b(?:Bearer|Basic)\s+)[\w.~+/=-]{1,4096}"),
        (("eyj",), r"()\beyJ[\w-]{1,2048}\.[\w-]{1,4096}(?:\.[\w-]{0,2048})?"),  # a JWT
        (("$argon2",), r"()\$argon2[\w$=,+/-]{1,256}"),  # a password's hash
        (("://",), r"(://[^\s:/@]{0,128}:)[^\s@/]{1,256}(?=@)"),  # in a URL
        (("@",), r"()[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),  # an address
    )
)


def _kept(match: re.Match[str]) -> str:
    """The matched text with the value hidden; the only group that matched precedes the value."""
    return f"{match[match.lastindex or 0]}{HIDDEN}"


def redact(text: str) -> str:
    """The text without secrets and e-mail addresses."""
    lower = text.lower()
    for hints, pattern in _PATTERNS:
        if any(hint in lower for hint in hints):
            text = pattern.sub(_kept, text)
    return text


def redact_field(name: str, value: object) -> object:
    """A value that is logged under a name: hidden completely when the name is that of a secret."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    if _NAMED.search(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(k): redact_field(str(k), v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_field(name, v) for v in value]
    return redact(str(value))
