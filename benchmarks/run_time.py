"""The time of a `harness run` in addition to its warm-up and duration, by phase."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import environment, in_turn, machine, spread, table
from harness.runner.start import LEAD

ROOT = Path(__file__).parents[1]
LOAD = 3.0  # s of warm-up and duration
OPTIONS = ["run", "smoke", "--quiet", "--warm-up", "1s", "--duration", "2s"]
OPTIONS += ["--max-duration", "2s", "--budgets"]  # so that it does not go on while undecided
BUDGETS = """\
version: 1
service: nothing
target:
  command: {python} {server} {{port}}
  url: http://127.0.0.1:{{port}}
  ready: /ready
  metrics: /metrics
scenarios: {{smoke: {{locustfile: scenario.py, rate: 50/s, warm_up: 1s, duration: 2s}}}}
budgets: {{p95: {{indicator: {{kind: latency, quantile: 0.95}}, max: 1s}}}}
"""
LOCUSTFILE = """\
from locust import FastHttpUser, task

class Visitor(FastHttpUser):
    @task
    def get(self):
        self.client.get("/items")
"""
Phases = dict[str, float]


def phases(folder: Path, budgets: Path) -> Phases:
    """Run once; return the seconds of each phase except the load, in order, and their sum."""
    # The folder of the interpreter has uvicorn, which the sample service's command uses.
    path = f"{Path(sys.executable).parent}:{environment()['PATH']}"
    database = f"sqlite+aiosqlite:///{folder}/sample.db"
    out = folder / f"run-{time.time_ns()}"
    start = time.time()
    with subprocess.Popen(
        [str(Path(sys.executable).with_name("harness")), *OPTIONS, str(budgets), "--out", str(out)],
        env={**environment(), "PATH": path, "SAMPLE_APP_DATABASE_URL": database},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        process.wait()
    end = time.time()
    if process.returncode not in {0, 3, 4}:  # a load this short has too few samples for some
        sys.exit(f"harness run ended with exit code {process.returncode}: see {out}")
    clock = json.loads((out / "run.json").read_text())["clock"]
    moments = {
        "interpreter, imports, budgets.yaml": clock["created"],
        "service and generator start, first scrapes": clock["started"] - LEAD,
        "lead": clock["started"],
        "drain": clock["drained"] - LOAD,
        "last scrape, first judgement, service end": (out / "run.json").stat().st_mtime - LOAD,
        "judging and reports": end - LOAD,
    }
    before = [start, *moments.values()]
    times = {name: at - b for (name, at), b in zip(moments.items(), before, strict=False)}
    return {**times, "in all": end - start - LOAD}


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repetitions", type=int, default=10)
    repetitions = options.parse_args().repetitions
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Path(__file__).with_name("server.py")
        nothing = folder / "budgets.yaml"
        nothing.write_text(BUDGETS.format(python=sys.executable, server=server))
        (folder / "scenario.py").write_text(LOCUSTFILE)
        variants: dict[str, Callable[[], Phases]] = {
            "sample service": lambda: phases(folder, ROOT / "budgets.yaml"),
            "a service that does nothing": lambda: phases(folder, nothing),
        }
        in_turn(variants, 1)  # byte code, and the sample service's database
        results = in_turn(variants, repetitions)
    print(f"{repetitions} runs of each, in turn; {machine()}\n")
    names = results["sample service"][0]
    rows = [
        (phase, *(spread([run[phase] for run in runs], 2) for runs in results.values()))
        for phase in names
    ]
    print(table(("phase, s", *results), rows))


if __name__ == "__main__":
    main()
