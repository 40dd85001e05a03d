"""The causes of each breach of a run, ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from harness.budgets.dialects.model import MetricRole, Recognition
from harness.budgets.model import Budget, Latency, Quantile, selectors
from harness.diagnose.answers import (
    Analysis,
    failed_requests,
    functions,
    holders,
    statements,
    time_of_requests,
)
from harness.diagnose.caches import misses
from harness.diagnose.functions import busy, loop_stacks
from harness.diagnose.model import Diagnosis, Explanation
from harness.diagnose.questions import question_of
from harness.diagnose.traces import Trace, traces_of
from harness.judge.model import Judgement, Verdict
from harness.runs.model import Evidence
from harness.runs.records.profile import total
from harness.runs.records.recording import Recording

MOST: Final = 3  # causes of a budget
LEAST: Final = 0.2  # share below which a part is no cause: many small ones are none
NO_SINGLE: Final = "no single cause found"


def diagnose(
    judgement: Judgement,
    budgets: Sequence[Budget],
    evidence: Evidence,
    recording: Recording,
    roles: Recognition,
) -> Diagnosis:
    """Explain each budget that failed, and each undecided one whose value is beyond its bound.

    Args:
        judgement: Of the run.
        budgets: The budgets of the run.
        evidence: Of the judged window.
        recording: Of the time after it.
        roles: What the service's metrics mean.
    """
    traces = traces_of(recording.spans)
    case = _Case(evidence, recording, traces, roles)
    by_name = {budget.name: budget for budget in budgets}
    explanations = tuple(
        case.explain(verdict, by_name[verdict.name])
        for verdict in judgement.verdicts
        if _is_over(verdict) and verdict.name in by_name
    )
    samples = total(recording.wall) + total(recording.cpu)
    return Diagnosis(explanations, len(traces), len(recording.spans), samples)


@dataclass(frozen=True, slots=True)
class _Case:
    """All that is known of a run whose breaches are explained."""

    evidence: Evidence
    recording: Recording
    traces: Sequence[Trace]
    roles: Recognition

    def explain(self, verdict: Verdict, budget: Budget) -> Explanation:
        answer = self._answer(verdict, budget)
        if answer.missing:
            return Explanation(budget.name, note=answer.missing)
        ranked = sorted(answer.causes, key=lambda one: -one.share)
        causes = tuple(one for one in ranked if one.lower >= LEAST)[:MOST]
        unexplained = max(0.0, 1.0 - sum(one.share for one in causes))
        note = "" if causes else f"{NO_SINGLE}: no part has {LEAST:.0%} of {answer.about}"
        return Explanation(budget.name, answer.about, causes, unexplained, note)

    def _answer(self, verdict: Verdict, budget: Budget) -> Analysis:
        question = question_of(budget, self.roles)
        wall = self.recording.wall
        match question:
            case "time":
                found = _of_request(verdict.request or "", self.traces, self.recording)
                found = _of_routes(budget, found, self.roles)
                answer = time_of_requests(found, self.recording, _slow_above(budget))
            case "errors":
                fitting = [
                    one
                    for one in self.evidence.failures
                    if verdict.failing in {None, "", one.request}
                ]
                answer = failed_requests(fitting, self.traces)
            case "statements":
                answer = statements(self.traces, by_time=False)
            case "statement time":
                answer = statements(self.traces, by_time=True)
            case "pool":
                answer = holders(self.traces)
            case "cache":
                answer = misses(budget, self.evidence)
            case "loop":
                answer = functions(busy(loop_stacks(wall)), "the time of the event loop")
            case "cpu":
                answer = functions(self.recording.cpu, "the CPU time of the service")
            case "nothing":
                answer = Analysis(missing="a recording of some seconds does not explain it")
            case _:
                assert_never(question)
        return answer


def _is_over(verdict: Verdict) -> bool:
    beyond = verdict.margin is not None and verdict.margin < 0
    return verdict.outcome == "fail" or (verdict.outcome == "inconclusive" and beyond)


def _slow_above(budget: Budget) -> float | None:
    """Seconds above which a request is slow by a budget; None if it does not say."""
    indicator = budget.indicator
    if isinstance(indicator, Latency | Quantile) and budget.direction == "max":
        return budget.bound
    return None


def _of_request(request: str, traces: Sequence[Trace], recording: Recording) -> list[Trace]:
    """The traces of a request of the locustfile: of the endpoints that served it.

    Args:
        request: Its name; empty is every request.
        traces: All traces.
        recording: Its slowest requests name the traces of a request.
    """
    if not request:
        return list(traces)
    endpoints = _endpoints(traces, recording).get(request, {request})
    return [one for one in traces if one.endpoint in endpoints]


def _of_routes(budget: Budget, traces: Sequence[Trace], roles: Recognition) -> list[Trace]:
    """The traces of the routes that a budget on the service's own metric filters by."""
    latency = roles.played.get(MetricRole.SERVER_LATENCY)
    route = latency.labels.get("route", "") if latency else ""
    for selector in selectors(budget.indicator)[:1]:
        matcher = selector.matchers.get(route)
        if matcher is not None:
            return [one for one in traces if matcher.matches(one.endpoint.rpartition(" ")[2])]
    return list(traces)


def _endpoints(traces: Sequence[Trace], recording: Recording) -> Mapping[str, set[str]]:
    """The endpoints of the service by the name of the request in the locustfile."""
    by_id = {one.root.trace_id: one.endpoint for one in traces}
    found: dict[str, set[str]] = {}
    for one in recording.slowest:
        if endpoint := by_id.get(one.trace_id):
            found.setdefault(one.request, set()).add(endpoint)
    return found
