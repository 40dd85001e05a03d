"""Failed requests, as a generator reports them and as a run has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

MOST_REPLIES: Final = 20  # that are kept of a generator, and of a run
REPLIES_OF_KIND: Final = 3


@dataclass(frozen=True, slots=True)
class FailedReply:
    """The start of the answer to a failed request.

    Attributes:
        at: The intended start of the request, seconds; of the monotonic clock in a generator, since
            the epoch in a run folder. So are all times of this module.
        status: The status code.
        content_type: The header of the answer.
        size: Bytes of the whole body.
        body: Its first characters; a note on its first bytes if it is no text.
        trace_id: 32 hexadecimal digits; empty without a trace id.
    """

    at: float
    status: int
    content_type: str
    size: int
    body: str
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed requests of one endpoint and one kind since the previous report.

    Attributes:
        kind: One of the names `FAILED_...` in `harness.names`.
        status: The status code of the answer; 0 without an answer.
        text: What failed, as the first request of this kind says it.
        group: Identifies the text without numbers and ids; empty where the other fields do.
        counts: Number of requests by the second in which they were due, as in a `Cell`.
        first: Intended start of the first of them.
        last: Intended start of the last of them.
        varies: Whether the texts of the requests differ.
        trace_id: Of the first request of this kind; 32 hexadecimal digits, or empty.
        replies: Some answers, which earlier reports do not have.
    """

    method: str
    name: str
    kind: str
    status: int
    text: str
    group: str
    counts: Mapping[int, int]
    first: float
    last: float
    varies: bool = False
    trace_id: str = ""
    replies: tuple[FailedReply, ...] = ()

    def at_times(self, convert: Callable[[float], float]) -> Failures:
        """The same with times of another clock."""
        return replace(
            self,
            first=convert(self.first),
            last=convert(self.last),
            replies=tuple(replace(reply, at=convert(reply.at)) for reply in self.replies),
        )

    @property
    def request(self) -> str:
        """As budgets.yaml names it: "GET /contacts"."""
        return f"{self.method} {self.name}".strip()


@dataclass(frozen=True, slots=True)
class FailureKind:
    """All failed requests of one endpoint and one kind in a run.

    Attributes:
        request: As budgets.yaml names it: "GET /contacts".
        kind: As in `Failures`; so are the attributes that are not explained here.
        count: Number of requests of the window.
        total: Number of requests, the warm-up included.
        first: Intended start of the first of them; `last` of the last, both of the whole run.
    """

    request: str
    kind: str
    status: int
    text: str
    varies: bool
    count: int
    total: int
    first: float
    last: float
    trace_id: str
    replies: tuple[FailedReply, ...]
