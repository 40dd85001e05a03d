"""The progress of a run as a view that a terminal redraws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report.parts.console import NAME, STYLES, outcome_text
from harness.report.parts.sparkline import sparkline
from harness.report.parts.words import WORST_FIRST, clean
from harness.report.run.live import decided_text, p95_text, rate_text, time_text
from harness.runs.model import Progress

_WIDEST = 100
_LABEL, _FIGURE = 11, 18  # cells of the first two columns
_MOST_BUDGETS = 6  # shown one by one


def progress_view(course: Sequence[Progress], title: str, width: int) -> RenderableType:
    """Phase, rate, p95, errors and requests in flight with sparklines; the decided budgets.

    Args:
        course: The progress of the last seconds, the latest last.
        title: The service and the scenario.
        width: Cells of the terminal.
    """
    width = min(width, _WIDEST)
    now = course[-1]
    head = Table.grid(padding=(0, 2, 0, 0), expand=True)
    head.width = width
    head.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    head.add_column(justify="right", no_wrap=True)
    head.add_row(Text(clean(title), "bold"), Text(f"{now.phase}  {time_text(now)}"))
    return Group(head, _bar(now, width), _figures(course, width - _LABEL - _FIGURE), *_budgets(now))


def _bar(now: Progress, width: int) -> Text:
    done = round(width * min(now.elapsed / now.total, 1.0)) if now.total else width
    return Text.assemble(("━" * done, STYLES["pass"]), ("─" * (width - done), "dim"))


def _figures(course: Sequence[Progress], room: int) -> Table:
    """A row for each figure: label, current value, sparkline of the last seconds."""
    now, shown = course[-1], course[-max(1, room) :]
    grid = Table.grid()
    grid.add_column(width=_LABEL, no_wrap=True)
    grid.add_column(width=_FIGURE, no_wrap=True)
    grid.add_column(no_wrap=True)
    rates = [one.rate for one in shown]
    highest = max(*rates, *(one.asked_rate or 0.0 for one in shown))
    counts = [one.errors for one in shown]
    new = [after - before for before, after in zip([counts[0], *counts], counts, strict=False)]
    red = STYLES["fail"] if now.errors else ""
    rows = (
        ("rate", rate_text(now), sparkline(rates, high=highest), ""),
        ("p95", p95_text(now), sparkline([one.p95 for one in shown]), ""),
        ("errors", str(now.errors), sparkline(new) if now.errors else "", red),
        ("in flight", str(now.in_flight), sparkline([one.in_flight for one in shown]), ""),
    )
    for label, figure, line, style in rows:
        grid.add_row(Text(label), Text(figure, style), Text(line, style or "cyan"))
    return grid


def _budgets(now: Progress) -> Iterator[RenderableType]:
    if not now.budgets:
        return
    yield Text(f"{'budgets':<{_LABEL}}{decided_text(now)}")
    worst_first = [
        outcome_text(outcome, f" {clean(name, NAME)}")
        for outcome in WORST_FIRST
        for name, decided in now.budgets
        if decided == outcome
    ]
    yield from worst_first[:_MOST_BUDGETS]
