"""The causes of each regression of a comparison, ranked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from harness.budgets.dialects.model import Recognition
from harness.budgets.model import Budget, ErrorRatio, Latency, Quantile, Throughput
from harness.diagnose.answers import NO_RULE, Analysis
from harness.diagnose.compare.changed_files import (
    ChangedLines,
    ChangedPlace,
    in_repository,
    path_in,
)
from harness.diagnose.compare.counted import added_failures, added_misses
from harness.diagnose.compare.differences import (
    RecordedPair,
    RecordedVersion,
    added_background,
    added_cache_commands,
    added_calls,
    added_cpu,
    added_holding,
    added_samples,
    added_statements,
    added_time,
)
from harness.diagnose.compare.function_gains import MOST_PLACES, seen_changes
from harness.diagnose.compare.request_parts import (
    ComparedEndpoint,
    RegressionCause,
    compared_endpoints,
)
from harness.diagnose.diagnose import LEAST, MOST, NO_SINGLE
from harness.diagnose.functions import busy, loop_stacks, without_waiting
from harness.diagnose.model import Cause, Explanation
from harness.diagnose.questions import (
    endpoints_by_request,
    failures_of,
    of_request,
    of_routes,
    question_of,
)
from harness.diagnose.traces import Trace, traces_of, until_answer
from harness.runs.model import Evidence
from harness.runs.recording.profile import Stack, total
from harness.runs.recording.recording import Recording
from harness.runs.records.changes import ChangedCode
from harness.runs.records.failed import FailureKind

LEAST_CHANGED: Final = 0.05  # as LEAST, of a part in changed code, which is suspect already
FEW_CHANGES: Final = 3  # changed places that are named although no sample shows them


@dataclass(frozen=True, slots=True)
class ComparedExplanation(Explanation):
    """The causes of a regression.

    Attributes:
        changed: Changed code that the requests run, where no cause is at a changed line.
    """

    changed: tuple[ChangedPlace, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedCounts:
    """What was recorded of a version: traced requests, spans, samples of stacks."""

    requests: int
    spans: int
    samples: int


@dataclass(frozen=True, slots=True)
class ComparisonDiagnosis:
    """The explanations of all regressions, with what they rest on.

    Attributes:
        notes: What is missing of a version and why, such as "candidate: no profile: ...".
    """

    explanations: tuple[ComparedExplanation, ...]
    baseline: RecordedCounts
    candidate: RecordedCounts
    notes: tuple[str, ...] = ()


def recorded_version(
    recording: Recording,
    windows: Sequence[Evidence] = (),
    root: str = "",
    renamed: Mapping[str, str] | None = None,
) -> RecordedVersion:
    """A version with files relative to the root of the repository.

    Args:
        recording: Of the version.
        windows: The evidence of the timed pairs, for questions that need it.
        root: The folder in which the version was checked out; empty if it was not.
        renamed: New paths of files by their old ones, of the baseline.
    """
    wall, cpu = without_waiting(recording.wall, recording.cpu)
    moved = replace(
        recording,
        wall=in_repository(wall, root, renamed),
        cpu=in_repository(cpu, root, renamed),
    )
    traces = tuple(_in_repository(one, root) for one in traces_of(recording.spans))
    return RecordedVersion(moved, traces, root, tuple(windows))


def _in_repository(trace: Trace, root: str) -> Trace:
    own = {replace(key, place=path_in(key.place, root)): value for key, value in trace.own.items()}
    return replace(trace, own=own) if root else trace


def recorded_pair(
    baseline: Recording,
    candidate: Recording,
    code: ChangedCode | None = None,
    windows: tuple[Sequence[Evidence], Sequence[Evidence]] = ((), ()),
) -> RecordedPair:
    """Both versions of a comparison.

    Args:
        baseline: What was recorded of it; `candidate` likewise.
        candidate: What was recorded of the candidate.
        code: What the candidate changed; None if that is unknown.
        windows: The evidence of the timed pairs of both, for questions that need it.
    """
    roots = (code.baseline, code.candidate) if code else ("", "")
    return RecordedPair(
        recorded_version(baseline, windows[0], roots[0], code.renamed if code else None),
        recorded_version(candidate, windows[1], roots[1]),
        ChangedLines(code),
    )


def needs_windows(budget: Budget, roles: Recognition) -> bool:
    """Whether the explanation of a budget rests on the evidence of the timed pairs."""
    return question_of(budget, roles) in {"errors", "cache"}


def diagnose_comparison(
    budgets: Iterable[Budget],
    pair: RecordedPair,
    roles: Recognition,
    notes: Sequence[str] = (),
) -> ComparisonDiagnosis:
    """Explain the regressions of budgets.

    Args:
        budgets: Those that got worse.
        pair: Both versions.
        roles: What the service's metrics mean.
        notes: What is missing of a version.
    """
    case = _Case(pair, roles)
    return ComparisonDiagnosis(
        tuple(map(case.explain, budgets)),
        _counts(pair.baseline),
        _counts(pair.candidate),
        tuple(notes),
    )


def _counts(version: RecordedVersion) -> RecordedCounts:
    recording = version.recording
    samples = total(recording.wall) + total(recording.cpu)
    return RecordedCounts(len(version.traces), len(recording.spans), samples)


@dataclass(frozen=True, slots=True)
class _Case:
    """All that is known of two versions whose regressions are explained."""

    pair: RecordedPair
    roles: Recognition

    def explain(self, budget: Budget) -> ComparedExplanation:
        answer = self._answer(budget)
        ranked = sorted(answer.causes, key=lambda one: -one.share)
        causes = tuple(one for one in ranked if one.lower >= _least(one))[:MOST]
        changed = () if _is_changed(causes) else self._changed()
        if answer.missing:
            return ComparedExplanation(budget.name, note=answer.missing, changed=changed)
        rest = max(0.0, 1.0 - sum(one.share for one in causes))
        note = "" if causes else f"{NO_SINGLE}: no part has {LEAST:.0%} of {answer.about}"
        return ComparedExplanation(budget.name, answer.about, causes, rest, note, changed=changed)

    def _answer(self, budget: Budget) -> Analysis:  # noqa: C901, PLR0912 - a line for each
        pair = self.pair
        question = question_of(budget, self.roles)
        match question:
            case "time":
                answer = added_time(pair, self._times(budget))
            case "errors":
                answer = added_failures(pair, self._failures(budget))
            case "statements":
                answer = added_statements(pair, self._endpoints(budget), by_time=False)
            case "statement time":
                answer = added_statements(pair, self._endpoints(budget), by_time=True)
            case "calls":
                answer = added_calls(pair, self._endpoints(budget))
            case "cache commands":
                answer = added_cache_commands(pair, self._endpoints(budget))
            case "tasks":
                answer = added_background(pair, self._endpoints(budget))
            case "pool":
                answer = added_holding(pair)
            case "cache":
                answer = added_misses(pair, budget)
            case "loop":
                answer = added_samples(pair, _of_loops, "the added time of the event loop")
            case "cpu":
                answer = added_cpu(pair)
            case "cache overwrites" | "columns" | "log records" | "nothing":
                answer = Analysis(missing=NO_RULE)
            case "answer sizes" | "start" | "memory":
                answer = Analysis(missing=NO_RULE)
            case _:
                assert_never(question)
        return answer

    def _times(self, budget: Budget) -> list[ComparedEndpoint]:
        """The requests until their answers, those around the quantile of the budget."""
        baseline, candidate = (map(until_answer, each) for each in self._requests(budget))
        return compared_endpoints(baseline, candidate, _quantile_of(budget))

    def _endpoints(self, budget: Budget) -> list[ComparedEndpoint]:
        baseline, candidate = self._requests(budget)
        return compared_endpoints(baseline, candidate)

    def _failures(self, budget: Budget) -> list[FailureKind]:
        """The failures of the timed pairs that a budget is about."""
        windows = (*self.pair.baseline.windows, *self.pair.candidate.windows)
        request = _request_of(budget)
        every = (one for window in windows for one in window.failures)
        found = (one for one in every if request in {"", one.request})
        return failures_of(budget, found, self._names, self.roles)

    def _requests(self, budget: Budget) -> tuple[list[Trace], list[Trace]]:
        """The requests of the baseline and of the candidate that a budget is about."""
        request, names = _request_of(budget), self._names
        baseline, candidate = (
            of_routes(budget, of_request(request, version.traces, names), self.roles)
            for version in (self.pair.baseline, self.pair.candidate)
        )
        return baseline, candidate

    @property
    def _names(self) -> dict[str, set[str]]:
        versions = (self.pair.baseline, self.pair.candidate)
        traces = [one for version in versions for one in version.traces]
        slowest = [one for version in versions for one in version.recording.slowest]
        return endpoints_by_request(traces, slowest)

    def _changed(self) -> tuple[ChangedPlace, ...]:
        """Changed code that the profile shows; a few changes are named without it, too."""
        stacks = [
            (*version.recording.wall, *version.recording.cpu)
            for version in (self.pair.baseline, self.pair.candidate)
        ]
        seen = seen_changes(stacks[0], stacks[1], self.pair.changed)
        if seen:
            return tuple(seen[:MOST_PLACES])
        every = list(self.pair.changed.all_code())
        if not 0 < len(every) <= FEW_CHANGES:
            return ()
        why = "all that the branch changes" if len(every) > 1 else "the only change of the branch"
        return tuple(replace(one, why=why) for one in every)


def _least(cause: Cause) -> float:
    return LEAST_CHANGED if _is_changed([cause]) else LEAST


def _is_changed(causes: Sequence[object]) -> bool:
    return any(isinstance(one, RegressionCause) and bool(one.changed) for one in causes)


def _of_loops(stacks: Sequence[Stack]) -> list[Stack]:
    return busy(loop_stacks(stacks))


def _request_of(budget: Budget) -> str:
    """The request of the locustfile that a budget is about; empty for every request."""
    indicator = budget.indicator
    if isinstance(indicator, Latency | ErrorRatio | Throughput):
        return indicator.request or ""
    return ""


def _quantile_of(budget: Budget) -> float | None:
    indicator = budget.indicator
    return indicator.quantile if isinstance(indicator, Latency | Quantile) else None
