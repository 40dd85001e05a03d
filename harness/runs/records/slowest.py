"""slowest.jsonl: the slowest requests as they became known, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from harness.runs.model import SlowRequest
from harness.runs.records.lines import LineLog, read_lines

KEPT = 5  # of each endpoint
_REQUEST = TypeAdapter(SlowRequest)


class SlowestLog(LineLog):
    """Writes slowest.jsonl while the load runs; a written line survives a killed writer."""

    def write(self, requests: Iterable[SlowRequest]) -> None:
        """Add a line for each."""
        self.append("".join(json.dumps(asdict(r), ensure_ascii=False) + "\n" for r in requests))


def read_slowest(path: Path, start: float, end: float) -> tuple[SlowRequest, ...]:
    """The slowest requests of a window, `KEPT` of each endpoint, the slowest first.

    A generator reports a request when it is slower than those that it reported of its endpoint
    before, so the file holds more than these.

    Args:
        path: A slowest.jsonl; a last line that is cut off is left out. Without the file there are
            none: runs of earlier versions lack it.
        start: Of the window, seconds since the epoch.
        end: Of the window; what was meant to start exactly then is outside.

    Raises:
        RunFolderError: A line other than the last is damaged.
    """
    kept: dict[str, int] = {}
    found = []
    for one in sorted(
        set(read_lines(path, _REQUEST)), key=lambda one: (-one.latency, one.at, one.trace_id)
    ):
        if start <= one.at < end and kept.setdefault(one.request, 0) < KEPT:
            kept[one.request] += 1
            found.append(one)
    return tuple(found)
