"""Damages runs that are not green and counts those that became green.

python -m tests.law [--subject evidence|folders|compare|prometheus] [--cases N] [--seed N]
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from tests.law import compare, folders, law, prometheus
from tests.law.law import Violation

SUBJECTS: Final[dict[str, Callable[[int, int], Iterator[Violation]]]] = {
    "evidence": law.violations,
    "folders": folders.violations,
    "compare": compare.violations,
    "prometheus": prometheus.violations,
}


def main() -> None:
    """Print each violation once, the counts, the seed and the time; exit 1 when there is one."""
    parser = argparse.ArgumentParser(prog="python -m tests.law")
    parser.add_argument("--subject", choices=SUBJECTS, help="default: all")
    parser.add_argument("--cases", type=int, default=20_000, help="of each subject")
    parser.add_argument("--seed", type=int, default=Random().randrange(2**31))
    options = parser.parse_args()
    broken = 0
    for subject in [options.subject] if options.subject else SUBJECTS:
        broken += _try(subject, options.cases, options.seed)
    raise SystemExit(bool(broken))


def _try(subject: str, cases: int, seed: int) -> int:
    """Run the cases of a subject, print its lines, and return the number of violations."""
    begun = time.monotonic()
    found = Counter(SUBJECTS[subject](cases, seed))
    for one, count in found.most_common():
        print(f"{count:6d}  {one.case}: {' + '.join(one.damages)}: {one.what}")
    seconds = time.monotonic() - begun
    print(
        f"{subject}: {cases} cases, seed {seed}, {seconds:.0f} s: {found.total()} broke the law",
        flush=True,
    )
    return found.total()


if __name__ == "__main__":
    main()
