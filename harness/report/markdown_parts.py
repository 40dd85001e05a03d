"""What the reports in Markdown (GitHub's) are made of.

Text from outside is shown literally: names as code, sentences with every character escaped that
Markdown or HTML would act on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from harness.judge.model import Outcome
from harness.report.wording import Judged, clean, reasons

NAME, TEXT = 120, 400  # characters shown of each
_LINK = 250
SIGNS: dict[Outcome, str] = {"fail": "❌", "inconclusive": "❔", "warn": "⚠️", "pass": "✅"}
_PLAIN_CODE = re.compile(r"[^\s<>&|`\\$@]+( [^\s<>&|`\\$@]+)*")
_LINKABLE = re.compile(r"https?://[\w./:%?#&=+~,;-]+")
_ACTED_ON = str.maketrans(
    {character: f"\\{character}" for character in "\\`*_[]~#|$"}
    | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
    # An address of a person would notify them; hosts do not look past an empty character.
    | {"@": "@&#8203;"}
)


def why(judged: Sequence[Judged], most: int, where: str) -> Iterator[str]:
    """For each budget that does not pass the reason, and what to do next.

    Args:
        judged: In the order of trouble.
        most: How many budgets are told of.
        where: The file that has all reasons.
    """
    troubled = [one for one in judged if one.outcome != "pass"]
    if not troubled:
        return
    yield "### Why"
    yield ""
    for told in reasons(troubled[:most]):
        names = ", ".join(code(one.name) for one in told.budgets)
        text = prose(clean(told.reason, TEXT))
        if told.advice:
            text = f"{text.rstrip('.')}. Next: {prose(clean(told.advice, TEXT))}"
        yield f"- **{told.budgets[0].outcome}** {names}: {text}{link(told.runbook)}"
    yield ""
    yield from and_more(len(troubled) - most, f"reasons in {where}")


def details(summary: str, content: Iterator[str]) -> Iterator[str]:
    """Content that is folded away; nothing at all when there is none."""
    lines = list(content)
    if lines:
        yield from (f"<details><summary>{summary}</summary>", "", *lines, "</details>", "")


def and_more(count: int, what: str) -> Iterator[str]:
    """That so many more are not shown, if any."""
    if count > 0:
        yield from (f"... and {count} more {what}", "")


def code(name: str) -> str:
    """A name as code, on which no host acts: no mark-up, no mention, no link."""
    name = clean(name, NAME)
    if _PLAIN_CODE.fullmatch(name):
        return f"`{name}`"
    # Character references, because neither `|` in a table nor a backtick can stand in backticks.
    shown = "".join(c if c.isalnum() or c in " -" else f"&#{ord(c)};" for c in name)
    return f"<code>{shown}</code>"


def prose(text: str) -> str:
    """Text in which no character acts as mark-up."""
    return text.translate(_ACTED_ON)


def sentence(text: str) -> str:
    """Text as a sentence, in which no character acts as mark-up."""
    return f"{prose(text[:1].upper() + text[1:])}."


def link(url: str) -> str:
    """A runbook behind a reason; only what is plainly an address becomes a link."""
    if not url:
        return ""
    if len(url) <= _LINK and _LINKABLE.fullmatch(url):
        return f" ([runbook]({url}))"
    return f" (runbook: {prose(clean(url, _LINK))})"
