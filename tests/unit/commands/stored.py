"""A stored run without a harness, and the commands that read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import names
from harness.cli import main
from harness.runs.cells import Cell, bucket_of
from harness.runs.digests import digests
from harness.runs.folder import RunFolder
from harness.runs.latency import LatencyLog
from harness.runs.metrics import MetricsLog
from harness.runs.model import Requests
from tests.unit.judge.evidence import START, manifest

BUDGETS = """\
version: 1
service: shop
scenarios: {smoke: {locustfile: a.py, rate: 150/s, duration: 10s}}
budgets: {errors: {indicator: error_ratio, max: 1%}}
"""
GOOD, FAILED = 100, 50  # requests in each second of the window


def stored_run(
    path: Path, budgets: str = BUDGETS, *, failed: int = FAILED, sealed: bool = True
) -> RunFolder:
    """A complete run of `smoke` with 10 s of 10 ms answers, a third of them failed.

    Args:
        path: The new folder.
        budgets: Its budgets.yaml.
        failed: Failed requests in each second.
        sealed: Whether run.json has the digests of the files; older versions wrote none.
    """
    folder = RunFolder(path)
    path.mkdir()
    folder.write(names.BUDGETS_FILE, budgets)
    with LatencyLog(folder.file(names.LATENCY_FILE)) as log:
        log.begin(START)
        for second in range(10):
            log.write(_second(second, failed))
    with MetricsLog(folder.file(names.METRICS_FILE)):
        pass
    count = 10 * (GOOD + failed)
    account = Requests(asked=count, sent=count, started=count, recorded=count)
    found = manifest(requests=account, metrics=())
    folder.write_manifest(found.model_copy(update={"files": digests(path) if sealed else None}))
    return folder


def _second(second: int, failed: int) -> list[Cell]:
    cells = [_cell(names.LATENCY, names.OK, "GET", "/items", second, 0.01, GOOD)]
    if failed:
        cells.append(_cell(names.LATENCY, names.ERROR, "GET", "/items", second, 0.01, failed))
    lags = (names.SCHEDULER_LAG, names.START_LAG)
    return cells + [_cell(lag, "", "", "", second, 1e-5, GOOD + failed) for lag in lags]


def _cell(
    what: str, outcome: str, method: str, name: str, second: int, time: float, count: int
) -> Cell:
    return Cell(what, outcome, method, name, second, {bucket_of(time): count})


def exit_of(*arguments: str | Path) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code
