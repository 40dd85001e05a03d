"""compare.json: a comparison for programs, by the contract in compare.schema.json."""

from __future__ import annotations

from dataclasses import asdict

from harness.judge.compare.model import BudgetChange, Comparison, Control, Setting, ShareChange
from harness.report.run.results import json_text, number

SCHEMA = 1


def compare_json(comparison: Comparison, setting: Setting, *, exit_code: int) -> str:
    """The content of compare.json.

    Args:
        comparison: The outcome and the changes.
        setting: The compared versions.
        exit_code: The exit code of the command.

    Returns:
        Indented JSON with a stable order of keys. Measured values have 12 significant digits; a
        value that is missing or not finite is null.
    """
    return json_text(
        {
            "schema": SCHEMA,
            "outcome": comparison.outcome,
            "exit_code": exit_code,
            "done": comparison.done,
            "comparison": asdict(setting),
            "rules": asdict(comparison.rules),
            "pairs": comparison.pairs,
            "seconds": number(comparison.seconds),
            "budgets": [_budget(change) for change in comparison.changes],
            "omissions": [asdict(omission) for omission in comparison.omissions],
            "error": comparison.error,
            "controls": [_control(control) for control in comparison.controls],
        }
    )


def _control(control: Control) -> dict[str, object]:
    return {
        "name": control.name,
        "source": control.source,
        "outcome": control.outcome,
        "estimate": number(control.estimate),
        "lower": number(control.lower),
        "upper": number(control.upper),
        "pairs": control.pairs,
    }


def _budget(change: BudgetChange) -> dict[str, object]:
    return {
        "name": change.name,
        "outcome": change.outcome,
        "decision": change.decision,
        "severity": change.severity,
        "direction": change.direction,
        "unit": change.unit.value,
        "tolerance": number(change.tolerance),
        "estimate": number(change.estimate),
        "lower": number(change.lower),
        "upper": number(change.upper),
        "detectable": number(change.detectable),
        "baseline": number(change.baseline),
        "candidate": number(change.candidate),
        "pairs": change.pairs,
        "left_out": change.left_out,
        "decided_after": change.decided_after,
        "seconds": number(change.seconds),
        "log_ratios": [number(ratio) for ratio in change.ratios],
        "reason": change.reason,
        "advice": change.advice,
        "whole": change.whole,
        "share_over": None if change.share_over is None else _share(change.share_over),
    }


def _share(share: ShareChange) -> dict[str, object]:
    return {
        "bound": number(share.bound),
        "unit": share.unit.value,
        "difference": number(share.difference),
        "lower": number(share.lower),
        "upper": number(share.upper),
    }
