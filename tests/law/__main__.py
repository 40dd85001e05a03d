"""Damages runs that are not green and counts those that became green.

python -m tests.law [--cases N] [--seed N]
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from random import Random

from tests.law.law import violations


def main() -> None:
    """Print each violation once, the counts, the seed and the time; exit 1 when there is one."""
    parser = argparse.ArgumentParser(prog="python -m tests.law")
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=Random().randrange(2**31))
    options = parser.parse_args()
    begun = time.monotonic()
    found = Counter(violations(options.cases, options.seed))
    for (case, damages), count in found.most_common():
        print(f"{count:6d}  {case}: {' + '.join(damages)}")
    seconds = time.monotonic() - begun
    ran = f"{options.cases} cases, seed {options.seed}, {seconds:.0f} s"
    print(f"{ran}: {found.total()} became green")
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
