"""The causes of each breach of a run, ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from harness.budgets.dialects.model import Recognition
from harness.budgets.model import Budget, Latency, Mean, Quantile, Rate
from harness.diagnose.account import service_account, slow_exemplars
from harness.diagnose.answers import (
    NO_RULE,
    NO_TRACES,
    Analysis,
    SpanFilter,
    calls,
    failed_requests,
    functions,
    loop_functions,
    statements,
    time_of_requests,
)
from harness.diagnose.caches import lookups, misses, overwrites
from harness.diagnose.evidence.cpu import CpuAccount, cpu_account
from harness.diagnose.evidence.handler_routes import handler_name
from harness.diagnose.evidence.memory import allocations
from harness.diagnose.evidence.routes import route_costs
from harness.diagnose.evidence.sizes import answer_sizes
from harness.diagnose.evidence.start import start_parts
from harness.diagnose.evidence.tasks import task_times
from harness.diagnose.functions import HandlerTime, busy, handler_times, without_waiting
from harness.diagnose.logs import log_records
from harness.diagnose.model import Cause, Diagnosis, Explanation
from harness.diagnose.pool import connections
from harness.diagnose.questions import (
    Question,
    answers_of_routes,
    counted_spans,
    endpoints_by_request,
    failures_of,
    of_request,
    of_routes,
    question_of,
)
from harness.diagnose.signs import Proportions, proportions
from harness.diagnose.stalls import STALLS, Stalls, stalls_of, with_stalls
from harness.diagnose.statements import columns
from harness.diagnose.traces import Trace, after_window, traces_of, until_answer
from harness.judge.model import Judgement, Verdict
from harness.runs.model import Evidence
from harness.runs.recording.profile import total
from harness.runs.recording.recording import Recording

MOST: Final = 3  # causes of a budget
LEAST: Final = 0.2  # share below which a part is no cause: many small ones are none
NO_SERVER_SPAN: Final = "the service sent spans, and none that serves a request and has ended"
NO_SINGLE: Final = "no single cause found"
TOO_LOW: Final = "the bound may be below what the service needs"


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
    samples = total(recording.wall) + total(recording.cpu)
    wall, running = without_waiting(recording.wall, recording.cpu)
    recording = replace(recording, wall=wall, cpu=running)
    traces = traces_of(recording.spans)
    usual = proportions(traces, recording.wall, busy(recording.wall), recording.moments)
    stalls = stalls_of(evidence, roles, recording.wall)
    case = _Case(evidence, recording, traces, roles, usual, stalls)
    by_name = {budget.name: budget for budget in budgets}
    explanations = tuple(
        case.explain(verdict, by_name[verdict.name])
        for verdict in judgement.verdicts
        if _is_over(verdict) and verdict.name in by_name
    )
    account = service_account(evidence, traces, roles, stalls)
    cpu = cpu_account(recording.moments, recording.cpu, traces)
    exemplars = slow_exemplars(recording.exemplars, traces, roles)
    return Diagnosis(
        *(explanations, len(traces), len(recording.spans), samples, account, exemplars),
        routes=route_costs(traces, cpu.routes),
        handlers=tuple(_with_route(one, cpu) for one in handler_times(recording.cpu)),
        outside_cpu=cpu.outside,
        cpu_note=cpu.note,
    )


def _with_route(time: HandlerTime, cpu: CpuAccount) -> HandlerTime:
    route = cpu.handlers.get(handler_name(time.handler), "") if time.handler else ""
    return replace(time, route=route)


@dataclass(frozen=True, slots=True)
class _Case:
    """All that is known of a run whose breaches are explained."""

    evidence: Evidence
    recording: Recording
    traces: Sequence[Trace]
    roles: Recognition
    usual: Proportions
    stalls: Stalls | None

    @property
    def _endpoints(self) -> dict[str, set[str]]:
        return endpoints_by_request(self.traces, self.recording.slowest)

    @property
    def _late(self) -> list[Trace]:
        return after_window(self.traces, self.recording.moments)

    def explain(self, verdict: Verdict, budget: Budget) -> Explanation:
        question = question_of(budget, self.roles)
        answer = self._answer(question, verdict, budget)
        if answer.missing:
            return Explanation(budget.name, note=self._why_missing(answer.missing))
        ranked = sorted(answer.causes, key=lambda one: -one.share)
        large = [one for one in ranked if one.lower >= LEAST]
        found = tuple(one for one in large if one.sign or one.kind == "failure")
        if question == "time":
            found = with_stalls(found, answer.causes, self.stalls, LEAST)
        causes = tuple(sorted(found, key=_rank)[:MOST])
        unexplained = max(0.0, 1.0 - sum(one.share for one in causes))
        if causes:
            return Explanation(budget.name, answer.about, causes, unexplained)
        note = f"{NO_SINGLE}: no part has {LEAST:.0%} of {answer.about}"
        if large:
            note = f"{NO_SINGLE}: no part of {answer.about} is out of proportion; {TOO_LOW}"
        return Explanation(budget.name, answer.about, (), unexplained, note, tuple(ranked[:MOST]))

    def _why_missing(self, note: str) -> str:
        """A note, where the service sent spans and no trace can be made of them."""
        if self.traces or not self.recording.spans:
            return note
        return note.replace(NO_TRACES, NO_SERVER_SPAN)

    def _answer(  # noqa: C901, PLR0912 - a case for each
        self, question: Question, verdict: Verdict, budget: Budget
    ) -> Analysis:
        match question:
            case "time":
                answer = self._time(verdict, budget)
            case "errors":
                answer = self._errors(verdict, budget)
            case "statements":
                answer = statements(*self._counted(budget), by_time=False)
            case "statement time":
                answer = statements(*self._counted(budget), by_time=True)
            case "calls":
                answer = calls(*self._counted(budget))
            case "cache commands":
                of_traces = (self.traces, self.usual)
                answer = lookups(budget, self.evidence, verdict.value, *of_traces)
            case "tasks":
                of_recording = (self.traces, self.recording.wall, self.usual)
                answer = task_times(budget, self.evidence, *of_recording)
            case "pool":
                of_requests = (self.traces, self._late, self.usual)
                answer = connections(*of_requests, self.evidence, self.roles)
            case "cache":
                answer = misses(budget, self.evidence)
            case "cache overwrites":
                answer = overwrites(budget, self.evidence)
            case "log records":
                per_request = None if isinstance(budget.indicator, Rate) else verdict.value
                answer = log_records(self.recording.log, per_request)
            case "columns":
                found = of_routes(budget, self.traces, self.roles)
                answer = columns(found, self.traces, self.usual)
            case "loop":
                answer = loop_functions(self.recording)
            case "cpu":
                answer = functions(busy(self.recording.cpu), "the CPU time of the service")
            case "answer sizes":
                kept = answers_of_routes(budget, self.recording.answers, self.traces, self.roles)
                answer = answer_sizes(kept)
            case "start":
                answer = start_parts(self.recording.start, self.recording.started)
            case "memory":
                answer = allocations(self.recording.growth)
            case "nothing":
                answer = Analysis(missing=NO_RULE)
            case _:
                assert_never(question)
        return answer

    def _counted(self, budget: Budget) -> tuple[Sequence[Trace], Proportions, SpanFilter]:
        counts = counted_spans(budget, self.evidence, self.traces)
        return self.traces, self.usual, counts

    def _time(self, verdict: Verdict, budget: Budget) -> Analysis:
        found = of_request(verdict.request or "", self.traces, self._endpoints)
        found = list(map(until_answer, of_routes(budget, found, self.roles)))
        return time_of_requests(found, self.recording, _slow_above(budget), self.usual)

    def _errors(self, verdict: Verdict, budget: Budget) -> Analysis:
        of_budget = [
            one for one in self.evidence.failures if verdict.failing in {None, "", one.request}
        ]
        fitting = failures_of(budget, of_budget, self._endpoints, self.roles)
        of_recording = (self.traces, self.recording.tracebacks, self._endpoints)
        return failed_requests(fitting, *of_recording)


def _rank(cause: Cause) -> tuple[bool, bool, float]:
    """Causes in the service come first, the other processes of the machine last."""
    return cause.kind in STALLS, cause.kind == "machine", -cause.share


def _is_over(verdict: Verdict) -> bool:
    beyond = verdict.margin is not None and verdict.margin < 0
    return verdict.outcome == "fail" or (verdict.outcome == "inconclusive" and beyond)


def _slow_above(budget: Budget) -> float | None:
    """Seconds above which a request is slow by a budget; None if it does not say.

    Every request counts for a mean.
    """
    indicator = budget.indicator
    if isinstance(indicator, Mean):
        return 0.0
    if isinstance(indicator, Latency | Quantile) and budget.direction == "max":
        return budget.bound
    return None
