"""The elements of the reports for a terminal, for a run or a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.text import Text

from harness.judge.model import Outcome
from harness.report.parts.words import ByOutcome, Judged, clean, notes_of, reasons

NAME, TEXT = 120, 1000  # characters shown of each
MOST_LINES = 8  # of a budget that does not pass
_MORE = " ..."
_FEWEST_NOTES = 2  # lines, also below a long reason
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
    judged: Sequence[Judged],
    notes: Mapping[str, Sequence[str]] | None = None,
    *,
    cut_details: bool = False,
) -> Iterator[RenderableType]:
    """The names of the budgets that do not pass; below them the reason and the next step.

    Args:
        judged: The budgets, the worst first.
        notes: Lines below the reason, by the name of the budget.
        cut_details: Cut only details, which are notes that begin with a space; otherwise the last.
    """
    for group in reasons(judged):
        titles: list[RenderableType] = [
            outcome_text(one.outcome, f" {clean(one.name, NAME)}") for one in group.budgets
        ]
        after = [f"next: {group.advice}"] if group.advice else []
        after += [f"runbook: {group.runbook}"] if group.runbook else []
        yield _Reason(
            (*titles, indented(group.reason)),
            tuple(
                (indented(line), cut_details and not line.startswith(" "))
                for line in notes_of(group, notes)
            ),
            tuple(indented(line) for line in after),
            MOST_LINES * len(titles),
        )
        yield ""


@dataclass(frozen=True, slots=True)
class _Reason:
    """The lines on budgets with the same reason, whose notes are cut to what there is space for.

    Attributes:
        before: Names and reason; `notes` and `after` follow.
        notes: Each with whether it is shown whole.
        most: Lines of all, unless those that are shown whole have more.
    """

    before: tuple[RenderableType, ...]
    notes: tuple[tuple[RenderableType, bool], ...]
    after: tuple[RenderableType, ...]
    most: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines at the width of the terminal."""

        def lines(parts: tuple[RenderableType, ...]) -> list[list[Segment]]:
            return console.render_lines(Group(*parts), options, pad=False) if parts else []

        before, after = lines(self.before), lines(self.after)
        notes = [(line, whole) for note, whole in self.notes for line in lines((note,))]
        taken = len(before) + sum(whole for _, whole in notes) + len(after)
        cuttable = [number for number, (_, whole) in enumerate(notes) if not whole]
        space = max(_FEWEST_NOTES, self.most - taken)
        if left_out := cuttable[space:]:
            last = cuttable[space - 1]
            notes[last] = (_cut(notes[last][0], options.max_width), False)
        kept = [line for number, (line, _) in enumerate(notes) if number not in left_out]
        for line in (*before, *kept, *after):
            yield from line
            yield Segment.line()


def _cut(line: list[Segment], width: int) -> list[Segment]:
    """A line that ends with dots."""
    text = "".join(segment.text for segment in line).rstrip()
    space = width - len(_MORE)
    if cell_len(text) > space:
        text = set_cell_size(text, space).rstrip()
    return [Segment(text + _MORE)]


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
    yield from (indented(text) for text in texts[:most])
    if len(texts) > most:
        yield indented(f"... and {len(texts) - most} more in {where}")
    yield ""


def end(
    outcome: Outcome, headline: str, exit_code: int, folder: str | None, repeat: str = ""
) -> Iterator[RenderableType]:
    """The last lines: the folder, the command that repeats the run, and the outcome."""
    if folder is not None:
        yield Text(f"Stored in {clean(folder)}")
    if repeat:
        yield Text(f"Repeat with: {clean(repeat)}")
    yield outcome_text(outcome, f": {headline} (exit code {exit_code})")


def indented(text: str) -> Padding:
    """A paragraph below a name, of a text of any length and content."""
    return Padding(Text(clean(text, TEXT)), (0, 0, 0, 4), expand=False)
