"""A stored run that `harness check` judges: 600 requests of 10 ms in a window of 10 s."""

from pathlib import Path

from harness import names
from harness.runs.cells import Cell, bucket_of
from harness.runs.folder import RunFolder
from harness.runs.latency import LatencyLog
from harness.runs.metrics import MetricsLog
from harness.runs.model import Requests
from tests.unit.judge.evidence import START, manifest

SECONDS = range(-5, 10)
COUNT = 60  # a second


def budgets(bound: str = "1ms", **more: str) -> str:
    """A budgets.yaml with one budget on the latency, which is 10 ms."""
    lines = [
        "version: 1",
        "service: shop",
        "target: {command: 'serve {port}', url: 'http://127.0.0.1:{port}'}",
        "scenarios: {smoke: {locustfile: smoke.py, rate: 60/s, duration: 10s}}",
        "budgets:",
        f"  p95: {{indicator: {{kind: latency, quantile: 0.95}}, max: {bound}}}",
        *(f"  {name}: {text}" for name, text in more.items()),
    ]
    return "\n".join(lines) + "\n"


def stored_run(path: Path, bound: str = "1ms", request: str = "/items", **changes: object) -> Path:
    """Write the folder of a run; `changes` are fields of its manifest."""
    path.mkdir()
    folder = RunFolder(path)
    total = COUNT * len(SECONDS)
    account = Requests(asked=total, sent=total, started=total, recorded=total)
    whole = manifest().model_copy(update={"requests": account, "scenario": _SCENARIO, **changes})
    folder.write_manifest(whole)
    folder.write(names.BUDGETS_FILE, budgets(bound))
    with LatencyLog(folder.file(names.LATENCY_FILE)) as log:
        log.begin(START)
        for second in SECONDS:
            counts = {bucket_of(0.01): COUNT}
            for what in (names.LATENCY, names.SERVICE_TIME):
                log.write([Cell(what, names.OK, "GET", request, second, counts)])
            for lag in (names.SCHEDULER_LAG, names.START_LAG):
                log.write([Cell(lag, "", "", "", second, {bucket_of(1e-5): COUNT})])
    MetricsLog(folder.file(names.METRICS_FILE)).close()
    return path


_SCENARIO = {
    "name": "smoke",
    "loads": [{"name": "smoke", "locustfile": "smoke.py", "workload": {"model": "open"}}],
    "warm_up": 5.0,
    "duration": 10.0,
    "settles": False,
}
