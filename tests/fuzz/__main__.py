"""Feeds random input to the readers of the harness and prints what went wrong.

python -m tests.fuzz SUBJECT [--seconds N] [--seed N]
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from importlib import import_module
from random import Random

# Each is a module of this package with `run(seconds: float, seed: int) -> list[str]`, which feeds
# random input for so long, and returns one line for each finding.
SUBJECTS = ("budgets",)


def main() -> None:
    """Print each finding once, the counts, the seed and the time; exit 1 when there is one."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("subject", choices=SUBJECTS)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=Random().randrange(2**31))
    options = parser.parse_args()
    begun = time.monotonic()
    subject = import_module(f"tests.fuzz.{options.subject}")
    found = Counter(subject.run(options.seconds, options.seed))
    for finding, count in found.most_common():
        print(f"{count:6d}  {finding}")
    seconds = time.monotonic() - begun
    print(f"{options.subject}, seed {options.seed}, {seconds:.0f} s: {len(found)} findings")
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
