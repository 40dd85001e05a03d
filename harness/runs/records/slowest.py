"""slowest.jsonl: the slowest requests as they became known, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.errors import RunFolderError
from harness.runs.log import Log
from harness.runs.model import SlowRequest

KEPT = 5  # of each endpoint
_REQUEST = TypeAdapter(SlowRequest)


class SlowestLog(Log):
    """Writes slowest.jsonl while the load runs; a written line survives a killed writer."""

    def write(self, requests: Iterable[SlowRequest]) -> None:
        """Add a line for each."""
        self.append("".join(json.dumps(asdict(r), ensure_ascii=False) + "\n" for r in requests))

    def close(self) -> None:
        """Close the file; without requests there is none."""
        super().close()
        if not self._size:
            self.path.unlink(missing_ok=True)


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
    for one in sorted(set(_lines(path)), key=lambda one: (-one.latency, one.at, one.trace_id)):
        if start <= one.at < end and kept.setdefault(one.request, 0) < KEPT:
            kept[one.request] += 1
            found.append(one)
    return tuple(found)


def _lines(path: Path) -> Iterator[SlowRequest]:
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            try:
                yield _REQUEST.validate_json(line)
            except ValidationError as error:
                if not line.endswith("\n"):
                    return
                raise RunFolderError(
                    f"{path}:{number}: damaged line ({error.errors()[0]['msg']})",
                    "The file was changed after the run; run the load again.",
                ) from error
