"""Whether `harness compare` names the changed line of a mistake that a commit brings.

    uv run python -m benchmarks.compare_causes [--only TEXT]

Each mistake is a commit in a repository of its own, with a service that has a stock OpenTelemetry
set-up. A comparison takes one to three minutes. Only root may profile another process.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from tests.e2e.commits import ARGUMENTS, MISTAKES, named_places, with_mistake


def rank_of(name: str, folder: Path) -> str:
    """At which place the changed line of a mistake is named."""
    project, places = with_mistake(folder, MISTAKES[name])
    result = project.harness(*ARGUMENTS, timeout=900)
    if result.code != 3:
        return f"no regression found (exit code {result.code})"
    named = named_places(json.loads((folder / "out/diagnosis.json").read_text()))
    ranks = [number for number, place in enumerate(named, 1) if place in places]
    return str(ranks[0]) if ranks else f"not named; {', '.join(named) or 'nothing'} was"


def main() -> None:
    """Print a line for each mistake."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="mistakes with this text")
    options = parser.parse_args()
    for name in MISTAKES:
        if options.only in name:
            with tempfile.TemporaryDirectory() as folder:
                print(f"{name}: place {rank_of(name, Path(folder))}", flush=True)


if __name__ == "__main__":
    main()
