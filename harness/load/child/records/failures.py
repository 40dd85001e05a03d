"""Inside the generator: counts the failed requests by endpoint and kind.

Only a failed request costs time. The number of kinds and of stored answers, and the length of each
text, are limited, so a service whose every answer has another message costs no memory.
"""

from __future__ import annotations

import math
from typing import Any

from requests import Response

from harness.load.child.records.kinds import Kind, group_of, kind_of
from harness.load.child.records.replies import reply_of
from harness.load.child.tracing import trace_of
from harness.names import FAILED_OTHER
from harness.runs.records.failed import (
    MOST_REPLIES,
    REPLIES_OF_KIND,
    FailedReply,
    Failures,
)

FAILED = "harness_failed"  # attribute of a user: how the last request of its task failed
MAX_FAILURE = 200  # characters of it
MOST_KINDS = 200
_OTHER = Kind(FAILED_OTHER, 0, "failures of further kinds", "")


class _Count:
    """The failed requests of one endpoint and kind that are not reported."""

    __slots__ = (
        "counts",
        "first",
        "kind",
        "last",
        "name",
        "replies",
        "stored",
        "trace_id",
        "varies",
    )

    def __init__(self, name: tuple[str, str], kind: Kind, trace_id: str) -> None:
        self.name, self.kind, self.trace_id = name, kind, trace_id
        self.stored = 0  # replies, reported or not
        self.varies = False
        self.clear()

    def clear(self) -> None:
        self.counts: dict[float, int] = {}
        self.first, self.last = math.inf, -math.inf
        self.replies: list[FailedReply] = []

    def report(self) -> Failures:
        kind = self.kind
        return Failures(
            *(*self.name, kind.kind, kind.status, kind.text, group_of(kind)),
            {int(second): count for second, count in self.counts.items()},
            *(self.first, self.last, self.varies, self.trace_id, tuple(self.replies)),
        )


class FailureCounts:
    """Counts failed requests by endpoint and kind, with some of their answers."""

    def __init__(self) -> None:
        self._counts: dict[tuple[object, ...], _Count] = {}
        self._replies = 0

    def add(
        self,
        name: tuple[str, str],
        second: float,
        at: float,
        *,
        traceparent: object,
        response: Any,
        error: object,
        raised: object,
    ) -> None:
        """Count a failed request.

        Args:
            name: Its method and name.
            second: The second in which it was due.
            at: Its intended start.
            traceparent: Its header.
            response: Its response; None if there is none.
            error: The exception that made it a failure for Locust.
            raised: The exception of a with-block, or of the client, without an `error`.
        """
        kind = kind_of(response, error, raised)
        key: tuple[object, ...] = (*name, kind.kind, kind.status, kind.grouped)
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) >= MOST_KINDS:
                kind = _OTHER
                key = (*name, kind.kind)
            if (count := self._counts.get(key)) is None:
                count = self._counts[key] = _Count(name, kind, _trace(traceparent, response))
        count.counts[second] = count.counts.get(second, 0) + 1
        count.first, count.last = min(count.first, at), max(count.last, at)
        count.varies = count.varies or kind.text != count.kind.text
        if count.stored < REPLIES_OF_KIND and self._replies < MOST_REPLIES:
            reply = reply_of(response, at, _trace(traceparent, response))
            if reply is not None:
                count.replies.append(reply)
                count.stored += 1
                self._replies += 1

    def rebase(self, shift: float, last: float) -> None:
        """Count seconds from another moment, `shift` earlier; the result is at most `last`."""
        for count in self._counts.values():
            before, count.counts = count.counts, {}
            for second, number in before.items():
                at = min(last, (second + shift) // 1.0)
                count.counts[at] = count.counts.get(at, 0) + number

    def take(self) -> tuple[Failures, ...]:
        """The failed requests that were counted since the last call."""
        fresh = [count for count in self._counts.values() if count.counts]
        reports = tuple(count.report() for count in fresh)
        for count in fresh:
            count.clear()
        return reports


def note_outcome(user: Any, named: tuple[str, str], response: object, error: object) -> bool:
    """Note on a user whether its last request failed, for an exception that follows.

    Args:
        user: The user; None if it is not known.
        named: The method and name of the request.
        response: Its response; None if there is none.
        error: The exception of the client; None when an exception of the locustfile followed.

    Returns:
        Whether the user has the note.
    """
    if user is None:
        return False
    status = getattr(response, "status_code", None)
    what = ""
    if isinstance(status, int) and status >= 400:
        what = f"answered {status}"
    elif error is not None:
        text = f"{type(error).__name__}: {error}"[: 2 * MAX_FAILURE]
        what = f"failed: {' '.join(text.split())}"
    if not what:
        user.__dict__.pop(FAILED, None)
        return False
    user.__dict__[FAILED] = f"{named[0]} {named[1]} {what}"[:MAX_FAILURE]
    return True


def _trace(traceparent: object, response: Any) -> str:
    """The trace id that was sent, which an instrumentation of requests may have replaced."""
    request = response.request if isinstance(response, Response) else None
    return trace_of(traceparent, request)[0]
