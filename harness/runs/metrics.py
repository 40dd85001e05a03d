"""metrics.om: every scraped sample and every reading of the generator, with its time.

While the run lasts, each scrape appends one line with the values that changed
(`harness.runs.records.scrapes`). Closing the log of a run of at most `MOST_SAMPLES` samples
rewrites them as a valid OpenMetrics document (grouped by family, ending in `# EOF`), which
`promtool tsdb create-blocks-from openmetrics` turns into something Grafana shows. A longer run, and
one that was killed, leaves the appended lines. `read_metrics` reads all forms, and the lines of one
sample each that older versions appended.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain, islice
from operator import itemgetter, lt
from pathlib import Path
from typing import Final, NamedTuple

from harness.errors import RunFolderError
from harness.names import CONTRADICTING, CONTRADICTING_SERIES, DECLARED, INSTANCE
from harness.runs.log import Log, is_being_written, read_log, rest_of
from harness.runs.model import Series
from harness.runs.openmetrics import (
    MetricKind,
    Points,
    Sample,
    are_different,
    document,
    parse_series,
    parse_type,
    reading,
    series_text,
)
from harness.runs.records.scrapes import SCRAPE, SERIES, Held, ScrapeLines, ScrapePoints

MOST_SAMPLES: Final = 400_000  # of a document, about 60 MB; a longer one is not written
_END = b"# EOF\n"
_PARTS = ("", "_total", "_bucket", "_sum", "_count")


class MetricsLog(Log):
    """Appends samples to a file as the run goes, and makes a valid document of a short one.

    It remembers the kind of each family and the last value of each series, so a long run needs no
    more memory than a short one.

    Args:
        path: Created, or emptied.

    Attributes:
        unfinished: Why `close` could not make a document of the file, which then holds the appended
            lines; empty otherwise.

    Raises:
        OSError: The file cannot be written; so do `add` and `add_readings`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._kinds: dict[str, MetricKind] = {}
        self._scrapes = ScrapeLines()
        self.unfinished = ""

    def add(self, samples: Iterable[Sample], at: float, group: str = "") -> None:
        """Append the samples of one scrape.

        Args:
            samples: All of them.
            at: When they were taken, seconds since the epoch.
            group: Name of the scrapes that usually have the same series. A wrong one only makes the
                file longer.
        """
        samples = tuple(samples)
        lines = []
        for sample in samples:
            if sample.family not in self._kinds:
                self._kinds[sample.family] = sample.kind
                lines.append(f"# TYPE {sample.family} {sample.kind}\n")
        lines.extend(self._scrapes.lines(samples, at, group))
        self.append("".join(lines))

    def add_readings(
        self, values: Mapping[str, float], at: float, labels: Mapping[str, str] | None = None
    ) -> None:
        """Append readings of the harness itself: `_total` names are counters, others gauges."""
        group = f"generator {sorted((labels or {}).items())}"
        self.add((reading(name, value, labels) for name, value in values.items()), at, group)

    def close(self) -> None:
        """Rewrite a short file as a valid OpenMetrics document; does nothing the second time."""
        if self._file.closed:
            return
        super().close()
        if self._scrapes.samples > MOST_SAMPLES or rest_of(self.path).exists():
            return
        try:
            finalise(self.path)
        except OSError as error:
            self.unfinished = f"cannot write {self.path}: {error.strerror}"
        except RunFolderError as error:
            self.unfinished = error.message


def finish(path: Path) -> None:
    """Make a document of the file of a run that was killed.

    It stays as it is where it holds more than `MOST_SAMPLES`, has a rest, or cannot be written.

    Raises:
        RunFolderError: A line of it is no sample.
    """
    if is_being_written(path) or rest_of(path).exists():
        return
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - len(_END)))
        whole = file.read() == _END
    if not whole and _read(path, set()).scrapes.samples <= MOST_SAMPLES:
        with suppress(OSError):
            finalise(path)


def finalise(path: Path) -> None:
    """Replace appended lines by a valid OpenMetrics document with the same samples.

    The document is written beside the file and put in its place at once, so that a crash or a full
    disk leaves the appended lines.
    """
    kinds, series = read_points(path)
    # A new file: one that is there may be a link, in a folder from elsewhere, to any file.
    partial = path.with_name(f"{path.name}.{os.urandom(4).hex()}.part")
    try:
        with partial.open("x", encoding="utf-8", newline="\n") as file:
            file.writelines(document(kinds, series))
        partial.replace(path)
    except BaseException:  # a signal, too
        partial.unlink(missing_ok=True)
        raise


def read_metrics(path: Path, names: Collection[str] | None = None) -> tuple[Series, ...]:
    """Read the series of a metrics file.

    Args:
        path: A metrics.om, finished or left by a run that was killed.
        names: Metrics to read, each with the parts of a histogram or counter of that name
            (`x` also reads `x_bucket`, `x_sum`, `x_count`, `x_total`); None reads all.

    Returns:
        Series with ascending times, in the order of their first sample in the file. Of two samples
        of a series at one time the first counts, as in Prometheus; if their values differ, that
        time is a point of a series `names.CONTRADICTING`. This and
        `names.DECLARED` are always read.

    Raises:
        RunFolderError: The file is missing, or a line of it is no sample.
    """
    wanted = None
    if names is not None:
        wanted = {CONTRADICTING, DECLARED, *(name + part for name in names for part in _PARTS)}
    _, series = _collect(path, wanted)
    return tuple(
        Series(
            *parse_series(text),
            times=tuple(times),
            values=values if isinstance(values, Held) else tuple(values),
        )
        for text, (times, values) in series.items()
    )


def read_points(path: Path) -> tuple[dict[str, MetricKind], dict[str, Points]]:
    """The kind of each family, and the points of each series by its text.

    Raises:
        RunFolderError: As for `read_metrics`.
    """
    kinds, series = _collect(path, None)
    return kinds, {
        text: Points(array("d", times), array("d", values))
        for text, (times, values) in series.items()
    }


class _Lines(NamedTuple):
    """What the lines of a file hold.

    Attributes:
        series: By their text, in the order of their first sample, the samples that are lines of
            their own; None for a series that is not wanted.
        scrapes: The others.
    """

    kinds: dict[str, MetricKind]
    series: dict[bytes, Points | None]
    scrapes: ScrapePoints


def _read(path: Path, wanted: set[str] | None) -> _Lines:
    found = _Lines({}, {}, ScrapePoints())
    kinds, series, scrapes = found
    for number, line in _lines(path):
        try:
            if line.startswith(SCRAPE):
                scrapes.scrape(line)
                continue
            if line.startswith(b"#"):
                if declared := parse_type(line.decode(errors="replace")):
                    kinds.setdefault(*declared)
                continue
            if line.startswith(SERIES):
                name, text = scrapes.declare(line)
                if _wanted(series, text, wanted) is not None:
                    scrapes.want(name, text.decode())
                continue
            text, value, time = line.rsplit(b" ", 2)
            at, number_read = float(time), float(value)
            points = _wanted(series, text, wanted)
        except ValueError as error:
            raise _unreadable(path, number, line) from error
        if points is not None:
            points.times.append(at)
            points.values.append(number_read)
    return found


def _wanted(
    series: dict[bytes, Points | None], text: bytes, wanted: set[str] | None
) -> Points | None:
    """The points of a series, which are None if its name is not wanted.

    Raises:
        ValueError: The text is none of a series.
    """
    if text not in series:
        name, _ = parse_series(text.decode())
        series[text] = Points() if wanted is None or name in wanted else None
    return series[text]


_Values = tuple[Sequence[float], Sequence[float]]


def _collect(
    path: Path, wanted: set[str] | None
) -> tuple[dict[str, MetricKind], dict[str, _Values]]:
    """The kinds of the families, and the ascending times and the values of each series."""
    kinds, series, scrapes = _read(path, wanted)
    parts: dict[str, list[_Values]] = {
        text.decode(): [] for text, points in series.items() if points is not None
    }
    for name, times, values in scrapes.points():
        parts[name].append((times, values))
    for text, points in series.items():
        if points is not None and points.times:
            parts[text.decode()].append((points.times, points.values))
    found: dict[str, _Values] = {}
    shared: dict[tuple[int, ...], Sequence[float]] = {}  # joined times, by the identity of theirs
    ascending: dict[int, bool] = {}  # by the identity of times that series share
    unordered: dict[str, set[float]] = {}
    for name, pieces in parts.items():
        if not pieces:
            continue
        found[name] = pieces[0] if len(pieces) == 1 else _joined(pieces, shared)
        moments = found[name][0]
        if id(moments) not in ascending:
            ascending[id(moments)] = _ascend(moments)
        if not ascending[id(moments)]:
            found[name], unordered[name] = _in_order(*found[name])
    for name in sorted(name for name, contradicting in unordered.items() if contradicting):
        kinds.setdefault(CONTRADICTING, "gauge")
        _note_contradiction(found, name, unordered[name])
    return kinds, found


def _joined(pieces: Sequence[_Values], shared: dict[tuple[int, ...], Sequence[float]]) -> _Values:
    """The points of a series that was gone for some scrapes; series gone together share times."""
    times, values = zip(*pieces, strict=True)
    of = tuple(map(id, times))
    if of not in shared:
        shared[of] = tuple(chain(*times))
    held = [part for part in values if isinstance(part, Held)]
    if len(held) == len(values):
        return shared[of], Held.joined(held)
    return shared[of], tuple(chain(*values))


def _ascend(times: Sequence[float]) -> bool:
    return all(map(lt, times, islice(times, 1, None)))


def _note_contradiction(found: dict[str, _Values], text: str, times: set[float]) -> None:
    """Add the times at which a series had two values to its series `names.CONTRADICTING`."""
    name, labels = parse_series(text)
    own = {CONTRADICTING_SERIES: series_text(name, labels)}
    if INSTANCE in labels:
        own[INSTANCE] = labels[INSTANCE]
    noted = series_text(CONTRADICTING, own)
    every = sorted({*times, *(found[noted][0] if noted in found else ())})
    found[noted] = every, [1.0] * len(every)


def _lines(path: Path) -> Iterable[tuple[int, bytes]]:
    try:
        for number, line in enumerate(read_log(path), 1):
            if line.endswith(b"\n"):  # a killed run may have left half a line at the end
                yield number, line
    except OSError as error:
        hint = "give the folder of a run: it holds run.json and metrics.om"
        raise RunFolderError(f"{path} cannot be read: {error.strerror}", hint) from error


def _in_order(times: Sequence[float], values: Sequence[float]) -> tuple[_Values, set[float]]:
    """The points by ascending time, one at each, and the times that had two values."""
    ordered, contradicting = Points(), set[float]()
    for at, value in sorted(zip(times, values, strict=True), key=itemgetter(0)):
        if not ordered.times or at > ordered.times[-1]:
            ordered.times.append(at)
            ordered.values.append(value)
        elif are_different(value, ordered.values[-1]):
            contradicting.add(at)
    return (ordered.times, ordered.values), contradicting


def _unreadable(path: Path, number: int, line: bytes) -> RunFolderError:
    shown = line.decode(errors="replace").strip()[:80]
    return RunFolderError(
        f"{path}:{number}: {shown!r} is no sample with a time",
        "the file was changed after the run, or is none that the harness wrote",
    )
