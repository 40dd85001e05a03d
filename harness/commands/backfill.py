"""`harness backfill`: load a stored run into the data folder of a Prometheus server."""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from harness import names
from harness.commands.parts.options import run_dir_argument
from harness.commands.parts.outputs import write
from harness.errors import EXIT_PASS, RunFolderError
from harness.judge.measure.series import LOAD_GENERATOR
from harness.observe.promtool import create_blocks
from harness.report.run.openmetrics import limit_samples, outcome_samples, run_samples
from harness.runs.folder import RunFolder, open_folder, read_manifest
from harness.runs.histograms import HistogramSet
from harness.runs.latency import LatencyLine, read_lines
from harness.runs.metrics import read_points
from harness.runs.model import Manifest
from harness.runs.openmetrics import (
    MetricKind,
    Points,
    Sample,
    document,
    exported,
    parse_series,
    series_text,
)
from harness.runs.results import Results, changed_files, read_results
from harness.units import Unit

MOST_SAMPLES: Final = 2_000_000  # of the histograms; above it, samples are more than a second apart
_SERIES_OF_A_HISTOGRAM: Final = 33  # about


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness backfill`."""
    run_dir_argument(parser)
    parser.add_argument(
        "data_dir",
        type=Path,
        metavar="DATA_DIR",
        help="data folder of Prometheus (--storage.tsdb.path)",
    )


def backfill(options: argparse.Namespace) -> int:
    """Load a stored run into the data folder of a Prometheus server; needs promtool.

    Raises:
        RunFolderError: The folder contains no readable run.
        UsageError: promtool is not installed, or cannot write the blocks.
    """
    folder = open_folder(options.run_dir)
    with tempfile.TemporaryDirectory(prefix="harness-") as temporary:
        path = Path(temporary) / "run.om"
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(run_document(folder))
        create_blocks(path, options.data_dir)
    results = _results(folder)
    if results and (changed := changed_files(folder.path)):
        write(f"files changed since the run ended, so it is not a pass: {'; '.join(changed)}\n")
    write(f"{folder.path} is stored in {options.data_dir}\n")
    return EXIT_PASS


def run_document(folder: RunFolder) -> Iterator[str]:
    """A run as the lines of an OpenMetrics document with times.

    The series of the service have the label `job`, which is the service's name, those of the
    harness `job`, `service` and `scenario`, as if Prometheus had scraped both. The histograms count
    a request at the end of the second in which it was due, so that their increase over the window
    equals the judged counts.

    Raises:
        RunFolderError: A file of the run is missing or damaged. A run without results, or an
            incomplete one, is not an error.
    """
    manifest = read_manifest(folder)
    results = _results(folder)
    lines = read_lines(folder.file(names.LATENCY_FILE))
    kinds, points = read_points(folder.file(names.METRICS_FILE))
    timeline = _Timeline(manifest, kinds, points)
    histograms = HistogramSet(_latency_bounds(results))
    for line in lines:  # from 0: PromQL does not see an increase from nothing to a first sample
        histograms.add(line.key, {})
    always = [*run_samples(folder.path.resolve().name, manifest)]
    always += limit_samples(results.budgets) if results else ()
    added = 0
    moments = _moments(manifest, lines)
    for at in moments:
        while added < len(lines) and lines[added].start + 1 <= at + _ROUNDING:
            histograms.add(lines[added].key, lines[added].counts)
            added += 1
        timeline.add([*always, *histograms.samples()], at)
    if results and moments:
        timeline.add(outcome_samples(results.outcome, results.budgets), moments[-1])
    return timeline.document()


_ROUNDING = 0.0005  # s; what is stored of a moment has three decimals


def _results(folder: RunFolder) -> Results | None:
    """The results of a run; None if it was not judged."""
    if not folder.file(names.RESULTS_FILE).exists():
        return None
    try:
        results = read_results(folder)
        if results.outcome in {"pass", "warn"} and changed_files(folder.path):
            return results.model_copy(update={"outcome": "inconclusive"})
        return results
    except RunFolderError:
        if folder.file(names.RESULTS_FILE).stat().st_size:
            raise
        return None  # the harness was killed before it wrote them


def _latency_bounds(results: Results | None) -> list[float]:
    budgets = results.budgets if results else ()
    return [
        budget.bound
        for budget in budgets
        if budget.bound and budget.unit is Unit.SECONDS and budget.source == LOAD_GENERATOR
    ]


def _moments(manifest: Manifest, lines: Sequence[LatencyLine]) -> list[float]:
    """The times of the samples: every second, counted from the window's start.

    With more than MOST_SAMPLES samples, the steps are longer; the window's end is then added.
    """
    if not lines:
        return []
    clock = manifest.clock
    zero = lines[0].start if clock.window_start is None else clock.window_start
    first = math.floor(lines[0].start - zero + _ROUNDING)
    last = math.ceil(lines[-1].start + 1 - zero - _ROUNDING)
    histograms = len({line.key for line in lines})
    step = math.ceil((last - first) * histograms * _SERIES_OF_A_HISTOGRAM / MOST_SAMPLES)
    seconds = {*range(first, last, step), last}
    if clock.window_end is not None:
        seconds.add(round(clock.window_end - zero))
    return [zero + second for second in sorted(seconds)]


class _Timeline:
    """The series of a run, built up in the order of time.

    Args:
        manifest: Of the run.
        kinds: Kind of each family in the run folder.
        points: Samples in the run folder, by the text of the series.
    """

    def __init__(
        self, manifest: Manifest, kinds: Mapping[str, MetricKind], points: Mapping[str, Points]
    ) -> None:
        self._service = {names.JOB: manifest.service}
        self._harness = {
            names.JOB: names.RUN_JOB,
            names.RUN_SERVICE: manifest.service,
            names.RUN_SCENARIO: str(manifest.scenario.get("name", "")),
        }
        self._kinds = dict(kinds)
        self._series: dict[str, Points] = {}
        for text, samples in points.items():
            name, labels = parse_series(text)
            own = self._service if names.INSTANCE in labels else self._harness
            self._series[series_text(name, {**exported(labels, own), **own})] = samples

    def add(self, samples: Iterator[Sample] | Sequence[Sample], at: float) -> None:
        """Add samples of the harness at a time, in seconds since the epoch."""
        for one in samples:
            self._kinds.setdefault(one.family, one.kind)
            text = series_text(one.name, {**one.labels, **self._harness})
            points = self._series.setdefault(text, Points())
            points.times.append(at)
            points.values.append(one.value)

    def document(self) -> Iterator[str]:
        """All series as the lines of an OpenMetrics document."""
        return document(self._kinds, self._series)
