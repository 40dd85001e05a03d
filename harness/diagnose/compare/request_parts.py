"""The requests of two versions by their parts, and how much the candidate has more of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final, NamedTuple

from harness.diagnose.answers import FEWEST
from harness.diagnose.compare.added import Added, added_means
from harness.diagnose.model import Cause, CauseKind
from harness.diagnose.traces import SpanOperation, Trace
from harness.units import Unit, format_quantity

_NAME: Final = 160
_HALF: Final = 0.25  # of all requests, on each side of a quantile
_LEAST: Final = 10  # requests around a quantile
_ADVICE: Final[dict[str, str]] = {
    "statement": "look at what executes it, and at its plan (EXPLAIN)",
    "call": "look at what makes the call, and at the other service",
    "span": "look at the code between its other spans",
}


@dataclass(frozen=True, slots=True)
class RegressionCause(Cause):
    """A part of what the candidate has more.

    Attributes:
        changed: What the branch changed at the place; empty where nothing is known of a change.
    """

    changed: str = ""


class Part(NamedTuple):
    """An operation of a request, the same in both versions wherever its code is.

    Attributes:
        kind: As in `SpanOperation`; so are the others.
    """

    kind: CauseKind
    name: str
    service: str = ""


@dataclass(frozen=True, slots=True)
class RequestParts:
    """A request.

    Attributes:
        seconds: Its duration.
        own: As in `Trace`, by part; `counts` likewise.
        places: Where in the code a part is, if its spans say so.
    """

    seconds: float
    own: Mapping[Part, float]
    counts: Mapping[Part, float]
    places: Mapping[Part, str]

    @classmethod
    def of(cls, trace: Trace) -> RequestParts:
        """The parts of a trace."""
        places = {part_of(each): each.place for each in trace.own if each.place}
        return cls(trace.root.seconds, _sums(trace.own), _sums(trace.counts), places)


def part_of(operation: SpanOperation) -> Part:
    """The part that an operation is, wherever its code is."""
    return Part(operation.kind, operation.name, operation.service)


def is_statement(part: Part) -> bool:
    """Whether a part is a statement of a database that the service itself executes."""
    return part.kind == "statement" and not part.service


def _sums(values: Mapping[SpanOperation, float]) -> dict[Part, float]:
    found: dict[Part, float] = {}
    for operation, value in values.items():
        found[part_of(operation)] = found.get(part_of(operation), 0.0) + value
    return found


@dataclass(frozen=True, slots=True)
class ComparedEndpoint:
    """The requests of an endpoint in both versions, at least `FEWEST` in each.

    Attributes:
        number: Of all its requests of the candidate; the others are those around a quantile.
    """

    name: str
    baseline: Sequence[RequestParts]
    candidate: Sequence[RequestParts]
    number: int


def compared_endpoints(
    baseline: Iterable[Trace], candidate: Iterable[Trace], quantile: float | None = None
) -> list[ComparedEndpoint]:
    """The endpoints that have enough traced requests in both versions.

    Args:
        baseline: Its requests; `candidate` likewise.
        candidate: The requests of the candidate.
        quantile: Of their durations: only the requests around it count. A mean would follow a few
            very slow requests, which do not move a median. None takes all.
    """
    before, after = _by_endpoint(baseline), _by_endpoint(candidate)
    return [
        ComparedEndpoint(
            name,
            _around(before[name], quantile),
            _around(after[name], quantile),
            len(after[name]),
        )
        for name in after
        if min(len(before.get(name, ())), len(after[name])) >= FEWEST
    ]


def _around(rows: Sequence[RequestParts], quantile: float | None) -> Sequence[RequestParts]:
    """The requests on both sides of a quantile: at most a half of all, at least ten."""
    if quantile is None:
        return rows
    ordered = sorted(rows, key=lambda one: one.seconds)
    half = min(_HALF, 1 - quantile)
    last = max(round((quantile + half) * len(ordered)), _LEAST)
    first = min(round((quantile - half) * len(ordered)), min(last, len(ordered)) - _LEAST)
    return ordered[max(0, first) : last]


def _by_endpoint(traces: Iterable[Trace]) -> dict[str, list[RequestParts]]:
    found: dict[str, list[RequestParts]] = {}
    for trace in traces:
        found.setdefault(trace.endpoint, []).append(RequestParts.of(trace))
    return found


def added_seconds(found: Sequence[ComparedEndpoint]) -> Added:
    """How much longer a request takes."""
    rows = [
        ([[r.seconds] for r in one.baseline], [[r.seconds] for r in one.candidate]) for one in found
    ]
    return added_means(rows)[0]


def added_parts(
    found: Sequence[ComparedEndpoint],
    values: Callable[[RequestParts], Mapping[Part, float]],
    chosen: Callable[[Part], bool] = lambda _: True,
) -> list[tuple[RegressionCause, Added]]:
    """The parts of requests by their share in what is added; a part within noise has none.

    Args:
        found: At least one endpoint.
        values: The seconds or the number of each part of a request.
        chosen: Whether a part counts.
    """
    every = [row for one in found for row in (*one.baseline, *one.candidate)]
    names = list(dict.fromkeys(part for row in every for part in row.own if chosen(part)))
    if not names:
        return []

    def rows(requests: Sequence[RequestParts]) -> list[list[float]]:
        of_requests = map(values, requests)
        return [[one.get(name, 0.0) for name in names] for one in of_requests]

    added = added_means([(rows(one.baseline), rows(one.candidate)) for one in found])
    return [(_difference(name, one, found), one) for name, one in zip(names, added, strict=True)]


def _difference(part: Part, added: Added, found: Sequence[ComparedEndpoint]) -> RegressionCause:
    using = [
        one for one in found if any(part in row.own for row in (*one.baseline, *one.candidate))
    ]
    before = _Use.of(part, [row for one in using for row in one.baseline])
    after = _Use.of(part, [row for one in using for row in one.candidate])
    places = (row.places.get(part, "") for one in using for row in one.candidate)
    shares = (added.share, added.share_lower if added.lower > 0 else 0.0, added.share_upper)
    return RegressionCause(
        *(part.kind, part.name[:_NAME], *shares, _evidence(before, after)),
        place=next(filter(None, places), ""),
        advice=_ADVICE.get(part.kind, ""),
        service=part.service,
    )


class _Use(NamedTuple):
    """How requests use a part: how often, and seconds each time; None without any."""

    per_request: float
    each: float | None

    @classmethod
    def of(cls, part: Part, rows: Sequence[RequestParts]) -> _Use:
        count = sum(row.counts.get(part, 0.0) for row in rows)
        seconds = sum(row.own.get(part, 0.0) for row in rows)
        return cls(count / len(rows) if rows else 0.0, seconds / count if count else None)


def _evidence(before: _Use, after: _Use) -> str:
    """Such as "20 times in a request, once before; 8 ms each, 7.9 ms before"."""
    now, earlier = _times(after), _times(before)
    times = f"{now} in a request, {'as' if now == earlier else earlier} before"
    if after.each is None:
        return times
    each = f"{format_quantity(after.each, Unit.SECONDS)} each"
    if before.each is None:
        return f"{times}; {each}"
    return f"{times}; {each}, {format_quantity(before.each, Unit.SECONDS)} before"


def _times(use: _Use) -> str:
    if use.each is None:
        return "never"
    number = f"{use.per_request:.3g}"
    return "once" if number == "1" else f"{number} times"


def requests_text(found: Sequence[ComparedEndpoint]) -> str:
    """Such as "96 requests (GET /orders, 8.3 ms before, 47 ms now)"."""
    chosen, number = (
        sum(counts)
        for counts in zip(*((len(one.candidate), one.number) for one in found), strict=True)
    )
    many = f"{number}" if chosen == number else f"{chosen} of {number}"
    where = found[0].name if len(found) == 1 else f"{len(found)} endpoints"
    return f"{many} requests ({where}, {means_text(found)})"


def means_text(found: Sequence[ComparedEndpoint]) -> str:
    """The mean duration of a request in each version: "8.3 ms before, 47 ms now"."""
    before = fmean(row.seconds for one in found for row in one.baseline)
    after = fmean(row.seconds for one in found for row in one.candidate)
    texts = [format_quantity(each, Unit.SECONDS) for each in (before, after)]
    return f"{texts[0]} before, {texts[1]} now"
