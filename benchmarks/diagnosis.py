"""What a passing run costs with the diagnosis of breaches and without it: three paired variants.

    uv run python benchmarks/diagnosis.py [--repetitions N]

The variants run the scenario `smoke` of the reference service in turn: with the harness of the last
commit without a diagnosis, then with this version and `--diagnose never`, then with its default,
which receives 5% of the traces. The service is the same, and its bounds are so wide that every run
passes. Needs git; about a minute and a half for each repetition.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any

import yaml

from benchmarks.figures import environment, in_turn, machine, spread, table

ROOT = Path(__file__).parents[1]
BUDGETS = {"api-latency-p50": "1000s", "api-latency-p95": "1000s", "cpu": "100%"}
FIRST = "8b2498ac"  # the commit that brought the diagnosis
LOAD = ["--rate", "20/s", "--warm-up", "3s", "--duration", "12s"]
SECONDS = 15.0  # of the load
ATTEMPTS = 3
BEFORE, NEVER, DEFAULT = "before", "never", "default"
Figures = dict[str, float]


def project(folder: Path) -> Path:
    """The reference service, with wide bounds and without what an older harness cannot read."""
    document = yaml.safe_load((ROOT / "budgets.yaml").read_text())
    del document["selftest"], document["target"]["setup"]
    document["budgets"] = {
        name: document["budgets"][name] | {"max": bound} for name, bound in BUDGETS.items()
    }
    document["target"]["environment"]["SAMPLE_APP_DATABASE_URL"] = (
        f"sqlite+aiosqlite:///{folder}/sample.db"
    )
    for name in ("scenarios", "docs"):
        (folder / name).symlink_to(ROOT / name)
    path = folder / "budgets.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def earlier(folder: Path) -> Path:
    """A folder with the package `harness` as it was before the diagnosis."""
    archive = subprocess.run(
        ["git", "archive", f"{FIRST}^", "harness"], cwd=ROOT, capture_output=True, check=True
    )
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


def figures(budgets: Path, package: Path, options: Sequence[str]) -> Figures:
    """Run once; again where a busy machine left a value unknown.

    Args:
        budgets: The file of the reference service.
        package: The folder of the package `harness`.
        options: Of `harness run`.
    """
    for _ in range(ATTEMPTS):
        values, seconds = measured(budgets, package, options)
        found = {name: values[name] for name in (*BUDGETS, "generator-cpu")}
        if all(value is not None for value in found.values()):
            return {
                "p50, ms": 1000 * found["api-latency-p50"],
                "p95, ms": 1000 * found["api-latency-p95"],
                "CPU of the generator, %": 100 * found["generator-cpu"],
                "CPU of the service, %": 100 * found["cpu"],
                "time beyond the load, s": seconds - SECONDS,
            }
    sys.exit(f"{ATTEMPTS} runs without all values, the last with {found}; try a quiet machine")


def measured(budgets: Path, package: Path, options: Sequence[str]) -> tuple[dict[str, Any], float]:
    """The values of the budgets and guards of a run, and its seconds; see `figures`."""
    out = budgets.parent / f"run-{time.time_ns()}"
    path = f"{Path(sys.executable).parent}:{environment()['PATH']}"
    # The generator ignores the working directory, not this variable.
    variables = {**environment(), "PATH": path, "PYTHONPATH": f"{package}:{ROOT}"}
    command = [sys.executable, "-P", "-m", "harness", "run", "smoke", "--quiet", *LOAD, *options]
    start = time.monotonic()
    process = subprocess.run(
        [*command, "--budgets", str(budgets), "--out", str(out)],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - start
    if process.returncode not in {0, 4}:  # a busy machine makes a run inconclusive
        sys.exit(f"harness run ended with exit code {process.returncode}: {process.stderr}")
    document = json.loads((out / "results.json").read_text())
    return {one["name"]: one["value"] for one in document["budgets"] + document["guards"]}, seconds


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repetitions", type=int, default=10)
    repetitions = options.parse_args().repetitions
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        budgets = project(folder)
        variants: dict[str, Callable[[], Figures]] = {
            BEFORE: partial(figures, budgets, earlier(folder / "before"), []),
            NEVER: partial(figures, budgets, ROOT, ["--diagnose", "never"]),
            DEFAULT: partial(figures, budgets, ROOT, []),
        }
        variants[BEFORE]()  # byte code, and the database
        results = in_turn(variants, repetitions)
    print(f"{repetitions} runs of each, in turn; {machine()}\n")
    rows = []
    for figure in results[BEFORE][0]:
        found = {name: [run[figure] for run in runs] for name, runs in results.items()}
        differences = [
            _difference(found[BEFORE], found[NEVER]), _difference(found[NEVER], found[DEFAULT])
        ]  # fmt: skip
        rows.append([figure, *map(spread, found.values()), *differences])
    print(table(["", *results, f"{NEVER} - {BEFORE}", f"{DEFAULT} - {NEVER}"], rows))


def _difference(base: Sequence[float], other: Sequence[float]) -> str:
    """The median of the differences of neighbouring runs, and within brackets the quartiles."""
    found = [b - a for a, b in zip(base, other, strict=True)]
    low, middle, high = quantiles(found, n=4, method="inclusive")
    return f"{middle:+.2f} [{low:+.2f} .. {high:+.2f}]"


if __name__ == "__main__":
    main()
