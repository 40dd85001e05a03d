"""The time of `harness --help`, compared with a bare interpreter."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import environment, in_turn, machine, spread, table

PYTHON = Path(sys.executable)
COMMANDS = {
    "python -c pass": [str(PYTHON), "-c", "pass"],
    "harness --help": [str(PYTHON.with_name("harness")), "--help"],
    "harness run --help": [str(PYTHON.with_name("harness")), "run", "--help"],
    "harness lint": [str(PYTHON.with_name("harness")), "lint"],  # of this repository
    "python -c 'import locust'": [str(PYTHON), "-c", "import locust"],
}


def timed(command: list[str]) -> Callable[[], float]:
    """A function that runs the command and returns its milliseconds."""

    def run() -> float:
        start = time.perf_counter()
        subprocess.run(command, env=environment(), capture_output=True, check=True)
        return 1000 * (time.perf_counter() - start)

    return run


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repetitions", type=int, default=40)
    repetitions = options.parse_args().repetitions
    variants = {name: timed(command) for name, command in COMMANDS.items()}
    in_turn(variants, 2)  # byte code and the page cache
    results = in_turn(variants, repetitions)
    bare = results["python -c pass"]
    rows = [
        (
            f"`{name}`",
            spread(times),
            f"{max(times):.0f}",
            spread([t - b for t, b in zip(times, bare, strict=True)]),
        )
        for name, times in results.items()
    ]
    print(f"{repetitions} runs each, in turn; {machine()}\n")
    print(table(("command", "ms: median [quartiles]", "slowest", "above bare Python"), rows))


if __name__ == "__main__":
    main()
