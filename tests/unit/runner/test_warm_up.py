"""Where the window of a stored run begins once its latency has settled."""

from pathlib import Path

import pytest

from harness import names
from harness.runner.manifest import new_manifest
from harness.runner.warm_up import settle
from harness.runs.cells import Cell, bucket_of
from harness.runs.folder import RunFolder, read_manifest
from harness.runs.latency import LatencyLog
from harness.runs.metrics import MetricsLog
from harness.runs.model import Clock, Manifest, Settled, Status
from tests.unit.runner.fakes import SCENARIO, plan

LENGTH = 20  # seconds, of which the first ten are before the window


def stored_run(
    path: Path, slow_until: int, status: Status = "complete", scrapes: tuple[float, ...] = ()
) -> RunFolder:
    """A run whose answers take 100 ms until a second of the load, then 10 ms."""
    folder = RunFolder(path)
    latency = LatencyLog(folder.file(names.LATENCY_FILE))
    with latency:
        created = float(int(new_manifest(plan(), SCENARIO).clock.created)) + 10.0
        latency.begin(created + LENGTH / 2)
        for second in range(LENGTH):
            took = bucket_of(0.1 if second < slow_until else 0.01)
            cell = Cell(names.LATENCY, names.OK, "GET", "/", second - LENGTH // 2, {took: 50})
            latency.write([cell])
    with MetricsLog(folder.file(names.METRICS_FILE)) as metrics:
        for at in scrapes:
            metrics.add_readings({names.UP: 1.0}, created + at)
    clock = Clock(
        created=created,
        started=created,
        window_start=created + LENGTH / 2,
        window_end=created + LENGTH,
    )
    manifest = new_manifest(plan(), SCENARIO)
    folder.write_manifest(manifest.model_copy(update={"clock": clock, "status": status}))
    return folder


def window_start(manifest: Manifest) -> float:
    """Seconds after the start of the load."""
    assert manifest.clock.window_start is not None
    assert manifest.clock.started is not None
    return manifest.clock.window_start - manifest.clock.started


@pytest.mark.parametrize(
    ("slow_until", "scrapes", "cut", "start"),
    [
        (4, (), 4, 4.0),
        (4, (0.0, 3.0, 6.4, 9.0), 4, 7.0),
        (0, (), 0, 0.0),
        (11, (), None, 10.0),
    ],
    ids=["cut", "at the next scrape, to a whole second", "at once", "never"],
)
def test_window_begins_where_the_latency_has_settled(
    tmp_path: Path, slow_until: int, scrapes: tuple[float, ...], cut: int | None, start: float
) -> None:
    folder = stored_run(tmp_path, slow_until, scrapes=scrapes)
    assert settle(folder, read_manifest(folder)) == read_manifest(folder)
    manifest = read_manifest(folder)
    assert manifest.settled is not None
    assert manifest.settled.cut == cut
    assert window_start(manifest) == start


def test_limit_is_the_settled_latency(tmp_path: Path) -> None:
    folder = stored_run(tmp_path, 4)
    assert settle(folder, read_manifest(folder)) == read_manifest(folder)
    settled = read_manifest(folder).settled
    assert isinstance(settled, Settled)
    assert settled.limit == pytest.approx(0.01, rel=2e-3)


@pytest.mark.parametrize("status", ["failed", "interrupted", "aborted", "running"])
def test_run_that_did_not_end_as_planned_keeps_its_window(tmp_path: Path, status: Status) -> None:
    folder = stored_run(tmp_path, 4, status)
    assert settle(folder, read_manifest(folder)) == read_manifest(folder)
    manifest = read_manifest(folder)
    assert manifest.settled is None
    assert window_start(manifest) == LENGTH / 2
