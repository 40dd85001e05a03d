"""latency.hlog: what was recorded, as an HdrHistogram interval log that existing tools read.

Format: https://hdrhistogram.github.io/HdrHistogram/JavaDoc/org/HdrHistogram/HistogramLogWriter.html
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from harness.names import (
    ERROR,
    LATENCY,
    SCHEDULER_LAG,
    START_LAG,
    UNANSWERED_LATENCY,
)
from harness.runs.cells import Cell, middle_of
from harness.runs.hdr import encode
from harness.runs.log import Log
from harness.runs.model import Distribution, LatencyKey
from harness.runs.records.intervals import (
    Columns,
    IntervalTimes,
    narrowed,
    places_of,
    together,
)
from harness.runs.records.latency_lines import TagKeys, chunks, counts_of_lines, decoded

_HEADER = """\
#[Histogram log format version 1.3]
#[Times of the load generator in nanoseconds, 3 significant digits; timestamps are epoch seconds]
#[A line counts what was meant to start in its second, so a late answer adds one more line to it]
#[Tag: what|outcome|method|name, percent-encoded; the readings of the generator have only a what]
#[StartTime: {seconds:.3f} (seconds since epoch), {iso}]
"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"
"""
_ROUNDING = 0.0005  # s; timestamps have three decimals
_PLAIN = "/:{}()-_.~"  # characters of tags that need no encoding; not ",", "|", "%" or white space


class LatencyLine(NamedTuple):
    """Times of one kind, of one request, of one second.

    Attributes:
        start: Of the second in which they were due, seconds since the epoch.
        counts: As in a `Cell`.
    """

    key: LatencyKey
    start: float
    counts: Mapping[int, int]


class LatencyLog(Log):
    """Writes latency.hlog while the load runs; a written line survives a killed writer."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        now = datetime.now(UTC)
        # Well before everything that follows: readers skip lines that precede the start time.
        seconds = now.timestamp() - 1
        self.append(_HEADER.format(seconds=seconds, iso=now.isoformat()))
        self._window_start = seconds

    def begin(self, window_start: float) -> None:
        """Set the zero of the cells' seconds, in epoch seconds; before any `write`."""
        self._window_start = window_start

    def write(self, cells: Iterable[Cell]) -> None:
        """Add one line per cell, in the order of time."""
        ordered = sorted(cells, key=lambda cell: cell.second)
        self.append("".join(_line(cell, self._window_start + cell.second) for cell in ordered))


class LoggedTimes(NamedTuple):
    """The content of a latency.hlog.

    Attributes:
        intervals: By kind of time, then by the interval's number from 0; an interval without any is
            left out.
        recorded: How many requests the file holds, the warm-up included.
        iterations: How many iterations of the open model the file says were scheduled, and how many
            were started.
        unanswered: How many requests without an answer it holds, the warm-up included.
        failed: How many of the requests failed.
    """

    intervals: dict[LatencyKey, IntervalTimes]
    recorded: int
    iterations: tuple[int, int] = (0, 0)
    unanswered: int = 0
    failed: int = 0


def read_intervals(
    path: Path,
    start: float,
    width: float,
    end: float = math.inf,
    wanted: Collection[str] | None = None,
) -> dict[LatencyKey, IntervalTimes]:
    """The intervals of `read_times`."""
    return read_times(path, start, width, end, wanted).intervals


def read_times(
    path: Path,
    start: float,
    width: float,
    end: float = math.inf,
    wanted: Collection[str] | None = None,
) -> LoggedTimes:
    """Distributions of the requests that were due in each interval of a run, and their number.

    Args:
        path: A latency.hlog; a last line that is cut off is left out.
        start: Epoch seconds, a whole number of seconds before or after the window's start as given
            to `LatencyLog.begin`.
        width: Of an interval, whole seconds.
        end: Epoch seconds. A second that begins before it belongs to the last interval.
        wanted: Kinds of time to read, such as names.LATENCY; None reads all.

    Raises:
        RunFolderError: The file is missing or a line other than the last is damaged.
    """
    import numpy as np  # 0.1 s, which commands without a run save

    keys = TagKeys()
    parts: list[list[Columns]] = []  # by the number of the key
    order: dict[int, None] = {}  # the keys in the intervals, by their first line
    first, last = start - _ROUNDING, end - _ROUNDING
    for chunk in chunks(path, keys, wanted):
        lines, found = decoded(path, chunk)
        starts = np.array(lines.starts, dtype=np.float64)
        key = np.array(lines.keys, dtype=np.min_scalar_type(len(keys.known)))
        inside = (first <= starts) & (starts < last)
        numbers = np.where(inside, np.where(inside, starts - first, 0.0) // width, -1)
        order.update(dict.fromkeys(key[inside].tolist()))
        rows = np.argsort(key[found.places], kind="stable")
        places = places_of(numbers.astype(np.int64)[found.places], found.indexes)[rows]
        counts = narrowed(found.counts)[rows]
        parts += ([] for _ in range(len(keys.known) - len(parts)))
        begin = 0
        for number, count in enumerate(np.bincount(key[found.places]).tolist()):
            if count:
                within = slice(begin, begin := begin + count)
                parts[number].append(Columns(places[within], counts[within]))
        if len(lines.keys) < len(chunk.keys):
            break
    return _logged(dict(zip(keys.known, parts, strict=False)), [keys.known[n] for n in order])


def _logged(kinds: dict[LatencyKey, list[Columns]], order: Iterable[LatencyKey]) -> LoggedTimes:
    """The content of a file by its parts, which are emptied to save memory."""
    totals: dict[str, int] = {}
    failed = 0
    found: dict[LatencyKey, IntervalTimes] = {}
    for key, parts in kinds.items():
        if not parts:
            continue
        columns = together(parts)
        parts.clear()
        count = int(columns.counts.sum())
        totals[key.what] = totals.get(key.what, 0) + count
        failed += count * (key.what == LATENCY and key.outcome == ERROR)
        found[key] = IntervalTimes(columns)
    intervals = {key: found[key] for key in order if key in found and len(found[key])}
    iterations = totals.get(SCHEDULER_LAG, 0), totals.get(START_LAG, 0)
    unanswered = totals.get(UNANSWERED_LATENCY, 0)
    return LoggedTimes(intervals, totals.get(LATENCY, 0), iterations, unanswered, failed)


def merged(intervals: Mapping[LatencyKey, IntervalTimes]) -> dict[LatencyKey, Distribution]:
    """All intervals together."""
    return {key: times.total for key, times in intervals.items()}


def read_lines(path: Path) -> list[LatencyLine]:
    """Every line, by the second in which its requests were due.

    Raises:
        RunFolderError: As for `read_intervals`.
    """
    keys = TagKeys()
    found: list[LatencyLine] = []
    for chunk in chunks(path, keys):
        lines = counts_of_lines(path, chunk)
        found += (
            LatencyLine(keys.known[key], start, counts)
            for key, start, counts in zip(chunk.keys, chunk.starts, lines, strict=False)
        )
        if len(lines) < len(chunk.keys):
            break
    return sorted(found, key=lambda line: line.start)


def _line(cell: Cell, start: float) -> str:
    highest = middle_of(max(cell.counts)) * 1e3  # milliseconds, as HistogramLogWriter does
    tag = _tag(LatencyKey.of(cell))
    return f"Tag={tag},{start:.3f},1.000,{highest:.6f},{encode(cell.counts)}\n"


@lru_cache(maxsize=2**14)
def _tag(key: LatencyKey) -> str:
    return "|".join(quote(part, safe=_PLAIN) for part in key).rstrip("|")
