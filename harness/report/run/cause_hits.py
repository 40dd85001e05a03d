"""How often the diagnosis of a self-test names the planted cause."""

from __future__ import annotations

from collections.abc import Sequence

from harness.diagnose.hits import CauseHit, count_within
from harness.report.parts.safe import clean, code

_WHAT = 100  # characters shown of what was named


def hit_line(hit: CauseHit) -> str:
    """Such as "cause first: n_plus_one: SELECT name FROM companies"."""
    return f"cause {rank_text(hit)}: {clean(hit.case)}: {clean(hit.first, _WHAT) or 'none named'}"


def hits_markdown(hits: Sequence[CauseHit]) -> str:
    """A table with a row for each planted cause, and the totals; empty without causes."""
    if not hits:
        return ""
    lines = ["", "| case | planted cause | its place | named first |", "| --- | --- | --- | --- |"]
    lines += (
        f"| {code(clean(hit.case))} | {code(clean(hit.expected))} | {rank_text(hit)} | "
        f"{code(clean(hit.first, _WHAT)) if hit.first else '-'} |"
        for hit in hits
    )
    return "\n".join([*lines, "", totals(hits), ""])


def totals(hits: Sequence[CauseHit]) -> str:
    """Such as "planted cause named first in 17 of 20 cases, among the first three in 19"."""
    first, among = count_within(hits, 1), count_within(hits, 3)
    return (
        f"planted cause named first in {first} of {len(hits)} cases, "
        f"among the first three in {among}"
    )


def rank_text(hit: CauseHit) -> str:
    """The place in words: "first", "not named"."""
    if hit.rank is None:
        return "not named"
    return {1: "first", 2: "second", 3: "third"}.get(hit.rank, f"number {hit.rank}")
