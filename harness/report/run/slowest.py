"""The slowest requests that a report shows."""

from __future__ import annotations

from harness.judge.model import Judgement
from harness.runs.model import Evidence, SlowRequest

SHOWN = 3  # of each endpoint
_MOST_ENDPOINTS = 3


def slowest(judgement: Judgement, evidence: Evidence) -> list[SlowRequest]:
    """The slowest requests of each endpoint with a latency breach, otherwise of the whole run.

    Returns:
        `SHOWN` for each endpoint, the slowest first; empty if the run recorded none.
    """
    breached = [v.request for v in judgement.verdicts if v.outcome == "fail"]
    requests = list(dict.fromkeys(request for request in breached if request is not None))
    if not requests or "" in requests:
        return list(evidence.slowest[:SHOWN])
    result: list[SlowRequest] = []
    for request in requests[:_MOST_ENDPOINTS]:
        result += [one for one in evidence.slowest if one.request == request][:SHOWN]
    return sorted(result, key=lambda one: -one.latency)
