"""Answers to the question of a breach: shares of time, of statements, of failures, of misses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final

from harness.diagnose.functions import (
    FEWEST_SAMPLES,
    Hot,
    busy,
    hot_functions,
    loop_occupation,
    loop_stacks,
    place_of,
)
from harness.diagnose.model import Cause
from harness.diagnose.retries import is_call
from harness.diagnose.shares import shares
from harness.diagnose.signs import (
    Proportions,
    ahead_of_the_rest,
    sign_of_operation,
    sign_of_waiting,
)
from harness.diagnose.traces import SpanOperation, Trace, is_cache_command, operation_of
from harness.judge.intervals.proportion import certain_share
from harness.runs.recording.profile import Stack, total
from harness.runs.recording.recording import Recording
from harness.runs.recording.spans import SERVER, Span
from harness.runs.records.failed import FailureKind
from harness.units import Unit, format_quantity

FEWEST: Final = 5  # slow requests, below which nothing is said
_SLOW: Final = 0.1  # share of the requests that are slow, where no bound tells
_OCCUPIED: Final = 0.7  # share of its time above which an event loop makes all others wait
_NAME: Final = 160
_HEAD: Final = 50  # characters of a long name; the rest are its last ones
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
NO_RULE: Final = "a recording of some seconds does not explain it"
NO_PROFILE: Final = "there is no profile of the service"


def time_of_requests(
    traces: Sequence[Trace], recording: Recording, bound: float | None, usual: Proportions
) -> Analysis:
    """Where the time of the slow requests goes, beyond that of the fast ones of their endpoint.

    Args:
        traces: Of the endpoints that the budget is about, until their answers.
        recording: Its profile divides the time within the service's own code.
        bound: Seconds above which a request is slow; None takes the slowest tenth.
        usual: Of the whole recording.
    """
    occupied = loop_occupation(recording.wall)
    if occupied >= _OCCUPIED:
        of_loop = _occupied_loop(recording.wall, occupied)
        if _has_sign(of_loop):
            return of_loop
    if len(traces) < FEWEST:
        if total(recording.wall) >= FEWEST_SAMPLES:
            return functions(busy(recording.wall), "the time of the service's threads")
        return Analysis(missing=f"{NO_TRACES}, and there is no profile of it")
    slow = _slow(traces, bound)
    fast = {name: _fast(traces, name, slow) for name in {one.endpoint for one in slow}}
    operations = list(dict.fromkeys(operation for one in slow for operation in one.own))
    excess = [
        [one.own.get(each, 0.0) - fast[one.endpoint].get(each, 0.0) for each in operations]
        for one in slow
    ]
    causes = [
        part_of(operation, share, slow, usual)
        for operation, share in zip(operations, shares(excess), strict=True)
    ]
    return Analysis(_about(slow, of=len(traces)), tuple(_divided(causes, recording.wall, usual)))


def _about(slow: Sequence[Trace], of: int) -> str:
    names = sorted({one.endpoint for one in slow})
    mean = format_quantity(fmean(one.root.seconds for one in slow), Unit.SECONDS)
    where = names[0] if len(names) == 1 else f"{len(names)} endpoints"
    which = "requests" if len(slow) == of else "slow requests"
    return f"the time of {len(slow)} {which} ({where}, {mean} on average)"


def _slow(traces: Sequence[Trace], bound: float | None) -> list[Trace]:
    ordered = sorted(traces, key=lambda one: -one.root.seconds)
    if bound is not None:
        over = [one for one in ordered if one.root.seconds > bound]
        if len(over) >= FEWEST:
            return over
    return ordered[: max(FEWEST, round(len(ordered) * _SLOW))]


def _fast(
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


def part_of(
    operation: SpanOperation,
    share: tuple[float, float, float],
    of: Sequence[Trace],
    usual: Proportions,
) -> Cause:
    """An operation of requests as a part of their time or of their statements.

    Args:
        operation: In at least one of the requests.
        share: With its interval.
        of: The requests.
        usual: Of the whole recording.
    """
    times = [one for one in of if operation in one.counts]
    each = sum(one.own[operation] for one in times) / sum(one.counts[operation] for one in times)
    per_request = sum(one.counts[operation] for one in times) / len(times)
    evidence = (
        f"{_times(per_request)} in such a request, {format_quantity(each, Unit.SECONDS)} each"
    )
    return Cause(
        *(operation.kind, _shortened(operation.name), *share, evidence, operation.place),
        advice=_ADVICE[operation.kind](per_request),
        service=operation.service,
        sign=sign_of_operation(operation, of, usual),
    )


def _times(number: float) -> str:
    return "once" if f"{number:.3g}" == "1" else f"{number:.3g} times"


def _shortened(name: str) -> str:
    """Without its middle: the condition and the order of a statement are at its end."""
    if len(name) <= _NAME:
        return name
    return f"{name[:_HEAD]} ... {name[_HEAD + 5 - _NAME :]}"


def _many(times: float) -> str:
    if times >= 3:
        return "load the rows of all items with one statement"
    return "look at its plan (EXPLAIN) and its indexes"


_ADVICE: Final[dict[str, Callable[[float], str]]] = {
    "statement": _many,
    "call": lambda times: (
        "make the calls at once, or one for all" if times >= 2 else "look at the other service"
    ),
    "retry": lambda _: "look at why the first call fails, and at how often it is repeated",
    "span": lambda _: "look at the code between its other spans",
}


def _divided(causes: Sequence[Cause], wall: Sequence[Stack], usual: Proportions) -> list[Cause]:
    """The causes, with the service's own code divided into its functions by the profile.

    Own code that waits stays whole: no thread runs it, so no profile shows it.
    """
    if sign_of_waiting(usual):
        return list(causes)
    divided = [one for one in causes if one.kind == "span" and not one.service]
    own = sum(one.share for one in divided)
    found = hot_functions(busy(wall))
    samples = sum(one.samples for one in found)
    if samples < FEWEST_SAMPLES or not own:
        return list(causes)
    low = sum(one.lower for one in divided)
    high = sum(one.upper for one in divided)
    parts = _functions(found, samples, scale=(own, low, min(1.0, high)))
    return [one for one in causes if one not in divided] + parts


def _occupied_loop(wall: Sequence[Stack], occupied: float) -> Analysis:
    return functions(
        busy(loop_stacks(wall)),
        f"the time of the event loop, which was occupied for {occupied:.0%} of it, so that all "
        "requests waited for it",
    )


def functions(stacks: Sequence[Stack], about: str) -> Analysis:
    """The functions that a profile shows."""
    samples = total(stacks)
    if samples < FEWEST_SAMPLES:
        return Analysis(missing=NO_PROFILE)
    return Analysis(about, tuple(_functions(hot_functions(stacks), samples)))


def loop_functions(recording: Recording) -> Analysis:
    """The functions that keep the event loop: waiting or running, else those that run.

    The two profiles are of different seconds: what is rare may be in one of them only.
    """
    about = "the time of the event loop"
    first, second = (
        functions(busy(loop_stacks(stacks)), about) for stacks in (recording.wall, recording.cpu)
    )
    return second if _has_sign(second) and not _has_sign(first) else first


def _has_sign(analysis: Analysis) -> bool:
    return any(one.sign for one in analysis.causes)


def _functions(
    found: Sequence[Hot], samples: int, scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> list[Cause]:
    """Functions as causes.

    Args:
        found: All of a profile, the most frequent first.
        samples: Of the profile.
        scale: The share of their sum in the whole, with its interval.
    """
    ahead = ahead_of_the_rest([one.samples for one in found if not one.library], samples)
    own = [one for one in found if not one.library][:ahead]
    return [_function(one, samples, scale, stands_out=one in own) for one in found]


def _function(
    hot: Hot, samples: int, scale: tuple[float, float, float], *, stands_out: bool
) -> Cause:
    """A function as a cause, with the exact interval of a proportion."""
    share = hot.samples / samples
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
        sign="far more than each other function" if stands_out else "",
    )


SpanFilter = Callable[[Span], bool]  # whether a budget counts a span


def statements(
    traces: Sequence[Trace], usual: Proportions, counts: SpanFilter, *, by_time: bool
) -> Analysis:
    """The statements that requests execute, by number or by time."""
    found = _operations(traces, lambda each, span: each.kind == "statement" and counts(span))
    what = "time of all statements" if by_time else "number of statements"
    missing = "the service sent too few spans with the text of a statement"
    return _used(traces, found, usual, what, missing, by_time=by_time)


def calls(traces: Sequence[Trace], usual: Proportions, counts: SpanFilter) -> Analysis:
    """The calls of other services, by number."""
    found = _operations(traces, lambda _, span: is_call(span) and counts(span))
    missing = "the service sent too few spans of calls"
    return _used(traces, found, usual, "number of calls", missing, by_time=False)


def cache_commands(traces: Sequence[Trace], usual: Proportions) -> Analysis:
    """The commands of caches that requests execute, by number."""
    found = _operations(traces, lambda _, span: is_cache_command(span))
    missing = "the service sent too few spans of cache commands"
    return _used(traces, found, usual, "number of cache commands", missing, by_time=False)


def background(traces: Sequence[Trace], usual: Proportions) -> Analysis:
    """What goes on after the answer of the request that began it, by time."""
    found = _operations(traces, lambda each, span: each.kind == "span" and span.kind != SERVER)
    later = {operation_of(span) for one in traces for span in one.spans if span.end > one.root.end}
    tasks = [each for each in found if each in later]
    missing = "too few spans go on after the answer of their request"
    return _used(traces, tasks, usual, "time after the answers", missing, by_time=True)


def _operations(
    traces: Sequence[Trace], fits: Callable[[SpanOperation, Span], bool]
) -> list[SpanOperation]:
    """The operations of some spans, in their order."""
    pairs = ((operation_of(span), span) for one in traces for span in one.spans)
    return list(dict.fromkeys(each for each, span in pairs if fits(each, span)))


def _used(
    traces: Sequence[Trace],
    found: Sequence[SpanOperation],
    usual: Proportions,
    what: str,
    missing: str,
    *,
    by_time: bool,
) -> Analysis:
    """Operations by their number or their time."""
    if len(traces) < FEWEST:
        return Analysis(missing=NO_TRACES)
    executing = [one for one in traces if any(each in one.counts for each in found)]
    if len(executing) < FEWEST:
        return Analysis(missing=missing)
    rows = [
        [(one.own if by_time else one.counts).get(each, 0.0) for each in found] for one in executing
    ]
    using = [[one for one in executing if each in one.counts] for each in found]
    causes = [
        part_of(each, share, of, usual)
        for each, share, of in zip(found, shares(rows), using, strict=True)
    ]
    return Analysis(f"the {what} in {len(executing)} requests", tuple(causes))


def failed_requests(
    failures: Sequence[FailureKind],
    traces: Sequence[Trace],
    tracebacks: Mapping[str, str],
    endpoints: Mapping[str, Collection[str]],
) -> Analysis:
    """The failed requests by kind, with the exception in their traces or in the service's output.

    Args:
        failures: Of the requests that the budget is about.
        traces: All of them.
        tracebacks: In the service's output, by trace id.
        endpoints: Of the service, by the name of the request in the locustfile.
    """
    number = sum(one.count for one in failures)
    if not number:
        return Analysis(missing="no failed request was recorded")
    by_id = {one.root.trace_id: one for one in traces}
    causes = []
    for one in failures:
        share = one.count / number
        served = endpoints.get(one.request, {one.request})
        same = [each for each in traces if each.endpoint in served and each.fails_with(one.status)]
        raised, place = _exception(by_id.get(one.trace_id), same)
        if not place:
            raised, place = _in_output(one, tracebacks) or (raised, place)
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


def _exception(trace: Trace | None, same: Sequence[Trace]) -> tuple[str, str]:
    """The exception of a failed request's trace, and the service's own line that raised it.

    A trace that was not recorded is replaced by another one of the same endpoint and status.
    """
    for one in ([trace] if trace else []) + list(same[:FEWEST]):
        for span in one.spans:
            for event in span.exceptions:
                return f"{event.type}: {event.message}"[:_NAME], place_of(event.stacktrace)
    return "", ""


def _in_output(failure: FailureKind, tracebacks: Mapping[str, str]) -> tuple[str, str] | None:
    """The exception that the service's output has for one of the failed requests, and its line."""
    for trace_id in (failure.trace_id, *(reply.trace_id for reply in failure.replies)):
        # The lines of an exception group begin with "|", and its last one is "+-----".
        if text := tracebacks.get(trace_id, "").strip(" \n|+-"):
            return text.splitlines()[-1].strip(" |")[:_NAME], place_of(text)
    return None
