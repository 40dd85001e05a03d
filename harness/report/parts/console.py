"""The elements of the reports for a terminal, for a run or a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from harness.judge.model import Outcome
from harness.report.parts.words import ByOutcome, Judged, clean, notes_of, reasons

NAME, TEXT = 120, 1000  # characters shown of each
STYLES: ByOutcome = {
    "fail": "bold red",
    "inconclusive": "bold magenta",
    "warn": "yellow",
    "pass": "green",
}


def outcome_text(outcome: Outcome, text: str) -> Text:
    """Such as "FAIL api-latency-p95", with the outcome in its colour."""
    return Text.assemble((outcome.upper(), STYLES[outcome]), text)


def reason_parts(
    judged: Sequence[Judged], notes: Mapping[str, Sequence[str]] | None = None
) -> Iterator[RenderableType]:
    """The names of the budgets that do not pass; below them the reason and the next step.

    Args:
        judged: The budgets, the worst first.
        notes: Lines below the reason, by the name of the budget.
    """
    for group in reasons(judged):
        for budget in group.budgets:
            yield outcome_text(budget.outcome, f" {clean(budget.name, NAME)}")
        yield indented(clean(group.reason, TEXT))
        for line in notes_of(group, notes):
            yield indented(clean(line, TEXT))
        if group.advice:
            yield indented(f"next: {clean(group.advice, TEXT)}")
        if group.runbook:
            yield indented(f"runbook: {clean(group.runbook, TEXT)}")
        yield ""


def listed(title: str, texts: Sequence[str], most: int, where: str) -> Iterator[RenderableType]:
    """Some texts below a title; nothing without texts.

    Args:
        title: The title.
        texts: The texts, of any length and content.
        most: The maximum number of texts to show.
        where: The file with all of them.
    """
    if not texts:
        return
    yield Text(title, "bold")
    yield from (indented(clean(text, TEXT)) for text in texts[:most])
    if len(texts) > most:
        yield indented(f"... and {len(texts) - most} more in {where}")
    yield ""


def end(
    outcome: Outcome, headline: str, exit_code: int, folder: str | None
) -> Iterator[RenderableType]:
    """The last lines: the folder and the outcome."""
    if folder is not None:
        yield Text(f"Stored in {clean(folder)}")
    yield outcome_text(outcome, f": {headline} (exit code {exit_code})")


def indented(text: str) -> Padding:
    """A paragraph below a name."""
    return Padding(Text(text), (0, 0, 0, 4), expand=False)
