"""Which of the slowest requests a report shows."""

from __future__ import annotations

from harness.judge.model import Judgement
from harness.runs.model import Evidence, SlowRequest

SHOWN = 3  # of each request
_MOST_REQUESTS = 3


def slowest(judgement: Judgement, evidence: Evidence) -> list[SlowRequest]:
    """The slowest of each request whose latency is over its budget, else of the whole run.

    Returns:
        `SHOWN` of each, the slowest first; empty when the run tells of none.
    """
    breached = [v.request for v in judgement.verdicts if v.outcome == "fail"]
    requests = list(dict.fromkeys(request for request in breached if request is not None))
    if not requests or "" in requests:
        return list(evidence.slowest[:SHOWN])
    found: list[SlowRequest] = []
    for request in requests[:_MOST_REQUESTS]:
        found += [one for one in evidence.slowest if one.request == request][:SHOWN]
    return sorted(found, key=lambda one: -one.latency)
