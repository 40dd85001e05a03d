"""Breaks the judge in one place at a time and prints which test notices each mutant.

python -m tests.mutants [--only TEXT] [--seconds N]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable

from tests.mutants.table import Mutant, mutants
from tests.mutants.trial import noticed_by


def main() -> None:
    """Print a line for each mutant, the counts and the time; exit 1 when one is not noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--only", default="", metavar="TEXT", help="mutants whose name has TEXT")
    parser.add_argument("--seconds", type=float, default=120.0, help="limit of one mutant")
    options = parser.parse_args()
    chosen = [one for one in mutants() if options.only in one.name]
    begun = time.monotonic()
    unnoticed = _try(chosen, options.seconds)
    seconds = time.monotonic() - begun
    print(f"{len(chosen)} mutants, {seconds:.0f} s: {unnoticed} were not noticed")
    raise SystemExit(bool(unnoticed))


def _try(chosen: Iterable[Mutant], seconds: float) -> int:
    """The number of those that no test noticed."""
    unnoticed = 0
    for one in chosen:
        test = noticed_by(one, seconds)
        unnoticed += not test
        print(f"{'' if test else 'NOT NOTICED  '}{one.name}: {test}", flush=True)
    return unnoticed


if __name__ == "__main__":
    main()
