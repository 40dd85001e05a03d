"""The summary of a comparison for CI step summaries and pull-request comments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.judge.comparison import Change, Comparison
from harness.report import compare_wording as wording
from harness.report.compare_wording import Setting
from harness.report.markdown import (
    MOST_BUDGETS,
    MOST_REASONS,
    SIGNS,
    and_more,
    code,
    details,
    link,
    prose,
    sentence,
)
from harness.report.wording import clean, moment, value_text
from harness.units import Unit, format_quantity

MOST_OMISSIONS = 30
_REASON, _FACT = 400, 1000  # characters shown of each


def compare_markdown(comparison: Comparison, setting: Setting) -> str:
    """The content of summary.md, under 1 MiB whatever is compared."""
    changes, outcome = wording.by_trouble(comparison.changes), comparison.outcome
    lines = [
        f"## {SIGNS[outcome]} {outcome.upper()}: {prose(wording.title(setting))}",
        "",
        sentence(f"{wording.headline(comparison)}; {wording.cost(comparison)}"),
        "",
        *_budgets(changes),
        *_reasons(changes),
        *_left_out(comparison),
        *details("Comparison", _facts(comparison, setting)),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _budgets(changes: Sequence[Change]) -> Iterator[str]:
    if not changes:
        return
    yield (
        "| outcome | budget | worse by | interval | tolerated | could see | pairs | baseline"
        " | candidate | load |"
    )
    yield f"| --- | --- | ---: | --- |{' ---: |' * 6}"
    for change in changes[:MOST_BUDGETS]:
        cells = (
            f"{SIGNS[change.outcome]} {change.outcome}",
            code(change.name),
            wording.estimate_text(change),
            prose(wording.range_text(change)),
            wording.share_text(change.tolerance),
            wording.share_text(change.detectable),
            wording.pairs_text(change),
            value_text(change.baseline, change.unit),
            value_text(change.candidate, change.unit),
            wording.seconds_text(change.seconds),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield from and_more(len(changes) - MOST_BUDGETS, "budgets in compare.json")


def _reasons(changes: Sequence[Change]) -> Iterator[str]:
    troubled = [change for change in changes if change.outcome != "pass"]
    if not troubled:
        return
    yield "### Why"
    yield ""
    for group, reason, runbook in wording.reasons(troubled[:MOST_REASONS]):
        names = ", ".join(code(change.name) for change in group)
        told = prose(clean(reason, _REASON))
        yield f"- **{group[0].outcome}** {names}: {told}{link(runbook)}"
    yield ""
    yield from and_more(len(troubled) - MOST_REASONS, "reasons in compare.json")


def _left_out(comparison: Comparison) -> Iterator[str]:
    found = wording.left_out(comparison)
    if not found:
        return
    yield "### Pairs left out"
    yield ""
    yield from (f"- {prose(clean(text, _REASON))}" for text in found[:MOST_OMISSIONS])
    yield ""
    yield from and_more(len(found) - MOST_OMISSIONS, "in compare.json")


def _facts(comparison: Comparison, setting: Setting) -> Iterator[str]:
    rules = comparison.rules
    alpha, beta = (format_quantity(level, Unit.RATIO) for level in (rules.alpha, rules.beta))
    facts = {
        "Baseline": setting.baseline,
        "Candidate": setting.candidate,
        "Started": moment(setting.started),
        "False alarms": f"at most {alpha} of such comparisons without a change",
        "Missed": f"at most {beta} of the budgets that are worse by what is tolerated",
        "Most pairs": str(rules.most),
        "Harness": setting.harness_version,
        **setting.facts,
    }
    yield from (
        f"- {prose(clean(label, 60))}: {prose(clean(text, _FACT))}" for label, text in facts.items()
    )
    yield ""
