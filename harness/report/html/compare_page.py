"""report.html of a comparison: the regression of each budget, and each pair."""

from __future__ import annotations

from math import expm1, inf, isfinite

from harness.judge.compare.model import BudgetChange, Comparison, Rules, Setting
from harness.judge.compare.sequential import design, look
from harness.report.compare import words as wording
from harness.report.html.differences import DifferencesSection
from harness.report.html.document import PROFILE, document
from harness.report.html.panel import short
from harness.report.parts.words import clean, worst_first

MOST_CHARTS = 50
_PER_CENT = 100.0


def compare_page(
    comparison: Comparison,
    setting: Setting,
    *,
    exit_code: int,
    why: DifferencesSection | None = None,
) -> str:
    """The content of report.html.

    Args:
        comparison: The outcome and the changes.
        setting: The compared versions.
        exit_code: The exit code of the command.
        why: The causes of the regressions; None when both versions were not recorded.
    """
    changes = worst_first(comparison.changes)
    charted = [change for change in changes if change.pairs][:MOST_CHARTS]
    data: dict[str, object] = {}
    if charted:
        family = len(comparison.changes)
        data["changes"] = [change_data(one, comparison.rules, family) for one in charted]
    if why is not None:
        data[PROFILE] = why.profile
    return document(
        "compare.html",
        data,
        title=wording.title(setting),
        outcome=comparison.outcome,
        exit_code=exit_code,
        headline=f"{wording.headline(comparison)}; {wording.cost(comparison)}",
        never_began=comparison.never_began,
        failure=wording.failure(comparison),
        setting=setting,
        changes=changes,
        rule=wording.RULE,
        charted=charted,
        drawn=data.get("changes", ()),
        left_out=wording.left_out(comparison),
        why=why,
        facts=[(clean(a, 60), clean(b, 1000)) for a, b in wording.facts(comparison, setting)],
    )


def change_data(change: BudgetChange, rules: Rules, family: int) -> dict[str, object]:
    """A chart of the pairs of a budget, for the script; values are regressions in per cent.

    Args:
        change: A change with at least one pair.
        rules: The rules of the comparison.
        family: The number of budgets in the comparison.

    Returns:
        Each pair, the estimate after each pair, and the interval after each pair, which is the
        intersection of all intervals until then.
    """
    plan = design(change.tolerance, rules.most, alpha=rules.alpha / family, beta=rules.beta)
    estimates: list[tuple[int, float]] = []
    band: list[tuple[int, float, float]] = []
    known: list[float] = []
    ends = (-inf, inf)
    for number, ratio in enumerate(change.ratios, 1):
        if ratio is None:
            continue
        known.append(ratio)
        state = look(known, plan)
        if len(known) <= plan.most:
            lower = max(ends[0], min(state.lower, ends[1]))
            ends = (lower, min(ends[1], max(state.upper, lower)))
        estimates.append((number, _percent(state.estimate or 0.0)))
        if all(map(isfinite, ends)):
            band.append((number, _percent(ends[0]), _percent(ends[1])))
    numbers = [number for number, _ in estimates]
    return {
        "pairs": {"x": numbers, "y": [_percent(ratio) for ratio in known]},
        "estimate": {"x": numbers, "y": [estimate for _, estimate in estimates]},
        "band": {
            "x": [number for number, *_ in band],
            "lower": [lower for _, lower, _ in band],
            "upper": [upper for *_, upper in band],
        },
        "tolerance": short(_PER_CENT * change.tolerance),
        "about": _about(change),
    }


def _percent(log_ratio: float) -> float:
    return short(_PER_CENT * expm1(log_ratio))


def _about(change: BudgetChange) -> str:
    tolerated = f"{wording.share_text(change.tolerance)} tolerated"
    return f"{wording.regression_text(change)}, {tolerated}, {wording.counted_pairs(change)}"
