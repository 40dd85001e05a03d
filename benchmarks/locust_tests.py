"""Runs Locust's own tests of FastHttpUser with FastHttpUser, and with FastUser in its place.

Run as `python -m benchmarks.locust_tests FOLDER [--repetitions N]`. FOLDER is a checkout of
github.com/locustio/locust at the tag of the installed version, or near it: the tests are part of
neither the package nor this repository. They need `pip install pyquery cryptography`. A table in
Markdown is written to the standard output.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

CLASSES = ("FastHttpUser", "FastUser")
PATIENCE = 300  # s for the whole file, which takes 25 s


class Result(NamedTuple):
    """The tests of one run: their outcomes by name, and why some failed."""

    outcomes: dict[str, str]
    reasons: dict[str, str]


def child(user: str, folder: Path, report: Path) -> int:
    """Run the tests in this process with a class; returns the exit code of pytest."""
    import types

    import locust  # first, since it makes the standard library cooperative
    import pytest
    from locust.contrib import fasthttp

    package = types.ModuleType("locust.test")
    package.__path__ = [str(folder / "locust/test")]
    sys.modules["locust.test"] = package
    if user == "FastUser":
        from harness import FastUser
        from harness.load.child.fast.session import FastSession

        replaced: dict[str, type] = {"FastHttpUser": FastUser, "FastHttpSession": FastSession}
        for module in (locust, fasthttp):
            for name in replaced.keys() & vars(module).keys():
                setattr(module, name, replaced[name])
    options = ("-q", "--no-header", "-o", "addopts=", "-p", "no:cacheprovider", "-p", "no:locust")
    tests = folder / "locust/test/test_fasthttp.py"
    return int(
        pytest.main([*options, "--import-mode=importlib", f"--junitxml={report}", str(tests)])
    )


def run(user: str, folder: Path) -> Result:
    """The outcomes of the tests with a class."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        command = [sys.executable, "-m", "benchmarks.locust_tests", str(folder)]
        done = subprocess.run(
            [*command, "--child", user, str(report)],
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if not report.exists():
            raise SystemExit(done.stdout + done.stderr)
        cases = list(ET.parse(report).iter("testcase"))
    outcomes, reasons = {}, {}
    for case in cases:
        name = f"{case.get('classname', '').rpartition('.')[2]}.{case.get('name')}"
        failed = next((e for e in case if e.tag in {"failure", "error"}), None)
        outcomes[name] = "passed" if failed is None else "failed"
        if failed is not None:
            reasons[name] = " ".join(failed.get("message", "").split())[:120]
    return Result(outcomes, reasons)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repetitions", type=int, default=1)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = options.folder.resolve()
    if options.child:
        raise SystemExit(child(options.child[0], folder, Path(options.child[1])))
    passed: dict[str, Counter[str]] = {user: Counter() for user in CLASSES}
    reasons: dict[str, str] = {}
    for _ in range(options.repetitions):
        for user in CLASSES:
            found = run(user, folder)
            for name, outcome in found.outcomes.items():
                passed[user][name] += outcome == "passed"
            reasons |= found.reasons
    names = sorted(passed[CLASSES[0]].keys() | passed[CLASSES[1]].keys())
    number = options.repetitions
    print(f"Locust {version('locust')}, geventhttpclient {version('geventhttpclient')}: ", end="")
    print(f"{len(names)} tests, {number} times each\n")
    print(f"| test | {' | '.join(CLASSES)} | reason |\n|---|---|---|---|")
    always = sum(all(passed[user][name] == number for user in CLASSES) for name in names)
    print(f"| {always} tests | passed | passed | |")
    for name in names:
        counts = [passed[user][name] for user in CLASSES]
        if set(counts) != {number}:
            cells = " | ".join(f"{count} of {number} passed" for count in counts)
            print(f"| `{name}` | {cells} | {re.sub('[|]', '/', reasons[name])} |")


if __name__ == "__main__":
    main()
