"""The statements of a recording by their text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.diagnose.traces import SpanOperation, Trace


@dataclass(frozen=True, slots=True)
class StatementUse:
    """How requests use a statement.

    Attributes:
        text: Its text, on one line.
        requests: Number of requests that execute it.
        count: How often it was executed.
        seconds: The time of all executions together.
        share: Of the time of all requests, from 0 to 1.
    """

    text: str
    requests: int
    count: int
    seconds: float
    share: float

    @property
    def per_request(self) -> float:
        """How often such a request executes it."""
        return self.count / self.requests

    @property
    def mean(self) -> float:
        """Seconds of an execution."""
        return self.seconds / self.count


def statement_uses(traces: Iterable[Trace]) -> list[StatementUse]:
    """The statements of all requests, those with the most time first."""
    whole = 0.0
    found: dict[str, list[tuple[Trace, SpanOperation]]] = {}
    for trace in traces:
        whole += trace.root.seconds
        for operation in trace.counts:
            if operation.kind == "statement":
                found.setdefault(operation.name, []).append((trace, operation))
    uses = (_use(text, of, whole) for text, of in found.items())
    return sorted(uses, key=lambda one: (-one.seconds, one.text))


def _use(text: str, of: list[tuple[Trace, SpanOperation]], whole: float) -> StatementUse:
    seconds = sum(trace.own[operation] for trace, operation in of)
    return StatementUse(
        text,
        len({id(trace) for trace, _ in of}),  # one with two places in the code is one request
        sum(trace.counts[operation] for trace, operation in of),
        seconds,
        min(1.0, seconds / whole) if whole else 0.0,
    )
