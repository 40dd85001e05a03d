"""capacity-compare.json: two capacities, by the contract in capacity-compare.schema.json."""

from __future__ import annotations

from harness.judge.capacity.compare import CapacityComparison, SearchPair
from harness.judge.capacity.model import Capacity, CapacitySearch, CapacitySetting
from harness.report.run.results import json_text, number

SCHEMA = 1


def capacity_compare_json(
    comparison: CapacityComparison, setting: CapacitySetting, *, exit_code: int
) -> str:
    """The content of capacity-compare.json.

    Args:
        comparison: The result.
        setting: What was searched.
        exit_code: The exit code of the command.

    Returns:
        Indented JSON with a stable order of keys. Rates are per second, changes are shares:
        -0.1 is 10% lower. A value that is missing or not finite is null.
    """
    check = comparison.check
    return json_text(
        {
            "schema": SCHEMA,
            "outcome": comparison.outcome,
            "exit_code": exit_code,
            "service": setting.service,
            "scenario": setting.scenario,
            "started": setting.started,
            "seconds": number(setting.seconds),
            "headline": comparison.headline,
            "reason": check.reason,
            "lower": number(check.lower),
            "upper": number(check.upper),
            "max_regression": number(-check.bound),
            "baseline": _side(comparison.baseline),
            "candidate": _side(comparison.candidate),
            "pairs": [_pair(pair) for pair in comparison.pairs],
            "left_out": list(setting.left_out),
            "harness_version": setting.harness_version,
            "commit": setting.commit,
            "host": dict(setting.host),
            "facts": dict(setting.facts),
        }
    )


def _side(capacity: Capacity) -> dict[str, object]:
    return {"lower": number(capacity.lower), "upper": number(capacity.upper)}


def _pair(pair: SearchPair) -> dict[str, object]:
    low, high = pair.change
    return {
        "complete": pair.complete,
        "lower": number(low),
        "upper": number(high),
        "baseline": _search(pair.baseline),
        "candidate": _search(pair.candidate),
    }


def _search(search: CapacitySearch) -> dict[str, object]:
    return {
        "lower": number(search.bracket.lower),
        "upper": number(search.bracket.upper),
        "end": search.end,
        "reason": search.reason,
        "steps": [
            {"rate": step.rate, "result": step.result, "folder": step.folder}
            for step in search.steps
        ],
    }
