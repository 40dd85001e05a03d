"""metrics.om: every scraped sample and every reading of the generator, with its time.

While the run lasts, lines are appended in the order of the scrapes; closing the log rewrites them
as a valid OpenMetrics document (grouped by family, ending in `# EOF`), which
`promtool tsdb create-blocks-from openmetrics` turns into something Grafana shows. A run that was
killed leaves the appended lines, and `read_metrics` reads those as well.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from harness.errors import RunFolderError
from harness.names import CONTRADICTING, CONTRADICTING_SERIES, DECLARED, INSTANCE
from harness.runs.log import Log, is_being_written
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
    sample_line,
    series_text,
)

_END = b"# EOF\n"
_PARTS = ("", "_total", "_bucket", "_sum", "_count")


class MetricsLog(Log):
    """Appends samples to a file as the run goes, and makes a valid document of it at the end.

    It remembers only the kind of each family, so a long run needs no more memory than a short one.

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
        self.unfinished = ""

    def add(self, samples: Iterable[Sample], at: float) -> None:
        """Append samples that were taken at `at`, seconds since the epoch."""
        lines = []
        for sample in samples:
            if sample.family not in self._kinds:
                self._kinds[sample.family] = sample.kind
                lines.append(f"# TYPE {sample.family} {sample.kind}\n")
            text = series_text(sample.name, sample.labels)
            lines.append(sample_line(text, sample.value, at))
        self.append("".join(lines))

    def add_readings(
        self, values: Mapping[str, float], at: float, labels: Mapping[str, str] | None = None
    ) -> None:
        """Append readings of the harness itself: `_total` names are counters, others gauges."""
        self.add((reading(name, value, labels) for name, value in values.items()), at)

    def close(self) -> None:
        """Rewrite the file as one valid OpenMetrics document; does nothing the second time."""
        if self._file.closed:
            return
        super().close()
        try:
            finalise(self.path)
        except OSError as error:
            self.unfinished = f"cannot write {self.path}: {error.strerror}"
        except RunFolderError as error:
            self.unfinished = error.message


def finish(path: Path) -> None:
    """Make a document of the file of a run that was killed, unless the file cannot be written.

    Raises:
        RunFolderError: A line of it is no sample.
    """
    if is_being_written(path):
        return
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - len(_END)))
        whole = file.read() == _END
    if not whole:
        with suppress(OSError):
            finalise(path)


def finalise(path: Path) -> None:
    """Replace appended lines by a valid OpenMetrics document with the same samples.

    The document is written beside the file and put in its place at once, so that a crash or a full
    disk leaves the appended lines.
    """
    kinds, series = _collect(path, None)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
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
        Series(*parse_series(text), times=tuple(points.times), values=tuple(points.values))
        for text, points in series.items()
    )


def read_points(path: Path) -> tuple[dict[str, MetricKind], dict[str, Points]]:
    """The kind of each family, and the points of each series by its text.

    Raises:
        RunFolderError: As for `read_metrics`.
    """
    return _collect(path, None)


def _collect(
    path: Path, wanted: set[str] | None
) -> tuple[dict[str, MetricKind], dict[str, Points]]:
    """All points by the text of their series, in order of time, and the kinds of the families."""
    kinds: dict[str, MetricKind] = {}
    series: dict[bytes, Points | None] = {}
    unordered: set[bytes] = set()
    for number, line in _lines(path):
        if line.startswith(b"#"):
            if declared := parse_type(line.decode(errors="replace")):
                kinds.setdefault(*declared)
            continue
        try:
            text, value, time = line.rsplit(b" ", 2)
            at, number_read = float(time), float(value)
            if text not in series:
                name, _ = parse_series(text.decode())
                series[text] = Points() if wanted is None or name in wanted else None
        except ValueError as error:
            raise _unreadable(path, number, line) from error
        if (points := series[text]) is None:
            continue
        if points.times and at <= points.times[-1]:
            unordered.add(text)
        points.times.append(at)
        points.values.append(number_read)
    kept = {text: points for text, points in series.items() if points is not None}
    found = {text.decode(): points for text, points in kept.items()}
    for name in sorted(text.decode() for text in unordered):
        found[name], contradicting = _in_order(found[name])
        if contradicting:
            kinds.setdefault(CONTRADICTING, "gauge")
            _note_contradiction(found, name, contradicting)
    return kinds, found


def _note_contradiction(found: dict[str, Points], text: str, times: set[float]) -> None:
    """Add the times at which a series had two values to its series `names.CONTRADICTING`."""
    name, labels = parse_series(text)
    own = {CONTRADICTING_SERIES: series_text(name, labels)}
    if INSTANCE in labels:
        own[INSTANCE] = labels[INSTANCE]
    noted = series_text(CONTRADICTING, own)
    every = sorted({*times, *(found[noted].times if noted in found else ())})
    found[noted] = Points(array("d", every), array("d", [1.0] * len(every)))


def _lines(path: Path) -> Iterable[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n"):  # a killed run may have left half a line at the end
                    yield number, line
    except OSError as error:
        hint = "give the folder of a run: it holds run.json and metrics.om"
        raise RunFolderError(f"{path} cannot be read: {error.strerror}", hint) from error


def _in_order(points: Points) -> tuple[Points, set[float]]:
    """The points by ascending time, one at each, and the times that had two values."""
    ordered, contradicting = Points(), set[float]()
    for at, value in sorted(zip(points.times, points.values, strict=True), key=lambda p: p[0]):
        if not ordered.times or at > ordered.times[-1]:
            ordered.times.append(at)
            ordered.values.append(value)
        elif are_different(value, ordered.values[-1]):
            contradicting.add(at)
    return ordered, contradicting


def _unreadable(path: Path, number: int, line: bytes) -> RunFolderError:
    shown = line.decode(errors="replace").strip()[:80]
    return RunFolderError(
        f"{path}:{number}: {shown!r} is no sample with a time",
        "the file was changed after the run, or is none that the harness wrote",
    )
