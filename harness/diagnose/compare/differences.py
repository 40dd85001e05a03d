"""What the candidate has more than the baseline, for each question that a regression asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from harness.diagnose.answers import NO_PROFILE, NO_TRACES, Analysis
from harness.diagnose.compare.added import Added, added_counts
from harness.diagnose.compare.changed_files import ChangedLines
from harness.diagnose.compare.function_gains import FunctionGain, function_gains
from harness.diagnose.compare.request_parts import (
    ComparedEndpoint,
    Part,
    RegressionCause,
    added_parts,
    added_seconds,
    compared_endpoints,
    is_statement,
    means_text,
    part_of,
    requests_text,
)
from harness.diagnose.functions import (
    FEWEST_SAMPLES,
    busy,
    loop_occupation,
    loop_stacks,
    samples_of_a_thread,
)
from harness.diagnose.retries import is_call
from harness.diagnose.traces import (
    Trace,
    from_first_statement,
    is_cache_command,
    operation_of,
)
from harness.runs.model import Evidence
from harness.runs.recording.profile import Stack, total
from harness.runs.recording.recording import Recording
from harness.runs.recording.spans import SERVER, Span

_NAME: Final = 160
# Of the loop's time: occupied for at least so much, and for so much more than in the baseline.
_OCCUPIED, _MORE_OCCUPIED = 0.4, 0.25
_WAITING: Final = "waits in the service's own code, while no thread runs it"


@dataclass(frozen=True, slots=True)
class RecordedVersion:
    """What was recorded of a version, with files relative to the root of the repository.

    Attributes:
        root: Where its files were, for the texts of exceptions; empty if it is unknown.
        windows: The evidence of the timed pairs; empty where no question needs it.
    """

    recording: Recording
    traces: tuple[Trace, ...] = ()
    root: str = ""
    windows: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedPair:
    """Both versions, and what the candidate changed."""

    baseline: RecordedVersion
    candidate: RecordedVersion
    changed: ChangedLines = field(default_factory=lambda: ChangedLines(None))


# --- time -----------------------------------------------------------------------------------------


def added_time(pair: RecordedPair, found: Sequence[ComparedEndpoint]) -> Analysis:
    """The parts of the time that requests take longer.

    An event loop that the candidate's own functions occupy for much longer makes all requests wait:
    then those functions are the parts, unless requests execute more statements.

    Args:
        pair: Its profiles divide the time within the service's own code.
        found: The requests that the budget is about.
    """
    more = added_parts(found, lambda row: row.counts, is_statement) if found else []
    if not any(added.lower > 0 for _, added in more):
        answer = _occupied_loop(pair)
        if answer is not None:
            return answer
    if not found:
        if total(pair.candidate.recording.wall) < FEWEST_SAMPLES:
            return Analysis(missing=f"{NO_TRACES}, and there is no profile of it")
        return added_samples(pair, busy, "the added time of the service's threads")
    if added_seconds(found).lower <= 0:
        return Analysis(missing=f"the recorded requests are not slower: {means_text(found)}")
    causes = _divided(pair, found, added_parts(found, lambda row: row.own))
    return Analysis(f"the added time of {requests_text(found)}", tuple(causes))


def _occupied_loop(pair: RecordedPair) -> Analysis | None:
    before, after = (loop_occupation(one.recording.wall) for one in (pair.baseline, pair.candidate))
    if after < _OCCUPIED or after - before < _MORE_OCCUPIED:
        return None
    about = (
        f"the added time of the event loop, which is occupied for {after:.0%} of its time, "
        f"{before:.0%} before, so that all requests wait for it"
    )
    answer = added_samples(pair, lambda stacks: busy(loop_stacks(stacks)), about)
    first = max(answer.causes, key=lambda one: one.share, default=None)
    return answer if first is not None and first.kind == "function" else None


def _divided(
    pair: RecordedPair,
    found: Sequence[ComparedEndpoint],
    parts: Sequence[tuple[RegressionCause, Added]],
) -> list[RegressionCause]:
    """The parts, with the service's own code divided into its functions and its waiting.

    The profile says for how many seconds of a request the functions run. What the requests take
    longer beyond that, no thread runs: it waits for a lock, a timer, a pool, or the event loop.
    """
    own = [(cause, added) for cause, added in parts if _is_own(cause)]
    seconds = sum(max(0.0, added.amount) for _, added in own)
    per_second = _samples_of_a_second(pair, found)
    gains, running = _gains(pair, busy, wall=True)
    if not seconds or not per_second or not gains:
        return [cause for cause, _ in parts]
    shares = ((cause.share, cause.lower, cause.upper) for cause, _ in own)
    share, lower, upper = (min(1.0, sum(each)) for each in zip(*shares, strict=True))
    grown = sum(max(0.0, one.added.amount) for one in gains)
    # What is certain of single functions counts even where noise in the others hides it.
    net = max(running.amount, sum(max(0.0, one.added.lower) for one in gains))
    whole = max(seconds * per_second, net)  # in samples, as all that follows
    functions = []
    for one in gains:
        amount, low, high = (max(0.0, each) for each in one.added.interval)
        part = share * net / whole * amount / grown if grown else 0.0
        bounds = (min(part, lower * low / max(whole, grown)), min(1.0, upper * high / whole))
        functions.append(_function(one, (part, *bounds), pair.changed))
    longest = max(own, key=lambda one: one[1].amount)[0]
    kept = replace(
        longest,
        what=f"{longest.what}: {_WAITING}",
        share=share * (whole - net) / whole,
        lower=lower * max(0.0, whole - max(net, running.upper)) / whole,
        upper=min(1.0, upper * max(0.0, whole - max(0.0, running.lower)) / whole),
        advice="look for a sleep, a lock, a pool or a queue that it waits for",
    )
    return [*(cause for cause, _ in parts if not _is_own(cause)), *functions, kept]


def _is_own(cause: RegressionCause) -> bool:
    """Whether a part is the service's own code."""
    return cause.kind == "span" and not cause.service


def _samples_of_a_second(pair: RecordedPair, found: Sequence[ComparedEndpoint]) -> float:
    """How many samples show one second of each request; 0 if that is unknown."""
    starts = [trace.root.start for trace in pair.candidate.traces]
    profiled = samples_of_a_thread(pair.candidate.recording.wall)
    if len(starts) < 2 or max(starts) == min(starts):
        return 0.0
    requests = sum(one.number for one in found)
    return requests / (max(starts) - min(starts)) * profiled


# --- functions ------------------------------------------------------------------------------------

_Select = Callable[[Sequence[Stack]], Sequence[Stack]]


def added_samples(pair: RecordedPair, select: _Select, about: str) -> Analysis:
    """The functions that have more samples in the profile of all threads, waiting ones too.

    Args:
        pair: Both versions.
        select: Chooses the stacks that count.
        about: What the shares are shares of.
    """
    return _functions(pair, select, about, wall=True)


def added_cpu(pair: RecordedPair) -> Analysis:
    """The functions that use more CPU."""
    return _functions(pair, busy, "the added CPU time of the service", wall=False)


def _functions(pair: RecordedPair, select: _Select, about: str, *, wall: bool) -> Analysis:
    gains, whole = _gains(pair, select, wall=wall)
    if sum(one.after for one in gains) < FEWEST_SAMPLES:
        return Analysis(missing=NO_PROFILE)
    if whole.lower <= 0:
        return Analysis(missing=f"the profile does not show {about}")
    causes = (_function(one, one.added.shares, pair.changed) for one in gains)
    return Analysis(about, tuple(causes))


def _gains(pair: RecordedPair, select: _Select, *, wall: bool) -> tuple[list[FunctionGain], Added]:
    """The functions of both profiles, and how many more samples there are in all."""
    before, after = (
        one.recording.wall if wall else one.recording.cpu for one in (pair.baseline, pair.candidate)
    )
    scale = 1.0
    if wall and (taken := samples_of_a_thread(before)):
        scale = samples_of_a_thread(after) / taken
    chosen = select(before), select(after)
    (whole,) = added_counts([(total(chosen[0]), total(chosen[1]))], scale)
    return function_gains(*chosen, scale), whole


def _function(
    gain: FunctionGain, shares: tuple[float, float, float], changed: ChangedLines
) -> RegressionCause:
    evidence = f"{gain.after} samples, {gain.before} before"
    if not gain.name.file:
        return RegressionCause("library", f"package {gain.name.function}", *shares, evidence)
    calls = f", mostly in {gain.calls}" if gain.calls else ""
    place, clause = gain.place(changed)
    return RegressionCause(
        *("function", f"{gain.name.function}()", *shares, evidence + calls, place),
        advice="look at this line, and at what it calls",
        changed=clause,
    )


# --- statements and connections -------------------------------------------------------------------


def added_statements(
    pair: RecordedPair, found: Sequence[ComparedEndpoint], *, by_time: bool
) -> Analysis:
    """The statements of databases that requests execute more often, or that take more time."""
    commands = _parts_of(pair, lambda _, span: is_cache_command(span))
    what = "time of statements" if by_time else "number of statements"
    missing = "no span of the service has the text of a statement"

    def chosen(part: Part) -> bool:
        return is_statement(part) and part not in commands

    return _operations(found, chosen, what, missing, by_time=by_time)


def added_calls(pair: RecordedPair, found: Sequence[ComparedEndpoint]) -> Analysis:
    """The calls of other services that requests make more often."""
    calls = _parts_of(pair, lambda _, span: is_call(span))
    missing = "no span of the service is a call"
    return _operations(found, calls.__contains__, "number of calls", missing)


def added_cache_commands(pair: RecordedPair, found: Sequence[ComparedEndpoint]) -> Analysis:
    """The commands of caches that requests execute more often."""
    commands = _parts_of(pair, lambda _, span: is_cache_command(span))
    missing = "no span of the service is a command of a cache"
    return _operations(found, commands.__contains__, "number of cache commands", missing)


def added_background(pair: RecordedPair, found: Sequence[ComparedEndpoint]) -> Analysis:
    """What goes on longer after the answer of the request that began it."""
    later = _parts_of(pair, lambda trace, span: span.end > trace.root.end and span.kind != SERVER)
    missing = "no span goes on after the answer of its request"
    return _operations(found, later.__contains__, "time after the answers", missing, by_time=True)


def _parts_of(pair: RecordedPair, fits: Callable[[Trace, Span], bool]) -> set[Part]:
    """The parts of the service itself with a fitting span in either version."""
    traces = (*pair.baseline.traces, *pair.candidate.traces)
    spans = (
        (trace, span)
        for trace in traces
        for span in trace.spans
        if span.service == trace.root.service
    )
    return {part_of(operation_of(span)) for trace, span in spans if fits(trace, span)}


def _operations(
    found: Sequence[ComparedEndpoint],
    chosen: Callable[[Part], bool],
    what: str,
    missing: str,
    *,
    by_time: bool = False,
) -> Analysis:
    if not found:
        return Analysis(missing=NO_TRACES)
    values = (lambda row: row.own) if by_time else (lambda row: row.counts)
    parts = added_parts(found, values, chosen)
    if not parts:
        return Analysis(missing=missing)
    about = f"the added {what} in {requests_text(found)}"
    return Analysis(about, tuple(cause for cause, _ in parts))


def added_holding(pair: RecordedPair) -> Analysis:
    """The parts of the time from the first statement of a request to its end.

    So long it may keep a connection; no span says when it gives it back.
    """
    before, after = (
        list(filter(None, map(from_first_statement, version.traces)))
        for version in (pair.baseline, pair.candidate)
    )
    found = compared_endpoints(before, after)
    if not found:
        return Analysis(missing="no trace has spans of statements")
    causes = _divided(pair, found, added_parts(found, lambda row: row.own))
    return Analysis(
        "the added time from the first statement of a request to its end", tuple(causes)
    )
