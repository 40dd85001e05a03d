"""The elements of the reports in GitHub's Markdown.

Text from outside is shown literally: names as code, and in sentences every character that is
mark-up in Markdown or HTML is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from harness.judge.model import Outcome
from harness.report.parts.safe import code, prose
from harness.report.parts.words import ByOutcome, Judged, clean, notes_of, reasons

TEXT = 400  # characters shown of a sentence
_LINK = 250
COMMENT_LIMIT = 65_536  # characters that a comment may have on GitHub
FEWEST = 3  # rows of each table and list of a comment
SIGNS: ByOutcome = {"fail": "❌", "inconclusive": "❔", "warn": "⚠️", "pass": "✅"}
_LINKABLE = re.compile(r"https?://[\w./:%?#&=+~,;-]+")


def document(*parts: Iterable[str]) -> str:
    """The lines of all parts as one text."""
    return "\n".join(chain.from_iterable(parts)).rstrip("\n") + "\n"


def heading(outcome: Outcome, title: str, headline: str) -> Iterator[str]:
    """The outcome with the title, and a sentence about it."""
    yield from (
        f"## {SIGNS[outcome]} {outcome.upper()}: {prose(title)}",
        "",
        sentence(headline),
        "",
    )


def marker(what: str, service: str, scenario: str) -> str:
    """An invisible first line of a comment, by which a later run finds and replaces it.

    Such as `<!-- harness run sample-app smoke -->`.
    """
    words = (re.sub(r"[^\w.]+", "-", word).strip("-") for word in (what, service, scenario))
    return f"<!-- harness {' '.join(words)} -->"


def fitted(write: Callable[[int], str], most: int) -> str:
    """A comment with as many rows as the limit of a pull request allows.

    Args:
        write: From the maximum rows of each table and list to the whole comment, which must fit
            with `FEWEST` rows.
        most: The maximum rows to try first.
    """
    for rows in (most, 20):
        text = write(rows)
        if len(text) <= COMMENT_LIMIT:
            return text
    return write(FEWEST)


def reason_list(
    judged: Sequence[Judged],
    most: int,
    where: str,
    notes: Mapping[str, Sequence[str]] | None = None,
) -> Iterator[str]:
    """The reason of each budget that does not pass, and the next step.

    Args:
        judged: The budgets, the worst first.
        most: The maximum number of budgets to show.
        where: The file with all reasons.
        notes: Lines below the reason, by the name of the budget.
    """
    failing = [one for one in judged if one.outcome != "pass"]
    if not failing:
        return
    yield "### Reasons"
    yield ""
    for group in reasons(failing[:most]):
        names = ", ".join(code(one.name) for one in group.budgets)
        text = prose(clean(group.reason, TEXT))
        if group.advice:
            text = f"{text.rstrip('.')}. Next: {prose(clean(group.advice, TEXT))}"
        yield f"- **{group.budgets[0].outcome}** {names}: {text}{link(group.runbook)}"
        yield from (f"  - {prose(clean(line, TEXT))}" for line in notes_of(group, notes))
    yield ""
    yield from and_more(len(failing) - most, f"reasons in {where}")


def details(summary: str, content: Iterator[str]) -> Iterator[str]:
    """Content behind a summary that unfolds; nothing without content."""
    lines = list(content)
    if lines:
        yield from (f"<details><summary>{summary}</summary>", "", *lines, "</details>", "")


def and_more(count: int, what: str) -> Iterator[str]:
    """A line that `count` more are not shown; nothing for 0."""
    if count > 0:
        yield from (f"... and {count} more {what}", "")


def sentence(text: str) -> str:
    """Text as a sentence, in which no character acts as mark-up."""
    return f"{prose(text[:1].upper() + text[1:])}."


def link(url: str) -> str:
    """The runbook after a reason; only a plain URL becomes a link."""
    if not url:
        return ""
    if len(url) <= _LINK and _LINKABLE.fullmatch(url):
        return f" ([runbook]({url}))"
    return f" (runbook: {prose(clean(url, _LINK))})"


def block(texts: Sequence[str]) -> Iterator[str]:
    """Lines of text as they are, such as the output of a program; nothing without lines."""
    if texts:
        # Indented code: no character in it acts as mark-up, not even a fence.
        yield from (*(f"    {text}".rstrip() for text in texts), "")
