"""How often one run is inconclusive or wrong: `python -m benchmarks.inconclusive --runs 2`.

A service stands at 0.5 to 10 times the bound of a p95: the bound is the median p95 of all runs,
divided by the ratio. Three services (a tiny asyncio one with exponential times, FastAPI with plain
handlers on uvicorn, the sample service), on a quiet machine and beside a process that needs a whole
core, with the settings of a new user: 30 requests a second, a warm-up of 5 s, a duration of 15 s,
which may go on to 45 s.

Each run lasts 45 s and is judged as `harness run` judges it after 15, 20, 26, 34 and 45 s, for each
bound by itself, until the verdict: so one run serves all bounds. Two runs of each service in each
state take 11 minutes; `--quick` takes one run of the tiny service in 1 minute. `--simulated` draws
the latencies instead (`models`), and shows thousands of runs.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.campaign.absolute import Case, Model, Noisy, shown, simulate
from benchmarks.figures import environment, table
from benchmarks.inconclusive.models import Exponential, Pausing
from harness.budgets.model import Budget, Latency, Scenario
from harness.judge.intervals.levels import later_looks
from harness.judge.judge import judge
from harness.judge.measure.measure import measure_budgets
from harness.judge.stopping.decided import DecisionWatch
from harness.runs.folder import RunFolder, read_evidence
from harness.runs.model import Evidence
from harness.units import Unit

RATIOS = (0.5, 0.8, 0.9, 1.1, 1.25, 2.0, 10.0)  # true p95 over the bound
PLANNED, LONGEST, RATE = 15, 45, 30
HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
P95 = Budget("p95", Latency(0.95), Unit.SECONDS, 1.0, "max")
MODELS: dict[str, Model] = {
    "independent, exponential": Exponential(),
    "pauses of 50 ms, each 5 s": Pausing(5.0, 0.05),
    "correlated over 1 s, bursts": Noisy(1.0),
    "correlated over 3 s, bursts": Noisy(3.0),
}
_PYTHON = sys.executable
_UVICORN = "--host 127.0.0.1 --port {port} --no-access-log --timeout-keep-alive 75"
_SERVICES = {
    "tiny asyncio": (f"{_PYTHON} {HERE}/tiny.py {{port}}", f"{HERE}/locustfile.py"),
    "FastAPI, plain handlers": (
        f"{_PYTHON} -m uvicorn benchmarks.inconclusive.threads:app --app-dir {ROOT} {_UVICORN}",
        f"{HERE}/locustfile.py",
    ),
    "sample service": (
        f"{_PYTHON} -m uvicorn sample_app.main:app --app-dir {ROOT} {_UVICORN}",
        f"{ROOT}/scenarios/smoke.py",
    ),
}
_FILE = """version: 1
service: service
target:
  command: {command}
  url: http://127.0.0.1:{{port}}
  ready_timeout: 60s
  environment:
    SAMPLE_APP_DATABASE_URL: "sqlite+aiosqlite:///./sample.db"
    SAMPLE_APP_SEED_RESET: "true"
    SAMPLE_APP_RATE_ADDRESS: 600000/minute
scenarios:
  smoke:
    {{locustfile: {locustfile}, rate: {rate}/s, duration: {longest}s, max_duration: {longest}s}}
budgets:
  p95: {{indicator: {{kind: latency, quantile: 0.95}}, max: 1h}}
"""


@dataclass(frozen=True, slots=True)
class BoundVerdict:
    """The verdict on one bound in one run.

    Attributes:
        ratio: The true p95 over the bound.
        outcome: As `harness run` would end.
        seconds: Of the window, after which it came.
        doubt: The guard that made it inconclusive, or "precision"; empty otherwise.
    """

    ratio: float
    outcome: str
    seconds: int
    doubt: str = ""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=2, help="of each service in each state")
    parser.add_argument("--quick", action="store_true", help="one run of the tiny service")
    parser.add_argument("--simulated", action="store_true", help="draw the latencies")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    runs = 1 if options.quick else options.runs
    if options.simulated:
        rows = simulated_rows(100 * runs if options.quick else runs, options.seed)
        print(table(["model, requests a second", *_HEAD], list(rows)))
        return
    print(table(["service", *_HEAD], list(_measured_rows(runs, quick=options.quick))))


_HEAD = ["p95/bound", "wrong", "inconclusive", "why", "seconds: median, 9th decile"]


def _measured_rows(runs: int, *, quick: bool) -> Iterator[list[str]]:
    with tempfile.TemporaryDirectory() as directory:
        for service in list(_SERVICES)[: 1 if quick else None]:
            for busy in (False,) if quick else (False, True):
                folders = []
                for number in range(runs):
                    folder = Path(directory) / f"{len(service)}-{busy}-{number}"
                    with _neighbour() if busy else nullcontext():
                        folders.append(_run(service, folder))
                name = f"{service}, {'busy' if busy else 'quiet'}"
                yield from _rows(name, verdicts(folders))


def _run(service: str, folder: Path) -> RunFolder:
    """One run of a service in a new folder."""
    folder.mkdir()
    command, locustfile = _SERVICES[service]
    text = _FILE.format(command=command, locustfile=locustfile, rate=RATE, longest=LONGEST)
    (folder / "budgets.yaml").write_text(text)
    harness = str(Path(sys.executable).with_name("harness"))
    subprocess.run(
        [harness, "run", "--quiet", "--budgets", "budgets.yaml", "--out", "run"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        timeout=180,
        check=False,
    )
    return RunFolder(folder / "run")


@contextmanager
def _neighbour() -> Iterator[None]:
    """A process that needs a whole core."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()


def verdicts(folders: Sequence[RunFolder]) -> list[BoundVerdict]:
    """The verdict on each bound in each run of one service.

    Args:
        folders: Of runs of `LONGEST` seconds.
    """
    runs = [_looks(folder) for folder in folders]
    values = [measure_budgets((P95,), run[LONGEST])[0].measurement.value or 0.0 for run in runs]
    true = statistics.median(values)
    return [
        _verdict(replace(P95, bound=true / ratio), ratio, run) for run in runs for ratio in RATIOS
    ]


def _looks(folder: RunFolder) -> dict[int, Evidence]:
    """The evidence of a run at each look, as if it might end there."""
    whole = read_evidence(folder)
    start = whole.manifest.clock.window_start or 0.0
    found = {}
    for second in (*later_looks(PLANNED, LONGEST), LONGEST):
        part = read_evidence(folder, until=start + second)
        scenario = {**part.manifest.scenario, "planned": PLANNED, "early": False}
        manifest = part.manifest.model_copy(update={"scenario": scenario})
        found[second] = replace(part, manifest=manifest)
    return found


def _verdict(budget: Budget, ratio: float, run: Mapping[int, Evidence]) -> BoundVerdict:
    watch = DecisionWatch((budget,), Scenario("smoke", (), 5.0, LONGEST, planned=PLANNED))
    for second, part in run.items():
        if second == LONGEST or watch.decided(part, second):
            (verdict,) = judge((budget,), part).verdicts
            doubt = "precision" if verdict.waits else verdict.reason.partition(":")[0]
            open_ = verdict.outcome == "inconclusive"
            return BoundVerdict(ratio, verdict.outcome, second, doubt if open_ else "")
    raise AssertionError


def simulated_rows(runs: int, seed: int) -> Iterator[list[str]]:
    """The rows of the table by simulation, with the rule of `benchmarks.campaign.absolute`."""
    for name, model in MODELS.items():
        for rate in (10, RATE):
            for number, ratio in enumerate(RATIOS):
                case = Case(ratio, seconds=PLANNED, ends="goes on", rate=rate)
                tally = simulate(case, runs, seed + number, model)
                found = [BoundVerdict(ratio, "pass", PLANNED)] * tally.passed
                found += [BoundVerdict(ratio, "fail", PLANNED)] * tally.failed
                found += [BoundVerdict(ratio, "inconclusive", LONGEST, "precision")] * (
                    tally.inconclusive
                )
                yield _row(f"{name}, {rate}/s", ratio, found, tally.seconds)


def _rows(name: str, found: Sequence[BoundVerdict]) -> Iterator[list[str]]:
    for ratio in RATIOS:
        here = [one for one in found if one.ratio == ratio]
        yield _row(name, ratio, here, [one.seconds for one in here])


def _row(
    name: str, ratio: float, found: Sequence[BoundVerdict], moments: Sequence[int]
) -> list[str]:
    wrong = "fail" if ratio < 1 else "pass"
    count = Counter(one.outcome for one in found)
    doubts = Counter(one.doubt for one in found if one.doubt)
    seconds = sorted(moments) or [LONGEST]
    aim = 0 if ratio <= 0.5 or ratio >= 2 else 0.1 * len(found)
    aimed = not 0.8 < ratio < 1.25 and count["inconclusive"] > aim
    mark = "**" if aimed else ""
    return [
        name,
        f"{ratio:g}",
        f"{count[wrong]}: {shown(count[wrong], len(found))}",
        f"{mark}{count['inconclusive']}: {shown(count['inconclusive'], len(found))}{mark}",
        ", ".join(f"{why} {n}" for why, n in doubts.most_common()),
        f"{seconds[len(seconds) // 2]}, {seconds[len(seconds) * 9 // 10]}",
    ]


if __name__ == "__main__":
    main()
