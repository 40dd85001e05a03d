"""Keeps passwords, tokens and e-mail addresses out of all logs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

HIDDEN: Final = "[hidden]"
_SECRET: Final = r"(?:password|passwd|secret|token|authorization|cookie|api_?key)"  # noqa: S105
_NAMED: Final = re.compile(_SECRET, re.IGNORECASE)
# Every repetition is bounded: a line is searched in linear time whatever a client put into it.
_PATTERNS: Final = (
    # password=..., "token": "...", Authorization: Bearer ...
    (
        re.compile(
            rf"""({_SECRET}\w{{0,20}}["']?\s{{0,4}}[=:]\s{{0,4}}["']?(?:Bearer\s+)?)"""
            r"""[^\s"'&,;)}]{1,4096}""",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{1,4096}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{1,2048}\.[\w-]{1,4096}(?:\.[\w-]{0,2048})?"), HIDDEN),  # a JWT
    (re.compile(r"\$argon2[\w$=,+/-]{1,256}"), HIDDEN),  # a password's hash
    (re.compile(r"(://[^\s:/@]{0,128}:)[^\s@/]{1,256}@"), rf"\1{HIDDEN}@"),  # in a URL
    (re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), HIDDEN),  # an address
)


def redact(text: str) -> str:
    """The text without secrets and e-mail addresses."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
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
