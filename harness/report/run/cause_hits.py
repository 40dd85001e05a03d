"""How often the diagnosis of a self-test names the planted cause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.diagnose.hits import TIGHT, CauseHit, FalseCauses, count_within
from harness.report.parts.safe import clean, code, prose

_WHAT = 100  # characters shown of what was named


def hit_line(hit: CauseHit) -> str:
    """Such as "cause first: n_plus_one: SELECT name FROM companies"."""
    return f"cause {rank_text(hit)}: {clean(hit.case)}: {clean(hit.first, _WHAT) or 'none named'}"


def hits_markdown(hits: Sequence[CauseHit], unfounded: Sequence[FalseCauses] = ()) -> str:
    """A table with a row for each planted cause, and the totals; empty without either."""
    lines = []
    if hits:
        lines += ["", "| case | planted cause | its place | named first |"]
        lines += ["| --- | --- | --- | --- |"]
    lines += (
        f"| {code(clean(hit.case))} | {code(clean(hit.expected))} | {rank_text(hit)} | "
        f"{code(clean(hit.first, _WHAT)) if hit.first else '-'} |"
        for hit in hits
    )
    found = _counts(hits, unfounded)
    named = [f"- {prose(text)}" for text in _named(unfounded)]
    return "\n".join([*lines, "", *found, *([""] if named else []), *named, ""]) if found else ""


def totals(hits: Sequence[CauseHit], unfounded: Sequence[FalseCauses] = ()) -> list[str]:
    """The counts, and below them each cause that was named where nothing is planted."""
    return [*_counts(hits, unfounded), *(f"    {text}" for text in _named(unfounded))]


def _named(unfounded: Sequence[FalseCauses]) -> Iterator[str]:
    """Such as "api-latency-p95: SELECT name FROM companies"."""
    for one in unfounded:
        yield from (f"{clean(budget)}: {clean(what, _WHAT)}" for budget, what in one.named)


def _counts(hits: Sequence[CauseHit], unfounded: Sequence[FalseCauses]) -> list[str]:
    """Such as "planted cause named first in 17 of 20 cases, among the first three in 19"."""
    lines = []
    if hits:
        first, among = count_within(hits, 1), count_within(hits, 3)
        lines.append(
            f"planted cause named first in {first} of {len(hits)} cases, "
            f"among the first three in {among}"
        )
    if unfounded:
        named = sum(len(one.named) for one in unfounded)
        budgets = sum(one.budgets for one in unfounded)
        lines.append(
            f"nothing planted, bounds {1 - TIGHT:.0%} too tight: a cause named for {named} of "
            f"{budgets} budgets"
        )
    return lines


def rank_text(hit: CauseHit) -> str:
    """The place in words: "first", "not named"."""
    if hit.rank is None:
        return "not named"
    return {1: "first", 2: "second", 3: "third"}.get(hit.rank, f"number {hit.rank}")
