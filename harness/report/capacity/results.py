"""capacity.json: a capacity for programs, by the contract in capacity.schema.json."""

from __future__ import annotations

from harness.judge.capacity.model import (
    Capacity,
    CapacitySearch,
    CapacitySetting,
    CapacityStep,
    PastCapacity,
)
from harness.judge.model import Verdict
from harness.report.run.results import json_text, judged_value, number

SCHEMA = 1


def capacity_json(capacity: Capacity, setting: CapacitySetting, *, exit_code: int) -> str:
    """The content of capacity.json.

    Args:
        capacity: The result.
        setting: What was searched.
        exit_code: The exit code of the command.

    Returns:
        Indented JSON with a stable order of keys. Rates are per second. Measured values have 12
        significant digits; a value that is missing or not finite is null.
    """
    return json_text(
        {
            "schema": SCHEMA,
            "outcome": capacity.outcome,
            "exit_code": exit_code,
            "service": setting.service,
            "scenario": setting.scenario,
            "started": setting.started,
            "seconds": number(setting.seconds),
            "lower": number(capacity.lower),
            "upper": number(capacity.upper),
            "end": capacity.end,
            "headline": capacity.headline,
            "range": {
                "from": capacity.range.start,
                "to": capacity.range.most,
                "least": number(capacity.range.least),
                "within": capacity.range.within,
            },
            "checks": [_verdict(check) for check in capacity.checks],
            "gave_way": [
                {"rate": one.rate, "budget": _verdict(one.verdict)} for one in capacity.gave_way
            ],
            "short_of": list(capacity.short_of),
            "searches": [_search(search) for search in capacity.searches],
            "baseline": None if capacity.past is None else _past(capacity.past),
            "left_out": list(setting.left_out),
            "harness_version": setting.harness_version,
            "commit": setting.commit,
            "host": dict(setting.host),
            "facts": dict(setting.facts),
        }
    )


def _search(search: CapacitySearch) -> dict[str, object]:
    found = search.bracket
    return {
        "lower": number(found.lower),
        "upper": number(found.upper),
        "undecided": list(found.undecided),
        "end": search.end,
        "reason": search.reason,
        "steps": [_step(step) for step in search.steps],
    }


def _step(step: CapacityStep) -> dict[str, object]:
    return {
        "rate": step.rate,
        "result": step.result,
        "reason": step.reason,
        "guard": step.guard,
        "seconds": number(step.seconds),
        "folder": step.folder,
        "answered": number(step.answered),
        "p95": number(step.p95),
        "error_ratio": number(step.error_ratio),
        "usage": [
            {
                "name": one.name,
                "value": number(one.value),
                "unit": one.unit.value,
                "limit": number(one.limit),
            }
            for one in step.usage
        ],
        "budgets": [_verdict(verdict) for verdict in step.verdicts],
    }


def _verdict(verdict: Verdict) -> dict[str, object]:
    return {**judged_value(verdict), "reason": verdict.reason, "guard": verdict.guard}


def _past(past: PastCapacity) -> dict[str, object]:
    return {
        "name": past.name,
        "lower": number(past.lower),
        "upper": number(past.upper),
        "max_regression": past.max_regression,
        "not_comparable": past.not_comparable,
    }
