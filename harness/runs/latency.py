"""latency.hlog: what was recorded, as an HdrHistogram interval log that existing tools read.

Format: https://hdrhistogram.github.io/HdrHistogram/JavaDoc/org/HdrHistogram/HistogramLogWriter.html
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

from harness.errors import RunFolderError
from harness.names import (
    ERROR,
    GENERATOR_CANARY,
    GENERATOR_LOOP_LAG,
    LATENCY,
    OK,
    SCHEDULER_LAG,
    SERVICE_TIME,
    START_LAG,
    UNANSWERED_LATENCY,
    UNANSWERED_SERVICE_TIME,
    UNSTARTED_LATENCY,
)
from harness.runs.cells import Cell, middle_of
from harness.runs.hdr import decode, encode
from harness.runs.log import Log
from harness.runs.model import LAST_MOMENT, Distribution, LatencyKey

_HEADER = """\
#[Histogram log format version 1.3]
#[Times of the load generator in nanoseconds, 3 significant digits; timestamps are epoch seconds]
#[A line counts what was meant to start in its second, so a late answer adds one more line to it]
#[Tag: what|outcome|method|name, percent-encoded; the readings of the generator have only a what]
#[StartTime: {seconds:.3f} (seconds since epoch), {iso}]
"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"
"""
_ROUNDING = 0.0005  # s; timestamps have three decimals
# The compressed counts of a histogram are smaller; a longer line is not read into memory.
_LONGEST_LINE = 2**20
_OF_GENERATOR = frozenset(
    {START_LAG, SCHEDULER_LAG, GENERATOR_LOOP_LAG, GENERATOR_CANARY, UNSTARTED_LATENCY}
)
_UNANSWERED = frozenset({UNANSWERED_LATENCY, UNANSWERED_SERVICE_TIME})
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

    intervals: dict[LatencyKey, dict[int, Distribution]]
    recorded: int
    iterations: tuple[int, int] = (0, 0)
    unanswered: int = 0
    failed: int = 0


def read_intervals(
    path: Path, start: float, width: float, end: float = math.inf
) -> dict[LatencyKey, dict[int, Distribution]]:
    """The intervals of `read_times`."""
    return read_times(path, start, width, end).intervals


def read_times(path: Path, start: float, width: float, end: float = math.inf) -> LoggedTimes:
    """Distributions of the requests that were due in each interval of a run, and their number.

    Args:
        path: A latency.hlog; a last line that is cut off is left out.
        start: Epoch seconds, a whole number of seconds before or after the window's start as given
            to `LatencyLog.begin`.
        width: Of an interval, whole seconds.
        end: Epoch seconds. A second that begins before it belongs to the last interval.

    Raises:
        RunFolderError: The file is missing or a line other than the last is damaged.
    """
    totals: dict[str, int] = {}
    failed = 0
    merged: dict[LatencyKey, dict[int, dict[int, int]]] = {}
    for line in _lines(path):
        what = line.key.what
        if what in {LATENCY, SCHEDULER_LAG, START_LAG, UNANSWERED_LATENCY}:
            count = sum(line.counts.values())
            totals[what] = totals.get(what, 0) + count
            failed += count * (what == LATENCY and line.key.outcome == ERROR)
        if start - _ROUNDING <= line.start < end - _ROUNDING:
            number = int((line.start - start + _ROUNDING) // width)
            total = merged.setdefault(line.key, {}).setdefault(number, {})
            for bucket, count in line.counts.items():
                total[bucket] = total.get(bucket, 0) + count
    intervals = {
        key: {number: _distribution(counts) for number, counts in sorted(found.items())}
        for key, found in merged.items()
    }
    iterations = totals.get(SCHEDULER_LAG, 0), totals.get(START_LAG, 0)
    unanswered = totals.get(UNANSWERED_LATENCY, 0)
    return LoggedTimes(intervals, totals.get(LATENCY, 0), iterations, unanswered, failed)


def merged(
    intervals: Mapping[LatencyKey, Mapping[int, Distribution]],
) -> dict[LatencyKey, Distribution]:
    """All intervals together."""
    return {key: Distribution.merge(times.values()) for key, times in intervals.items()}


def read_lines(path: Path) -> list[LatencyLine]:
    """Every line, by the second in which its requests were due.

    Raises:
        RunFolderError: As for `read_intervals`.
    """
    return sorted(_lines(path), key=lambda line: line.start)


def _line(cell: Cell, start: float) -> str:
    highest = middle_of(max(cell.counts)) * 1e3  # milliseconds, as HistogramLogWriter does
    tag = _tag(LatencyKey.of(cell))
    return f"Tag={tag},{start:.3f},1.000,{highest:.6f},{encode(cell.counts)}\n"


def _tag(key: LatencyKey) -> str:
    return "|".join(quote(part, safe=_PLAIN) for part in key).rstrip("|")


def _lines(path: Path) -> Iterator[LatencyLine]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for number, text in enumerate(iter(lambda: file.readline(_LONGEST_LINE), ""), 1):
                if text.startswith(("#", '"')) or not text.strip():
                    continue
                whole = text.endswith("\n") or len(text) == _LONGEST_LINE
                try:
                    yield _parse(text)
                except (ValueError, TypeError) as error:
                    if not whole:
                        return
                    raise RunFolderError(
                        f"{path}:{number}: damaged line ({error})",
                        "The file was changed after the run; run the load again.",
                    ) from error
    except OSError as error:
        raise RunFolderError(f"{path}: {error.strerror}") from error


def _parse(text: str) -> LatencyLine:
    if not text.startswith("Tag=") or not text.isascii():
        raise ValueError("not a line that the harness wrote")
    fields = text.removeprefix("Tag=").rstrip("\n").split(",")
    if len(fields) != 5:
        raise ValueError(f"{len(fields)} fields in the place of 5")
    tag, start, _, _, payload = fields
    key = LatencyKey(*(unquote(part) for part in tag.split("|")))
    of_requests = key.what in {LATENCY, SERVICE_TIME} and key.outcome in {OK, ERROR}
    if not of_requests and key.what not in _OF_GENERATOR | _UNANSWERED:
        raise ValueError(f"unknown tag {tag[:40]!r}")
    return LatencyLine(key, _moment(start), decode(payload))


def _moment(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (moment := float(text)) <= LAST_MOMENT:
            return moment
    raise ValueError(f"{text[:40]!r} is no time stamp")


def _distribution(counts: Mapping[int, int]) -> Distribution:
    buckets = sorted(counts)
    return Distribution(
        tuple(middle_of(bucket) for bucket in buckets), tuple(counts[b] for b in buckets)
    )
