"""Texts in PromQL."""

from __future__ import annotations

import json
import re


def text(value: str) -> str:
    """A string literal: PromQL's escapes are those of JSON."""
    return json.dumps(value, ensure_ascii=False)


def literal(value: str) -> str:
    """A regular expression that matches this text only."""
    return re.sub(r"[.+*?()|\[\]{}^$\\]", r"\\\g<0>", value)
