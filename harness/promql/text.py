"""Texts in PromQL."""

from __future__ import annotations

import json


def text(value: str) -> str:
    """A string literal: PromQL's escapes are those of JSON."""
    return json.dumps(value, ensure_ascii=False)
