"""What the reports for a terminal are made of, whether they tell of a run or of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from harness.judge.model import Outcome
from harness.report.parts.words import Judged, clean, reasons

NAME, TEXT = 120, 1000  # characters shown of each
STYLES: dict[Outcome, str] = {
    "fail": "bold red",
    "inconclusive": "bold magenta",
    "warn": "yellow",
    "pass": "green",
}


def outcome_text(outcome: Outcome, says: str) -> Text:
    """Such as "FAIL api-latency-p95", with the outcome in its colour."""
    return Text.assemble((outcome.upper(), STYLES[outcome]), says)


def why(judged: Sequence[Judged]) -> Iterator[RenderableType]:
    """Below the names of the budgets that do not pass: the reason, and what to do next."""
    for told in reasons(judged):
        for budget in told.budgets:
            yield outcome_text(budget.outcome, f" {clean(budget.name, NAME)}")
        yield indented(clean(told.reason, TEXT))
        if told.advice:
            yield indented(f"next: {clean(told.advice, TEXT)}")
        if told.runbook:
            yield indented(f"runbook: {clean(told.runbook, TEXT)}")
        yield ""


def listed(title: str, texts: Sequence[str], most: int, where: str) -> Iterator[RenderableType]:
    """The first of some texts below their title; nothing at all when there are none.

    Args:
        title: What they are.
        texts: By whomever they were written.
        most: How many are shown.
        where: The file that has all of them.
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
    """The last lines: where all of it is stored, and what came out."""
    if folder is not None:
        yield Text(f"Stored in {clean(folder)}")
    yield outcome_text(outcome, f": {headline} (exit code {exit_code})")


def indented(text: str) -> Padding:
    """A paragraph that is told of what stands above it."""
    return Padding(Text(text), (0, 0, 0, 4), expand=False)
