"""Answers to the question of a breach: shares of time, of statements, of failures, of misses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Final

from harness.diagnose.functions import Hot, busy, hot_functions, loop_stacks, place_of
from harness.diagnose.model import Cause
from harness.diagnose.shares import shares
from harness.diagnose.traces import SpanOperation, Trace, during, operation_of
from harness.judge.intervals.proportion import certain_share
from harness.runs.records.failed import FailureKind
from harness.runs.records.profile import Stack, total
from harness.runs.records.recording import Recording
from harness.units import Unit, format_quantity

FEWEST: Final = 5  # slow requests, below which nothing is said
_SLOW: Final = 0.1  # share of the requests that are slow, where no bound tells
_OCCUPIED: Final = 0.7  # share of its time above which an event loop makes all others wait
_FEWEST_SAMPLES: Final = 30
_NAME: Final = 160
_TAIL: Final = 0.025  # on each side of an interval of 95%


@dataclass(frozen=True, slots=True)
class Analysis:
    """Causes, unsorted, and what their shares are shares of.

    Attributes:
        missing: What was not recorded, so that there is no answer; empty with one.
    """

    about: str = ""
    causes: tuple[Cause, ...] = ()
    missing: str = ""


NO_TRACES: Final = "the service sent no traces"
NO_PROFILE: Final = "there is no profile of the service"


def time_of_requests(
    traces: Sequence[Trace], recording: Recording, bound: float | None
) -> Analysis:
    """Where the time of the slow requests goes, beyond that of the fast ones of their endpoint.

    Args:
        traces: Of the endpoints that the budget is about.
        recording: Its profile divides the time within the service's own code.
        bound: Seconds above which a request is slow; None takes the slowest tenth.
    """
    occupied = _occupation(recording.wall)
    if occupied >= _OCCUPIED:
        return _occupied_loop(recording.wall, occupied)
    if len(traces) < FEWEST:
        if total(recording.wall) >= _FEWEST_SAMPLES:
            return functions(busy(recording.wall), "the time of the service's threads")
        return Analysis(missing=f"{NO_TRACES}, and there is no profile of it")
    slow = _slow(traces, bound)
    usual = {name: _usual(traces, name, slow) for name in {one.endpoint for one in slow}}
    operations = list(dict.fromkeys(operation for one in slow for operation in one.own))
    excess = [
        [one.own.get(each, 0.0) - usual[one.endpoint].get(each, 0.0) for each in operations]
        for one in slow
    ]
    causes = [
        _cause(operation, share, slow)
        for operation, share in zip(operations, shares(excess), strict=True)
    ]
    return Analysis(_about(slow), tuple(_divided(causes, recording.wall)))


def _about(slow: Sequence[Trace]) -> str:
    names = sorted({one.endpoint for one in slow})
    mean = format_quantity(fmean(one.root.seconds for one in slow), Unit.SECONDS)
    where = names[0] if len(names) == 1 else f"{len(names)} endpoints"
    return f"the time of {len(slow)} slow requests ({where}, {mean} on average)"


def _slow(traces: Sequence[Trace], bound: float | None) -> list[Trace]:
    ordered = sorted(traces, key=lambda one: -one.root.seconds)
    if bound is not None:
        over = [one for one in ordered if one.root.seconds > bound]
        if len(over) >= FEWEST:
            return over
    return ordered[: max(FEWEST, round(len(ordered) * _SLOW))]


def _usual(
    traces: Sequence[Trace], endpoint: str, slow: Sequence[Trace]
) -> dict[SpanOperation, float]:
    """Mean seconds of each operation in the fast half of an endpoint's other requests.

    Empty where these are not much faster: then all requests of the endpoint are slow alike, and
    their whole time is to be explained.
    """
    ids = {id(one) for one in slow}
    of_endpoint = [one for one in traces if one.endpoint == endpoint]
    middle = median(one.root.seconds for one in of_endpoint)
    fast = [one for one in of_endpoint if one.root.seconds <= middle and id(one) not in ids]
    of_slow = [one.root.seconds for one in slow if one.endpoint == endpoint]
    if len(fast) < FEWEST or fmean(one.root.seconds for one in fast) > fmean(of_slow) / 2:
        return {}
    names = {operation for one in fast for operation in one.own}
    return {each: fmean(one.own.get(each, 0.0) for one in fast) for each in names}


def _cause(
    operation: SpanOperation, share: tuple[float, float, float], of: Sequence[Trace]
) -> Cause:
    times = [one for one in of if operation in one.counts]
    each = sum(one.own[operation] for one in times) / sum(one.counts[operation] for one in times)
    per_request = sum(one.counts[operation] for one in times) / len(times)
    evidence = (
        f"{per_request:.3g} times in such a request, {format_quantity(each, Unit.SECONDS)} each"
    )
    return Cause(
        *(operation.kind, operation.name[:_NAME], *share, evidence, operation.place),
        advice=_ADVICE[operation.kind](per_request),
    )


def _many(times: float) -> str:
    if times >= 3:
        return "load the rows of all items with one statement"
    return "look at its plan (EXPLAIN) and its indexes"


_ADVICE: Final[dict[str, Callable[[float], str]]] = {
    "statement": _many,
    "call": lambda times: (
        "make the calls at once, or one for all" if times >= 2 else "look at the other service"
    ),
    "span": lambda _: "look at the code between its other spans",
}


def _divided(causes: Sequence[Cause], wall: Sequence[Stack]) -> list[Cause]:
    """The causes, with the service's own code divided into its functions by the profile."""
    own = sum(one.share for one in causes if one.kind == "span")
    found = hot_functions(busy(wall))
    samples = sum(one.samples for one in found)
    if samples < _FEWEST_SAMPLES or not own:
        return list(causes)
    low = sum(one.lower for one in causes if one.kind == "span")
    high = sum(one.upper for one in causes if one.kind == "span")
    parts = [
        _function(one, one.samples / samples, samples, scale=(own, low, min(1.0, high)))
        for one in found
    ]
    return [one for one in causes if one.kind != "span"] + parts


def _occupation(wall: Sequence[Stack]) -> float:
    """The share of its time in which the busiest event loop does not wait for work."""
    loops = loop_stacks(wall)
    samples = total(loops)
    return total(busy(loops)) / samples if samples >= _FEWEST_SAMPLES else 0.0


def _occupied_loop(wall: Sequence[Stack], occupied: float) -> Analysis:
    return functions(
        busy(loop_stacks(wall)),
        f"the time of the event loop, which was occupied for {occupied:.0%} of it, so that all "
        "requests waited for it",
    )


def functions(stacks: Sequence[Stack], about: str) -> Analysis:
    """The functions that a profile shows."""
    samples = total(stacks)
    if samples < _FEWEST_SAMPLES:
        return Analysis(missing=NO_PROFILE)
    found = hot_functions(stacks)
    return Analysis(about, tuple(_function(one, one.samples / samples, samples) for one in found))


def _function(
    hot: Hot, share: float, samples: int, scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> Cause:
    """A function as a cause, with the exact interval of a proportion."""
    lower = certain_share(hot.samples, samples, _TAIL)
    upper = 1 - certain_share(samples - hot.samples, samples, _TAIL)
    evidence = f"{hot.samples} of {samples} samples"
    bounds = (share * scale[0], lower * scale[1], upper * scale[2])
    if hot.library:
        return Cause("library", f"package {hot.library}", *bounds, evidence)
    place = f"{hot.frame.file}:{hot.frame.line}"
    return Cause(
        *("function", f"{hot.frame.function}()", *bounds, evidence, place),
        advice="look at this line, and at what it calls",
    )


def statements(traces: Sequence[Trace], *, by_time: bool) -> Analysis:
    """The statements that requests execute, by number or by time."""
    if len(traces) < FEWEST:
        return Analysis(missing=NO_TRACES)
    found = list(
        dict.fromkeys(each for one in traces for each in one.counts if each.kind == "statement")
    )
    if not found:
        return Analysis(missing="no span of the service has the text of a statement")
    rows = [
        [(one.own if by_time else one.counts).get(each, 0.0) for each in found] for one in traces
    ]
    using = [[one for one in traces if each in one.counts] for each in found]
    causes = [
        _cause(each, share, of) for each, share, of in zip(found, shares(rows), using, strict=True)
    ]
    what = "time of all statements" if by_time else "number of statements"
    return Analysis(f"the {what} in {len(traces)} requests", tuple(causes))


def holders(traces: Sequence[Trace]) -> Analysis:
    """What requests do from their first to their last statement, while they keep a connection."""
    kept = [part for one in traces if (part := _between_statements(one)) is not None]
    if len(kept) < FEWEST:
        return Analysis(missing="no trace has spans of statements")
    operations = list(dict.fromkeys(each for one in kept for each in one.own))
    rows = [[one.own.get(each, 0.0) for each in operations] for one in kept]
    causes = [
        replace(_cause(each, share, kept), advice="give the connection back before this")
        if each.kind != "statement"
        else _cause(each, share, kept)
        for each, share in zip(operations, shares(rows), strict=True)
    ]
    return Analysis("the time from the first to the last statement of a request", tuple(causes))


def _between_statements(trace: Trace) -> Trace | None:
    queries = [span for span in trace.spans if operation_of(span).kind == "statement"]
    if not queries:
        return None
    return during(trace, min(s.start for s in queries), max(s.end for s in queries))


def failed_requests(failures: Sequence[FailureKind], traces: Sequence[Trace]) -> Analysis:
    """The failed requests by kind, with the exception that their traces recorded."""
    number = sum(one.count for one in failures)
    if not number:
        return Analysis(missing="no failed request was recorded")
    by_id = {one.root.trace_id: one for one in traces}
    causes = []
    for one in failures:
        share = one.count / number
        raised, place = _exception(by_id.get(one.trace_id), one.request, traces)
        text = " ".join((f"{one.request}: {one.text}" + (f", {raised}" if raised else "")).split())
        causes.append(
            Cause(
                *("failure", text[:_NAME], share, share, share),
                f"{one.count} of {number} failed requests",
                place,
                "look at this line" if place else "look at the service's log at these times",
            )
        )
    return Analysis("the failed requests", tuple(causes))


def _exception(trace: Trace | None, request: str, traces: Sequence[Trace]) -> tuple[str, str]:
    """The exception of a failed request's trace, and the service's own line that raised it.

    A trace that was not recorded is replaced by another failed one of the same endpoint.
    """
    same = [one for one in traces if one.root.error and one.endpoint == request]
    for one in ([trace] if trace else []) + same[:FEWEST]:
        for span in one.spans:
            for event in span.exceptions:
                return f"{event.type}: {event.message}"[:_NAME], place_of(event.stacktrace)
    return "", ""
