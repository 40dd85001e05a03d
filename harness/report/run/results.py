"""results.json: a judged run for programs, by the contract in results.schema.json."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict

from harness.judge.costs import Cost, request_costs
from harness.judge.model import Guard, Judgement, Verdict
from harness.report.parts.failures import requests_of
from harness.report.parts.words import window_seconds
from harness.report.run.endpoints import EndpointLatency, endpoints
from harness.runs.model import Evidence, Manifest, SlowRequest

SCHEMA = 1
MOST_FAILURES = 1000  # kinds; one generator counts at most 200, and one more of each endpoint


def results_json(
    judgement: Judgement,
    evidence: Evidence,
    *,
    exit_code: int,
    baseline: Mapping[str, object] | None = None,
) -> str:
    """The content of results.json.

    Args:
        judgement: The outcome, the guards and the verdicts.
        evidence: The evidence of the judgement.
        exit_code: The exit code of the command; it differs from the judgement's after an interrupt
            and with `--warn-only`.
        baseline: The comparison with a stored run, if there is one.

    Returns:
        Indented JSON with a stable order of keys that UTF-8 can encode. Measured values have 12
        significant digits; a value that is missing or not finite is null.
    """
    document: dict[str, object] = {
        "schema": SCHEMA,
        "outcome": judgement.outcome,
        "exit_code": exit_code,
        "run": _run(evidence.manifest),
        "guards": [_guard(guard) for guard in judgement.guards],
        "budgets": [_budget(verdict) for verdict in judgement.verdicts],
        "costs": [_cost(cost) for cost in request_costs(evidence)],
        "endpoints": [_fields(endpoint) for endpoint in endpoints(evidence.latency)],
        "slowest": [_fields(request) for request in evidence.slowest],
        "failures": _failures(evidence),
    }
    if baseline is not None:
        document["baseline"] = baseline
    return json_text(document)


def json_text(document: dict[str, object]) -> str:
    """Indented JSON that UTF-8 can encode; a number that is not finite is null."""
    text = json.dumps(_finite(document), default=str, ensure_ascii=False, allow_nan=False, indent=2)
    # A path may contain undecodable bytes as lone surrogates, which UTF-8 cannot encode.
    return text.encode("utf-8", "replace").decode("utf-8") + "\n"


def _run(manifest: Manifest) -> dict[str, object]:
    fields = manifest.model_dump(exclude={"schema_version", "files"})
    return fields | {"window_seconds": window_seconds(manifest)}


def _guard(guard: Guard) -> dict[str, object]:
    return {
        "name": guard.name,
        "outcome": guard.outcome,
        "value": number(guard.value),
        "limit": number(guard.limit),
        "unit": guard.unit.value,
        "reason": guard.reason,
    }


def judged_value(verdict: Verdict) -> dict[str, object]:
    """What each document says of a verdict: its outcome, value, interval and bound."""
    return {
        "name": verdict.name,
        "outcome": verdict.outcome,
        "severity": verdict.severity,
        "value": number(verdict.value),
        "lower": number(verdict.lower),
        "upper": number(verdict.upper),
        "bound": number(verdict.bound),
        "direction": verdict.direction,
        "unit": verdict.unit.value,
    }


def _budget(verdict: Verdict) -> dict[str, object]:
    return {
        **judged_value(verdict),
        "margin": number(verdict.margin),
        "samples": verdict.samples,
        "source": verdict.source,
        "reason": verdict.reason,
        "guard": verdict.guard,
        "advice": verdict.advice,
        "at_least": verdict.at_least,
        "decide": verdict.decide,
        "bucket": None if verdict.bucket is None else [number(end) for end in verdict.bucket],
        "share_over": number(verdict.share_over),
        "share_allowed": number(verdict.share_allowed),
        "share_lower": number(verdict.share_lower),
        "share_upper": number(verdict.share_upper),
        "whole": verdict.whole,
    }


def _cost(cost: Cost) -> dict[str, object]:
    return {
        "name": cost.name,
        "value": number(cost.value),
        "lower": number(cost.lower),
        "upper": number(cost.upper),
        "unit": cost.unit.value,
        "source": cost.source,
    }


def _failures(evidence: Evidence) -> list[dict[str, object]]:
    requests = requests_of(evidence)
    zero = evidence.manifest.clock.zero
    return [
        {
            "request": one.request,
            "kind": one.kind,
            "status": one.status or None,
            "text": one.text,
            "varies": one.varies,
            "count": one.count,
            "requests": requests.get(one.request, 0),
            "total": one.total,
            "first": None if zero is None else number(round(one.first - zero, 3)),
            "last": None if zero is None else number(round(one.last - zero, 3)),
            "trace_id": one.trace_id,
            "replies": [asdict(reply) for reply in one.replies],
        }
        for one in evidence.failures[:MOST_FAILURES]
    ]


def _fields(record: EndpointLatency | SlowRequest) -> dict[str, object]:
    return {
        key: number(value) if isinstance(value, float) else value
        for key, value in asdict(record).items()
    }


def number(value: float | None) -> float | None:
    """A number without float noise (0.30000000000000004) and negative zero; None if not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.12g}") + 0.0


def _finite(value: object) -> object:
    """The document with None for numbers that are not finite; facts may contain any value."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
