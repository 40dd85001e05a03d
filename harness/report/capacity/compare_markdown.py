"""compare.md and comment.md of two compared capacities."""

from __future__ import annotations

from collections.abc import Iterator

from harness import names
from harness.judge.capacity.compare import CapacityComparison
from harness.judge.capacity.model import CapacitySetting
from harness.report.capacity import compare_words as wording
from harness.report.capacity.markdown import text_list
from harness.report.capacity.words import facts, gave_way_texts, short_of_texts
from harness.report.parts.markdown import (
    and_more,
    details,
    document,
    heading,
    marker,
    reason_list,
)
from harness.report.parts.safe import prose
from harness.report.parts.words import clean

_FACT = 1000  # characters shown of each
_FEW_PAIRS = 3  # in a comment


def capacity_compare_markdown(comparison: CapacityComparison, setting: CapacitySetting) -> str:
    """The content of compare.md, always under 1 MiB."""
    sides = tuple(
        (name, capacity, f"{name}/{names.CAPACITY_FILE}")
        for name, capacity in (
            ("baseline", comparison.baseline),
            ("candidate", comparison.candidate),
        )
    )
    return document(
        _heading(comparison, setting),
        reason_list([comparison.check], 1, names.CAPACITY_COMPARE_FILE),
        _pairs(comparison, len(comparison.pairs)),
        *(
            text_list(f"The {name} gave way", gave_way_texts(one), file)
            for name, one, file in sides
        ),
        *(
            text_list(f"The {name} was short of", short_of_texts(one), file)
            for name, one, file in sides
        ),
        text_list("Budgets left out", setting.left_out, names.CAPACITY_COMPARE_FILE),
        details("Searches", _facts(setting)),
    )


def capacity_compare_comment(comparison: CapacityComparison, setting: CapacitySetting) -> str:
    """The content of comment.md, at most 20 lines: the verdict and the first pairs."""
    return document(
        [marker("compare-capacity", setting.service, setting.scenario)],
        _heading(comparison, setting),
        reason_list([comparison.check], 1, names.CAPACITY_COMPARE_FILE),
        _pairs(comparison, _FEW_PAIRS),
    )


def _heading(comparison: CapacityComparison, setting: CapacitySetting) -> Iterator[str]:
    headline = f"{comparison.headline}; {wording.pairs_cost(comparison, setting)}"
    return heading(comparison.outcome, wording.pair_title(setting), headline)


def _pairs(comparison: CapacityComparison, most: int) -> Iterator[str]:
    yield from ("### Pairs of searches", "", "| pair | baseline | candidate | change |")
    yield "| ---: | --- | --- | ---: |"
    for number, pair in enumerate(comparison.pairs[:most], 1):
        one, other = wording.searched_text(pair.baseline), wording.searched_text(pair.candidate)
        yield f"| {number} | {one} | {other} | {wording.pair_change(pair)} |"
    yield ""
    yield from and_more(len(comparison.pairs) - most, f"pairs in {names.CAPACITY_COMPARE_FILE}")
    yield from (wording.RULE, "")


def _facts(setting: CapacitySetting) -> Iterator[str]:
    yield from (
        f"- {prose(clean(label, 60))}: {prose(clean(text, _FACT))}"
        for label, text in facts(setting)
    )
    yield ""
