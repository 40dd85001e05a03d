"""failures.jsonl: failed requests by endpoint and kind, as they became known.

A line has the requests of one endpoint and kind of one report of a generator.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter

from harness.runs.records.failed import (
    MOST_REPLIES,
    REPLIES_OF_KIND,
    FailedReply,
    FailureKind,
    Failures,
)
from harness.runs.records.lines import LineLog, read_lines

_ROUNDING = 0.0005  # s; seconds of the load have three decimals, as in latency.hlog
_MOST = 10**15  # requests
_Key = tuple[str, str, int, str]


class FailureLog(LineLog):
    """Writes failures.jsonl while the load runs; a written line survives a killed writer."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._window_start = 0.0
        self._replies: dict[_Key, int] = {}

    def begin(self, window_start: float) -> None:
        """Set the zero of the seconds, in epoch seconds; before any `write`."""
        self._window_start = window_start

    def write(self, failures: Iterable[Failures]) -> None:
        """Add a line for each; its times are seconds since the epoch."""
        self.append("".join(self._line(one) for one in failures))

    def _line(self, one: Failures) -> str:
        counts = [
            [round(self._window_start + second, 3), count]
            for second, count in sorted(one.counts.items())
        ]
        fields = {"request": one.request, "kind": one.kind, "status": one.status, "text": one.text}
        fields |= {"group": one.group, "varies": one.varies, "counts": counts}
        fields |= {"first": round(one.first, 3), "last": round(one.last, 3)}
        fields |= {"trace_id": one.trace_id}
        if replies := self._chosen(one):
            fields["replies"] = [asdict(replace(r, at=round(r.at, 3))) for r in replies]
        return json.dumps(fields, ensure_ascii=False) + "\n"

    def _chosen(self, one: Failures) -> list[FailedReply]:
        """The replies that are stored: each of several generators sends some of each kind."""
        key = (one.request, one.kind, one.status, one.group)
        left = MOST_REPLIES - sum(self._replies.values())
        chosen = list(one.replies[: max(0, min(left, REPLIES_OF_KIND - self._replies.get(key, 0)))])
        if chosen:
            self._replies[key] = self._replies.get(key, 0) + len(chosen)
        return chosen


class StoredFailures(NamedTuple):
    """The content of a failures.jsonl.

    Attributes:
        kinds: The most frequent in the window first.
        recorded: The number of all failed requests, the warm-up included; None without the file.
    """

    kinds: tuple[FailureKind, ...] = ()
    recorded: int | None = None


_Count = Annotated[int, Field(ge=0, le=_MOST)]


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    request: str
    kind: str
    status: int
    text: str
    group: str
    varies: bool
    counts: tuple[tuple[FiniteFloat, _Count], ...]
    first: FiniteFloat
    last: FiniteFloat
    trace_id: str
    replies: tuple[FailedReply, ...] = ()

    @property
    def key(self) -> _Key:
        return self.request, self.kind, self.status, self.group


_LINE = TypeAdapter(_Line)


class _Merged:
    """The lines of one kind."""

    def __init__(self, line: _Line) -> None:
        self.earliest = line
        self.varies = False
        self.count = self.total = 0
        self.last = line.last
        self.replies: list[FailedReply] = []

    def add(self, line: _Line) -> None:
        self.varies |= line.varies or line.text != self.earliest.text
        if line.first < self.earliest.first:
            self.earliest = line
        self.last = max(self.last, line.last)
        self.replies += line.replies[: REPLIES_OF_KIND - len(self.replies)]

    def kind(self) -> FailureKind:
        line = self.earliest
        return FailureKind(
            request=line.request,
            kind=line.kind,
            status=line.status,
            text=line.text,
            varies=self.varies,
            count=self.count,
            total=self.total,
            first=line.first,
            last=self.last,
            trace_id=line.trace_id,
            replies=tuple(self.replies),
        )


def read_failures(path: Path, start: float | None, end: float | None) -> StoredFailures:
    """The failed requests of a run by kind.

    Args:
        path: A failures.jsonl; a last line that is cut off is left out. Without the file there are
            none: runs without a failed request lack it, and runs of earlier versions.
        start: Of the window, seconds since the epoch; None without a window.
        end: Of the window. A second that begins before it belongs to the window.

    Raises:
        RunFolderError: A line other than the last is damaged.
    """
    if not path.exists():
        return StoredFailures()
    merged: dict[_Key, _Merged] = {}
    recorded = 0
    for line in read_lines(path, _LINE):
        one = merged.setdefault(line.key, _Merged(line))
        one.add(line)
        for second, count in line.counts:
            one.total += count
            recorded += count
            if start is not None and end is not None:
                one.count += count * (start - _ROUNDING <= second < end - _ROUNDING)
    kinds = sorted(
        (one.kind() for one in merged.values()),
        key=lambda kind: (-kind.count, -kind.total, kind.request, kind.text),
    )
    return StoredFailures(tuple(kinds), recorded)
