"""Filters on a label that match no series: whether they are mistaken, or the series is not born.

A counter of failures has no series before the first failure. So a filter that matches nothing is
no mistake in itself. It is one if it can never match: another spelling of a value that exists, or
another way to write the status of an answer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from difflib import SequenceMatcher
from typing import Final

from harness.budgets.selector import Matcher

_CLOSE: Final = 0.8  # similarity of two spellings of one value
_STATUS: Final = re.compile(r"[1-5](?:[0-9]{2}|xx|XX)")
_MEANT_AS_PATTERN: Final = re.compile(r"\.\.|\.[*+]|[\[\]|^$]")


def mistake(matcher: Matcher, seen: Collection[str]) -> str:
    """Why a filter that matches none of the values of a label can never match one.

    Args:
        matcher: The filter.
        seen: The values of the label that exist; at least one.

    Returns:
        What was probably meant, as a part of a sentence; empty when such a value may come.
    """
    if matcher.negated or any(matcher.matches(value) for value in seen):
        return ""
    pattern = matcher.operator == "=~"
    if not pattern and (near := next(_near(matcher.value, seen), "")):
        return f'did you mean "{near}"?'
    if not pattern and _MEANT_AS_PATTERN.search(matcher.value):
        return f'a regular expression has a ~ before it: "~{matcher.value}"'
    if all(_STATUS.fullmatch(value) for value in seen):
        return _wrong_status(matcher, seen)
    if not pattern and _other_case(matcher.value, seen):
        return "the values have another case"
    return ""


def _near(wanted: str, seen: Collection[str]) -> Iterator[str]:
    """Other spellings of a value; one that differs in digits only is another value."""
    for value in sorted(seen):
        if _plain(value) == _plain(wanted):
            yield value
    for value in sorted(seen):
        alike = SequenceMatcher(None, value, wanted).ratio() >= _CLOSE
        if alike and re.sub(r"\d", "", value) != re.sub(r"\d", "", wanted):
            yield value


def _plain(value: str) -> str:
    return re.sub(r"[^a-z0-9]", "", value.casefold()) or value


def _wrong_status(matcher: Matcher, seen: Collection[str]) -> str:
    """Whether no status fits that is written like those that exist, such as 500 beside 2xx."""
    forms = {re.sub(r"^[1-5]", "", value) for value in seen}
    grouped = forms & {"xx", "XX"}
    exact = [str(number) for number in range(100, 600)] if forms - grouped else []
    every = [*exact, *(f"{first}{form}" for first in range(1, 6) for form in grouped)]
    if any(matcher.matches(value) for value in every):
        return ""
    shown = "grouped, as in 5" + min(grouped) if grouped else "written out, as in 500 or ~5.."
    return f"the values are {shown}"


def _other_case(wanted: str, seen: Collection[str]) -> bool:
    lower, upper = all(map(str.islower, seen)), all(map(str.isupper, seen))
    return (wanted.isupper() and lower) or (wanted.islower() and upper)
