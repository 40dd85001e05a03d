"""Compares a service with itself under real load: `python -m benchmarks.campaign.real --aa 100`.

Each gate is one `harness compare` of the sample service with itself. In A/A gates both sides are
identical; in the others the candidate's answers take more of the service's time (`slowed`): 20%
(`--worse20`), or 13% (`--worse10`), which makes the latency at least 10% longer. The budget is on
the median latency, with a tolerance of 10%; the p95 of the same pairs is recorded as well.

A finished gate is a line of `real.jsonl`, so an interrupted campaign continues from there;
`--gates 1` ends after one gate. `--at-once 2` runs two gates at the same time: more gates per hour,
each with more noise. `--table` prints the results so far, with exact 95% bounds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from benchmarks.campaign.simulated import share
from benchmarks.figures import table
from harness.budgets.model import Budget
from harness.budgets.parse.parse import parse_plan
from harness.experiments.pair import ROLES
from harness.judge.compare.log_ratio import log_ratio
from harness.judge.measure.measure import measure
from harness.judge.measure.observe import observe
from harness.runs.folder import RunFolder, read_evidence

HERE = Path(__file__).parent
BUDGETS = HERE / "budgets.yaml"
RECORD = HERE / "real.jsonl"
# How much the service's time grows. It is at least three quarters of the latency, which is judged.
KINDS = {"aa": 0.0, "worse20": 0.2, "worse10": 0.133}
MOST = 16  # pairs; what `pairs_needed` says for a noise of 5% a pair
LIMIT = 1800.0  # seconds that a gate may take
CODES = {0: "pass", 3: "fail", 4: "inconclusive"}

Gate = Mapping[str, Any]


def next_kind(done: Sequence[Gate], wanted: Mapping[str, int]) -> str | None:
    """The kind with the most missing gates; None when no gate is missing."""
    counts = {kind: sum(gate["kind"] == kind for gate in done) for kind in wanted}
    missing = [kind for kind, count in wanted.items() if counts[kind] < count]
    return min(missing, key=lambda kind: counts[kind] / wanted[kind], default=None)


def run(kind: str, seed: int) -> Gate:
    """One gate, from its start to its verdict.

    Raises:
        RuntimeError: It ended without one.
    """
    began = time.time()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "gate"
        result = subprocess.run(
            _command(kind, seed, folder), capture_output=True, text=True, timeout=LIMIT, check=False
        )
        file = folder / "compare.json"
        if result.returncode not in CODES or not file.exists() or not file.stat().st_size:
            raise RuntimeError(f"exit {result.returncode}: {result.stdout}{result.stderr}")
        found = json.loads(file.read_text())
        p95 = list(_ratios("latency-p95", folder))
    (budget,) = found["budgets"]
    return {
        "kind": kind,
        "outcome": found["outcome"],
        "pairs": found["pairs"],
        "most": found["rules"]["most"],
        "left_out": budget["left_out"],
        "load_seconds": found["seconds"],
        "wall_seconds": round(time.time() - began, 1),
        "estimate": budget["estimate"],
        "p50_log_ratios": budget["log_ratios"],
        "p95_log_ratios": p95,
        "seed": seed,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_average": round(os.getloadavg()[0], 2),
        "reason": budget["reason"],
    }


def _command(kind: str, seed: int, folder: Path) -> list[str]:
    command = [sys.executable, "-m", "harness", "compare", "lists", "--quiet"]
    command += ["--budgets", str(BUDGETS), "--out", str(folder), "--seed", str(seed)]
    command += ["--max-pairs", str(MOST), "--diagnose", "never"]
    for side, slower in zip(ROLES, (0.0, KINDS[kind]), strict=True):
        command += [f"--{side}-environment", f"CAMPAIGN_SLOWER_BY={slower}"]
    return command


def _ratios(name: str, folder: Path) -> Iterator[float | None]:
    """The log ratios of a budget that was not compared."""
    budget = _budget(name)
    for pair in sorted(folder.glob("pair-*")):
        evidence = [read_evidence(RunFolder(pair / role)) for role in ROLES]
        before, after = (measure(budget, observe(budget, one)) for one in evidence)
        ratio = log_ratio(budget, before, after)
        yield None if ratio is None else round(ratio, 6)


def _budget(name: str) -> Budget:
    plan = parse_plan(BUDGETS.read_text(), BUDGETS, {}, date(2026, 11, 26))
    return next(budget for budget in plan.budgets if budget.name == name)


def recorded(path: Path) -> list[Gate]:
    """The gates so far, in the order in which they ended."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def summary(gates: Sequence[Gate]) -> str:
    """The outcomes of the gates and the noise of a pair, as Markdown."""
    rows = []
    for kind, slower in KINDS.items():
        of_kind = [gate for gate in gates if gate["kind"] == kind]
        if not of_kind:
            continue
        outcomes = [gate["outcome"] for gate in of_kind]
        rows.append(
            [
                f"{slower:+.0%}" if slower else "none",
                str(len(of_kind)),
                *(share(outcomes.count(o), len(of_kind)) for o in ("fail", "pass", "inconclusive")),
                *(f"{median(g[key] for g in of_kind):.0f}" for key in ("pairs", "load_seconds")),
                f"{median(gate['estimate'] for gate in of_kind):+.1%}",
                *(f"{_deviation(of_kind, key):.3f}" for key in ("p50", "p95")),
            ]
        )
    return table(
        [
            *("slower by", "gates", "fail", "pass", "inconclusive", "median pairs"),
            *("median load, s", "median estimate", "sd of a pair, p50", "p95"),
        ],
        rows,
    )


def _deviation(gates: Sequence[Gate], quantile: str) -> float:
    """Standard deviation of a log ratio within the gates, pooled."""
    known = [[r for r in gate[f"{quantile}_log_ratios"] if r is not None] for gate in gates]
    pooled = [stdev(ratios) ** 2 for ratios in known if len(ratios) > 1]
    return float(fmean(pooled) ** 0.5) if pooled else float("nan")


def campaign(record: Path, wanted: Mapping[str, int], most: int | None, at_once: int) -> None:
    """Run what is missing, and append each gate to the record as it ends.

    Args:
        record: The file with the finished gates, if any.
        wanted: The number of gates of each kind.
        most: The number of gates to run; None is all.
        at_once: Gates at the same time, each with its own services and generators.
    """
    gates = [*recorded(record)]
    started = len(gates)
    end = None if most is None else started + most
    running: dict[Future[Gate], str] = {}
    with ThreadPoolExecutor(at_once) as pool:
        while True:
            while len(running) < at_once and (end is None or started < end):
                planned = [*gates, *({"kind": kind} for kind in running.values())]
                if (kind := next_kind(planned, wanted)) is None:
                    break
                running[pool.submit(run, kind, 20261126 + started)] = kind
                started += 1
            if not running:
                return
            for one in wait(running, return_when=FIRST_COMPLETED).done:
                gate = {**one.result(), "at_once": at_once}
                del running[one]
                gates.append(gate)
                with record.open("a") as file:
                    file.write(json.dumps(gate) + "\n")
                told = f"{gate['kind']} {gate['outcome']} after {gate['pairs']} pairs"
                print(f"{len(gates)}: {told}", flush=True)


def main() -> None:
    """Run what is missing, and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    for option in KINDS:
        arguments.add_argument(f"--{option}", type=int, default=0, help="gates that are wanted")
    arguments.add_argument("--gates", type=int, help="end after so many")
    arguments.add_argument("--at-once", type=int, default=1, help="gates side by side")
    arguments.add_argument("--record", type=Path, default=RECORD)
    arguments.add_argument("--table", action="store_true", help="only print what there is")
    chosen = arguments.parse_args()
    wanted = {kind: getattr(chosen, kind) for kind in KINDS if getattr(chosen, kind)}
    if not chosen.table:
        campaign(chosen.record, wanted, chosen.gates, chosen.at_once)
    print(summary(recorded(chosen.record)))


if __name__ == "__main__":
    main()
