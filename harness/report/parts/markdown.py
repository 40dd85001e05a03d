"""What the reports in Markdown (GitHub's) are made of.

Text from outside is shown literally: names as code, sentences with every character escaped that
Markdown or HTML would act on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from harness.judge.model import Outcome
from harness.report.parts.words import Judged, clean, reasons

NAME, TEXT = 120, 400  # characters shown of each
_LINK = 250
COMMENT_LIMIT = 65_536  # characters that a comment may have on GitHub
FEWEST = 3  # rows of each table and list of a comment
SIGNS: dict[Outcome, str] = {"fail": "❌", "inconclusive": "❔", "warn": "⚠️", "pass": "✅"}
_PLAIN_CODE = re.compile(r"[^\s<>&|`\\$@]+( [^\s<>&|`\\$@]+)*")
_LINKABLE = re.compile(r"https?://[\w./:%?#&=+~,;-]+")
_ACTED_ON = str.maketrans(
    {character: f"\\{character}" for character in "\\`*_[]~#|$"}
    | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
    # An address of a person would notify them; hosts do not look past an empty character.
    | {"@": "@&#8203;"}
)


def document(*parts: Iterable[str]) -> str:
    """The lines of all parts as a whole text."""
    return "\n".join(chain.from_iterable(parts)).rstrip("\n") + "\n"


def heading(outcome: Outcome, title: str, says: str) -> Iterator[str]:
    """What came out of what, and a sentence on it."""
    yield from (f"## {SIGNS[outcome]} {outcome.upper()}: {prose(title)}", "", sentence(says), "")


def marker(what: str, service: str, scenario: str) -> str:
    """What a comment begins with, so that the next one on the same can take its place.

    It is not shown. Such as `<!-- harness run sample-app smoke -->`.
    """
    words = (re.sub(r"[^\w.]+", "-", word).strip("-") for word in (what, service, scenario))
    return f"<!-- harness {' '.join(words)} -->"


def fitted(write: Callable[[int], str], most: int) -> str:
    """A comment that a pull request takes, of as many rows as that allows.

    Args:
        write: From the most rows of each table and list to the whole comment. With the fewest it
            must fit whatever it tells.
        most: Rows to begin with.
    """
    for rows in (most, 20):
        text = write(rows)
        if len(text) <= COMMENT_LIMIT:
            return text
    return write(FEWEST)


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
