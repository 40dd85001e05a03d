"""The capacities of the searches in a folder, for `harness history`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.console import RenderableType
from rich.text import Text

from harness.judge.capacity.judge import interval_text
from harness.judge.capacity.ratio import relative_change
from harness.judge.compare.describe import interval_text as change_text
from harness.report.parts.console import NAME, STYLES, listed
from harness.report.parts.sparkline import sparkline
from harness.report.parts.terminal import Column, render, table
from harness.report.parts.words import NO_DATA, clean, moment
from harness.report.run.results import number
from harness.runs.capacity import PastSearch

MOST_SEARCHES = 20
_MOST_LEFT_OUT = 5
OTHER_HOST = "other machine"


@dataclass(frozen=True, slots=True)
class CapacityHistory:
    """The searches of one scenario, the oldest first."""

    service: str
    scenario: str
    searches: tuple[PastSearch, ...]


def capacity_histories(searches: Iterable[PastSearch]) -> list[CapacityHistory]:
    """Group searches by service and scenario.

    Args:
        searches: The oldest first.
    """
    grouped: dict[tuple[str, str], list[PastSearch]] = {}
    for one in searches:
        grouped.setdefault((one.capacity.service, one.capacity.scenario), []).append(one)
    return [CapacityHistory(*key, tuple(grouped[key])) for key in sorted(grouped)]


def capacity_history(
    searches: Sequence[PastSearch], left_out: Sequence[str], *, width: int, color: bool
) -> str:
    """The latest capacities of each scenario, with the trend of their lower ends.

    Args:
        searches: The oldest first.
        left_out: Why other searches are left out.
        width: Cells of the terminal, at least 40; no line is longer.
        color: Colours and line drawing for a terminal; otherwise plain ASCII lines.

    Returns:
        An empty text without searches.
    """
    if not searches and not left_out:
        return ""
    parts: list[RenderableType] = []
    for history in capacity_histories(searches):
        shown = history.searches[-MOST_SEARCHES:]
        lowers = [one.capacity.lower for one in shown]
        trend = sparkline(lowers, low=0.0, high=max((v for v in lowers if v), default=1.0))
        parts += [Text(f"{title_of(history)} {trend}", "bold"), ""]
        columns = _columns(shown, changes(history)[-MOST_SEARCHES:])
        parts += [table(columns, name=1, width=width, color=color), ""]
    parts += listed("Searches left out", left_out, _MOST_LEFT_OUT, "the folder")
    return render(parts[:-1], width=width, color=color)


def title_of(history: CapacityHistory) -> str:
    """The title, such as "sample-app, scenario smoke: capacity"."""
    return clean(f"{history.service}, scenario {history.scenario}: capacity", 200)


def capacity_interval(one: PastSearch) -> str:
    """The capacity of a search, such as "between 120/s and 126/s"."""
    return interval_text(one.capacity.lower, one.capacity.upper)


def changes(history: CapacityHistory) -> list[str]:
    """The change of each capacity from the one before, such as "-9.5% .. +5%"."""
    return [
        *([NO_DATA] if history.searches else []),
        *(_change(one, before) for before, one in pairwise(history.searches)),
    ]


def capacities_document(searches: Iterable[PastSearch]) -> list[dict[str, object]]:
    """The capacities of each scenario for JSON, rates per second."""
    return [
        {
            "service": history.service,
            "scenario": history.scenario,
            "searches": [_search(one) for one in history.searches],
        }
        for history in capacity_histories(searches)
    ]


def _search(one: PastSearch) -> dict[str, object]:
    found = one.capacity
    return {
        "folder": str(one.path),
        "started": number(found.started),
        "commit": found.commit or None,
        "outcome": found.outcome,
        "end": found.end,
        "lower": number(found.lower),
        "upper": number(found.upper),
    }


def _change(one: PastSearch, before: PastSearch) -> str:
    now, then = one.capacity, before.capacity
    if now.host != then.host:
        return OTHER_HOST
    found = relative_change((now.lower, now.upper), (then.lower, then.upper))
    return change_text(*found) or NO_DATA


def _columns(searches: Sequence[PastSearch], compared: Sequence[str]) -> list[Column]:
    found = [one.capacity for one in searches]
    return [
        Column(
            "outcome",
            [one.outcome.upper() for one in found],
            styles=[STYLES[one.outcome] for one in found],
        ),
        Column("search", [clean(one.path.name, NAME) for one in searches]),
        Column("capacity", [capacity_interval(one) for one in searches], gives_way=1),
        Column("change", list(compared), gives_way=4),
        Column("started", [moment(one.started) for one in found], gives_way=2),
        Column("commit", [clean(one.commit[:8], 12) or NO_DATA for one in found], gives_way=3),
    ]
