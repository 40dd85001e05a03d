"""Moves the start of the window of a finished run to the moment when its latency had settled."""

from __future__ import annotations

import math

from harness import names
from harness.judge.measure.series import EDGE_SLACK
from harness.judge.stopping.warm_up import settling
from harness.runs.digests import sealed
from harness.runs.folder import RunFolder
from harness.runs.latency import read_intervals
from harness.runs.log import cannot_write
from harness.runs.metrics import read_metrics
from harness.runs.model import Distribution, Manifest, Settled

_SUCCESSFUL = (names.LATENCY, names.OK)


def settle(folder: RunFolder, manifest: Manifest) -> Manifest:
    """Find the end of the warm-up, and store it together with the window that begins there.

    The window stays as it was if the run is not complete or its latency never settled.

    Args:
        folder: The run folder.
        manifest: Of the run that has ended.

    Returns:
        The manifest with the new window; with a notice where run.json could not be written.

    Raises:
        RunFolderError: The run is damaged.
    """
    clock = manifest.clock
    if manifest.status != "complete" or None in {clock.started, clock.window_end}:
        return manifest
    assert clock.started is not None
    assert clock.window_end is not None
    found = settling(_seconds(folder, clock.started, clock.window_end))
    cut = found.cut
    start = clock.window_start if cut is None else _at_a_scrape(folder, manifest, cut)
    settled = manifest.model_copy(
        update={
            "settled": Settled(cut=cut, limit=found.limit),
            "clock": clock.model_copy(update={"window_start": start}),
        }
    )
    try:
        folder.write_manifest(sealed(settled))
    except OSError as error:
        return settled.model_copy(update={"notices": (*settled.notices, cannot_write(error))})
    return settled


def _seconds(folder: RunFolder, start: float, end: float) -> list[Distribution]:
    """The latencies of the successful requests that were due in each second of the load."""
    intervals = read_intervals(folder.file(names.LATENCY_FILE), start, 1, end)
    found = [
        numbers for key, numbers in intervals.items() if (key.what, key.outcome) == _SUCCESSFUL
    ]
    count = round(end - start)
    return [
        Distribution.merge(numbers[n] for numbers in found if n in numbers) for n in range(count)
    ]


def _at_a_scrape(folder: RunFolder, manifest: Manifest, cut: int) -> float:
    """The moment of the first scrape after the cut, rounded up to a whole second of latency.hlog.

    The counters of the service are known only at scrapes, so the window has to begin at one.
    """
    clock = manifest.clock
    assert clock.started is not None
    assert clock.window_start is not None
    earliest = clock.started + cut
    ups = read_metrics(folder.file(names.METRICS_FILE), {names.UP})
    scrapes = (t for up in ups for t, v in zip(up.times, up.values, strict=True) if v == 1)
    first = min((t for t in scrapes if t >= earliest), default=earliest)
    return clock.window_start + math.ceil(first - clock.window_start - EDGE_SLACK)
