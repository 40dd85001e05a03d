"""report.html of two compared capacities."""

from __future__ import annotations

from harness.judge.capacity.compare import CapacityComparison
from harness.judge.capacity.judge import interval_text
from harness.judge.capacity.model import CapacitySearch, CapacitySetting
from harness.report.capacity import compare_words as wording
from harness.report.capacity.words import facts, gave_way_texts, short_of_texts
from harness.report.html.document import document
from harness.report.html.panel import short
from harness.report.parts.words import clean


def capacity_compare_page(
    comparison: CapacityComparison, setting: CapacitySetting, *, exit_code: int
) -> str:
    """The content of report.html."""
    sides = (("baseline", comparison.baseline), ("candidate", comparison.candidate))
    drawn = searches_data(comparison)
    return document(
        "capacity_compare.html",
        {"capacities": [drawn]},
        title=wording.pair_title(setting),
        outcome=comparison.outcome,
        exit_code=exit_code,
        headline=f"{comparison.headline}; {wording.pairs_cost(comparison, setting)}",
        setting=setting,
        comparison=comparison,
        drawn=drawn,
        words=wording,
        lists=[
            (f"The {name} {what}", texts)
            for name, side in sides
            for what, texts in (
                ("gave way", gave_way_texts(side)),
                ("was short of", short_of_texts(side)),
            )
        ],
        facts=[(clean(a, 60), clean(b, 1000)) for a, b in facts(setting)],
    )


def searches_data(comparison: CapacityComparison) -> dict[str, object]:
    """The capacity by each search as data for the script of the page, per second."""
    found: list[tuple[str, CapacitySearch]] = [
        (f"pair {number}: {side}", search)
        for number, pair in enumerate(comparison.pairs, 1)
        for side, search in (("baseline", pair.baseline), ("candidate", pair.candidate))
    ]
    brackets = [search.bracket for _, search in found]
    known = [one for one in brackets if one.lower is not None or one.upper is not None]
    return {
        "searches": [name for name, _ in found],
        "lower": [None if one.lower is None else short(one.lower) for one in brackets],
        "upper": [None if one.upper is None else short(one.upper) for one in brackets],
        "texts": [interval_text(one.lower, one.upper) for one in brackets],
        "outcomes": ["pass" if one in known else "inconclusive" for one in brackets],
        "about": ", ".join(f"{name} {wording.searched_text(search)}" for name, search in found),
    }
