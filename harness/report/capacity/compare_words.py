"""The words that all reports of two compared capacities share."""

from __future__ import annotations

from harness.judge.capacity.compare import CapacityComparison, SearchPair
from harness.judge.capacity.judge import interval_text
from harness.judge.capacity.model import CapacitySearch, CapacitySetting
from harness.judge.compare.describe import interval_text as change_text
from harness.report.parts.words import NO_DATA, clean
from harness.units import Unit, format_quantity

BASELINE, CANDIDATE = "Baseline", "Candidate"  # labels of the facts
RULE = (
    "A pair is one search with the baseline and one with the candidate, whose steps take turns. "
    "The interval of the change covers the intervals of all pairs."
)


def pair_title(setting: CapacitySetting) -> str:
    """The title, such as "shop, scenario load: capacity against main (1a2b3c4d)"."""
    against = setting.facts.get(BASELINE, "the baseline")
    return clean(f"{setting.service}, scenario {setting.scenario}: capacity against {against}", 300)


def searched_text(search: CapacitySearch) -> str:
    """The capacity by one search, such as "between 120/s and 126/s"."""
    text = interval_text(search.bracket.lower, search.bracket.upper)
    return text if search.end == "found" else f"{text} ({search.end})"


def pair_change(pair: SearchPair) -> str:
    """The change by one pair, such as "-9.5% .. +5.0%"; a dash where it does not count."""
    return (change_text(*pair.change) if pair.complete else "") or NO_DATA


def total_change(comparison: CapacityComparison) -> str:
    """The change by all pairs, such as "-9.5% .. +5.0%"."""
    return change_text(comparison.check.lower, comparison.check.upper) or NO_DATA


def pairs_cost(comparison: CapacityComparison, setting: CapacitySetting) -> str:
    """Pairs, steps and time, such as "2 pairs of searches, 48 steps, 14 min"."""
    count = len(comparison.pairs)
    steps = sum(len(p.baseline.steps) + len(p.candidate.steps) for p in comparison.pairs)
    pairs = "1 pair" if count == 1 else f"{count} pairs"
    seconds = format_quantity(setting.seconds, Unit.SECONDS)
    return f"{pairs} of searches, {steps} step{'' if steps == 1 else 's'}, {seconds}"
