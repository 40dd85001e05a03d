"""A night's soak: what a long run costs on the disk and to judge: `python -m benchmarks.night`.

A real run of the sample service is repeated to eight hours: its scrapes and its latencies follow
each other again and again, each time a little longer or shorter, and its counters go on from where
they were. It is scraped as often as the harness chooses: each 3 s, or 10 s in eight hours. The logs
of `harness run` write it, so the table has the cost of writing, too. `check` and `report` are child
processes; memory is the high-water mark of their resident memory.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import environment, machine, table
from harness import names
from harness.runs.cells import Cell, bucket_of, middle_of
from harness.runs.digests import digests, sealed
from harness.runs.folder import RunFolder, read_manifest
from harness.runs.latency import LatencyLog, read_lines, read_times
from harness.runs.metrics import MetricsLog, read_points
from harness.runs.model import Manifest
from harness.runs.openmetrics import Points, Sample, family_of, parse_series

MIB = 2**20
HOURS = 8.0
ENOUGH = 2400  # scrapes of a load, see `Scraper.interval_for`
SHORTEST, LONGEST = 3, 10  # s between scrapes that the harness chooses for the sample service
JITTER = 0.03  # standard deviation of the logarithm of a time's change in each repetition
EDGE = 0.5  # s; a scrape at an edge of the window is stamped a little before or after it
_CUMULATIVE = ("_total", "_bucket", "_sum", "_count")
_LABELS = (names.INSTANCE, names.PROVIDER, names.SOURCE)
HARNESS = str(Path(sys.executable).with_name("harness"))


class Used(NamedTuple):
    """What a command used: wall and CPU seconds, and bytes of memory at most."""

    seconds: float
    cpu: float
    memory: int


class One(NamedTuple):
    """A sample of the real run, and by how much it grows with each repetition."""

    sample: Sample
    growth: float


Scrape = tuple[float, str, list[One]]  # time, group, samples


def scrapes(path: Path, start: float, end: float, interval: int) -> list[Scrape]:
    """The samples of a metrics.om by the scrape that they are of, in the order of time.

    The sample service's budgets.yaml has it scraped each second, for its short scenarios. Of these
    scrapes only those at the interval of the harness are taken.
    """
    kinds, series = read_points(path)
    found: dict[tuple[float, str], list[One]] = {}
    for text, points in series.items():
        name, labels = parse_series(text)
        family, kind = family_of(name, kinds)
        group = " ".join(labels.get(label, "") for label in _LABELS)
        growth = _growth(points, start, end) if name.endswith(_CUMULATIVE) else 0.0
        for at, value in zip(points.times, points.values, strict=True):
            one = One(Sample(name, labels, value, kind, family), growth)
            found.setdefault((at, group), []).append(one)
    return [
        (at, group, ones)
        for (at, group), ones in sorted(found.items(), key=itemgetter(0))
        if not group.strip() or round(at - start) % interval == 0
    ]


def _growth(points: Points, start: float, end: float) -> float:
    """The increase of a counter over the window; it was 0 before it was born."""
    before = [v for t, v in zip(points.times, points.values, strict=True) if t < start + EDGE]
    after = [v for t, v in zip(points.times, points.values, strict=True) if t < end + EDGE]
    return (after[-1] if after else 0.0) - (before[-1] if before else 0.0)


def repeated(found: list[Scrape], start: float, period: float, times: int) -> Iterator[Scrape]:
    """The scrapes of a longer run: the window of the real one again and again."""
    end = start + period
    yield from (one for one in found if one[0] < start + EDGE)
    window = [one for one in found if start + EDGE <= one[0] < end + EDGE]
    after = [one for one in found if one[0] >= end + EDGE]
    for number in range(times):
        last = number == times - 1
        for at, group, ones in [*window, *(after if last else ())]:
            grown = [One(_grown(one, number), one.growth) for one in ones]
            yield at + number * period, group, grown


def _grown(one: One, times: int) -> Sample:
    if not one.growth:
        return one.sample
    return one.sample._replace(value=one.sample.value + one.growth * times)


def cells(path: Path, start: float, period: int, times: int) -> Iterator[tuple[int, list[Cell]]]:
    """The cells of a longer run by their second, counted from the window's start."""
    lines = [
        Cell(*line.key[:4], second=round(line.start - start), counts=line.counts)
        for line in read_lines(path)
    ]
    for second, group in groupby(lines, key=lambda cell: cell.second):
        if second < 0:
            yield second, list(group)
    chance = random.Random(1)
    seconds = {second: list(group) for second, group in groupby(lines, key=lambda c: c.second)}
    for number in range(times):
        for second in range(period):
            at = second + number * period
            yield at, [_varied(cell, at, chance) for cell in seconds.get(second, ())]


def _varied(cell: Cell, second: int, chance: random.Random) -> Cell:
    """A cell of another second, in which each time is a little longer or shorter."""
    counts: dict[int, int] = {}
    for bucket, count in cell.counts.items():
        other = bucket_of(middle_of(bucket) * math.exp(chance.gauss(0, JITTER)))
        counts[other] = counts.get(other, 0) + count
    return replace(cell, second=second, counts=counts)


def lengthen(source: RunFolder, target: RunFolder, seconds: float) -> tuple[Manifest, float]:
    """Write a run like another one that went on for longer.

    Returns:
        Its manifest, and the CPU seconds of writing a second of it.
    """
    manifest = read_manifest(source)
    clock = manifest.clock
    assert clock.window_start is not None
    assert clock.window_end is not None
    assert clock.drained is not None
    period = round(clock.window_end - clock.window_start)
    times = max(1, round(seconds / period))
    target.path.mkdir()
    for name in (names.BUDGETS_FILE, names.SLOWEST_FILE):
        shutil.copy(source.file(name), target.file(name))
    interval = min(LONGEST, max(SHORTEST, int(seconds // ENOUGH)))
    metrics_file = source.file(names.METRICS_FILE)
    found = scrapes(metrics_file, clock.window_start, clock.window_end, interval)
    before = time.process_time()
    with MetricsLog(target.file(names.METRICS_FILE)) as metrics:
        for at, group, ones in repeated(found, clock.window_start, period, times):
            metrics.add((one.sample for one in ones), at, group)
    with LatencyLog(target.file(names.LATENCY_FILE)) as latency:
        latency.begin(clock.window_start)
        lines = source.file(names.LATENCY_FILE)
        for _, second in cells(lines, clock.window_start, period, times):
            latency.write(second)
    cpu = (time.process_time() - before) / (times * period)
    longer = _longer(manifest, target, period, times, interval)
    target.write_manifest(sealed(longer.model_copy(update={"files": digests(target.path)})))
    return longer, cpu


def _longer(
    manifest: Manifest, target: RunFolder, period: int, times: int, interval: int
) -> Manifest:
    clock, more = manifest.clock, (times - 1) * period
    assert clock.window_end is not None
    assert clock.drained is not None
    times_of = read_times(target.file(names.LATENCY_FILE), clock.window_end, 2)
    asked, sent = times_of.iterations
    recorded = times_of.recorded
    requests = manifest.requests.model_copy(
        update={"asked": asked, "sent": sent, "recorded": recorded, "started": recorded}
    )
    ends = {"window_end": clock.window_end + more, "drained": clock.drained + more}
    scenario = json.loads(json.dumps(manifest.scenario))
    scenario["duration"] += more
    scenario["loads"][0]["workload"]["stages"][-1]["seconds"] += more
    return manifest.model_copy(
        update={
            "clock": clock.model_copy(update=ends),
            "requests": requests,
            "scenario": scenario,
            "target": {**manifest.target, "scrape_interval": float(interval)},
            "files": None,
        }
    )


def used(*command: str) -> Used:
    """Run a command of the harness to its end; a verdict is no error."""
    before = time.monotonic()
    process = subprocess.Popen(
        [HARNESS, *command], env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = code = os.waitstatus_to_exitcode(status)
    if code not in {0, 3, 4}:
        sys.exit(f"harness {command[0]} ended with exit code {code}: {said.decode()}")
    cpu = usage.ru_utime + usage.ru_stime
    return Used(time.monotonic() - before, cpu, usage.ru_maxrss * 1024)


def sizes(path: Path) -> dict[str, int]:
    """Bytes of each file of a folder."""
    return {one.name: one.stat().st_size for one in path.rglob("*") if one.is_file()}


def row(source: RunFolder, target: RunFolder, hours: float) -> list[str]:
    """Make a run of so many hours, judge it, and report it."""
    _, cpu = lengthen(source, target, hours * 3600)
    check = used("check", str(target.path), "--quiet")
    report = used("report", str(target.path))
    found = sizes(target.path)
    parts = {name: size for name, size in found.items() if size > MIB}
    return [
        f"{hours:g} h",
        f"{sum(found.values()) / MIB:.0f} MB",
        *(f"{one.seconds:.1f} s ({one.cpu:.1f})" for one in (check, report)),
        *(f"{one.memory / MIB:.0f} MB" for one in (check, report)),
        f"{cpu * 1000:.1f} ms",
        ", ".join(f"{name} {size / MIB:.1f}" for name, size in sorted(parts.items())),
    ]


HEADER = (
    *("window", "folder", "check (CPU)", "report (CPU)", "memory of check", "of report"),
    *("CPU to write a second", "files above 1 MB"),
)


def main() -> None:
    """Make the real run, repeat it, measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--run", type=Path, help="a stored run to repeat; else one is made")
    options.add_argument("--hours", type=float, nargs="+", default=[1.0, HOURS])
    options.add_argument("--keep", type=Path, help="folder for the long runs")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="night-") as temporary:
        folder = given.keep or Path(temporary)
        source = given.run
        if source is None:
            source = folder / "real"
            used("run", "soak", "--duration", "120s", "--diagnose", "never", "--out", str(source))
        rows = [
            row(RunFolder(source), RunFolder(folder / f"{hours:g}h"), hours)
            for hours in given.hours
        ]
    print(machine() + "\n")
    print(table(HEADER, rows))


if __name__ == "__main__":
    main()
