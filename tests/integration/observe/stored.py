"""A stored run with every kind of series, to be imported into a Prometheus.

Counts differ between seconds, so that only equal definitions give equal results.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness import names
from harness.runs.cells import Cell, bucket_of
from harness.runs.folder import RunFolder
from harness.runs.latency import LatencyLog
from harness.runs.metrics import MetricsLog
from harness.runs.model import Series
from harness.runs.openmetrics import Sample
from tests.unit.judge.evidence import OTHER, START, TIMES, manifest, series, up

ITEMS, ORDERS = ("GET", "/items"), ("POST", "/orders")


def steps(*increases: float, before: float = 100.0) -> list[float]:
    """A counter at `TIMES` that grows by the increases in turn, over and over."""
    values = [before]
    for index in range(len(TIMES) - 1):
        values.append(values[-1] + increases[index % len(increases)])
    return values


def histogram(name: str, instance: str, **counts: tuple[float, ...]) -> list[Series]:
    """Cumulative buckets; the keys are their edges with `_` for the point."""
    found = [
        series(f"{name}_bucket", steps(*own), {"le": le.strip("_").replace("_", ".")}, instance)
        for le, own in counts.items()
    ]
    every = list(counts.values())[-1]
    total = series(f"{name}_count", steps(*every), None, instance)
    return [*found, total, series(f"{name}_sum", steps(0.31, 0.07, 1.9), None, instance)]


BUCKETS = {"_0_1": (1, 2, 0), "_0_5": (3, 2, 4), "_1_0": (4, 3, 5), "+Inf": (4, 4, 5)}
BORN, RESET = "born_total", "reset_total"
SERIES: tuple[Series, ...] = (
    *(up(), up(OTHER)),
    *histogram("wait_seconds", "127.0.0.1:8000", **BUCKETS),
    *histogram("wait_seconds", OTHER, **BUCKETS),
    *histogram("mixed_seconds", "127.0.0.1:8000", **BUCKETS),
    *histogram("mixed_seconds", OTHER, **{k: v for k, v in BUCKETS.items() if k != "_0_5"}),
    series("hits_total", steps(5, 1, 0, 7), {"result": "hit"}),
    series("hits_total", steps(1, 0, 2), {"result": "miss"}),
    series("asks_total", steps(6, 2, 3, 9)),
    series("used", lambda t: 2.0 + t % 3, {"state": "used"}),
    series("used", lambda t: 1.0 + t % 2, {"state": "used"}, OTHER),
    *(series("most", lambda _: 8.0, None, one) for one in ("127.0.0.1:8000", OTHER)),
    # 3 errors at once 4 s after the window's start, and 3 more before its end.
    series(BORN, lambda t: 3.0 if t < 8 else 6.0, times=[t for t in TIMES if t >= START + 4]),
    # A restart after 5 s: 40 more since the window's start, then 25 more from 0.
    series(RESET, lambda t: 100.0 + 10 * t if t < 5 else 5 * (t - 5)),
)


def write(path: Path, found: Iterable[Series] = SERIES) -> RunFolder:
    """A run folder as `harness run` writes it."""
    folder = RunFolder(path)
    path.mkdir()
    folder.write_manifest(manifest())
    with LatencyLog(folder.file(names.LATENCY_FILE)) as log:
        log.begin(START)
        for second in range(-5, 10):
            log.write(_requests(second))
    with MetricsLog(folder.file(names.METRICS_FILE)) as metrics:
        for at in TIMES:
            metrics.add(_scrape(found, at), at)
    return folder


def _requests(second: int) -> list[Cell]:
    quick = {bucket_of(0.004 + 0.001 * i): 1 + (second + i) % 3 for i in range(12)}
    slow = {bucket_of(0.3): 1, bucket_of(0.7): second % 2 + 1}
    cells = [
        *(Cell(names.LATENCY, names.OK, *ITEMS, second, quick),),
        *(Cell(names.SERVICE_TIME, names.OK, *ITEMS, second, quick),),
        *(Cell(names.LATENCY, names.OK, *ORDERS, second, slow),),
        *(Cell(names.LATENCY, names.ERROR, *ITEMS, second, {bucket_of(0.05): 1}),),
    ]
    if second == 3:  # the only failures of this request
        cells.append(Cell(names.LATENCY, names.ERROR, *ORDERS, second, {bucket_of(0.9): 2}))
    return cells


def _scrape(found: Iterable[Series], at: float) -> list[Sample]:
    return [
        Sample(one.name, one.labels, one.values[one.times.index(at)], family=one.name)
        for one in found
        if at in one.times
    ]
