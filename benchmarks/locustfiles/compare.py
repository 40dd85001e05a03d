"""Runs public locustfiles in stock Locust and in the harness, and compares what they did.

Run as `python benchmarks/locustfiles/compare.py FOLDER [PATTERN]`. FOLDER has a checkout of each
repository of locustfiles.txt, named `owner+name`; their text is not part of this repository. Both
runs have the same number of users, for the same time, against a server that answers everything, and
can reach only this machine. A table in Markdown is written to the standard output.
"""

from __future__ import annotations

import csv
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from scipy import stats

from harness.runs.folder import open_folder, read_manifest
from harness.runs.latency import read_lines

HERE = Path(__file__).parent
USERS, SECONDS, PATIENCE = 20, 4, 90
RARE = 5  # expected requests of a name below which its absence is chance
MOST = 4  # differences shown of a locustfile
ALPHA = 0.001  # level of the test that the shares are equal
BUDGETS = """\
version: 1
service: stub
target: {{url: "{url}"}}
scenarios:
  load: {{locustfile: "{file}", users: {users}, duration: {seconds}s, warm_up: 0s, drain: 0s}}
budgets:
  errors: {{indicator: {{kind: error_ratio}}, max: 0%, decide: value}}
"""

Counts = dict[tuple[str, str], tuple[int, int]]  # type and name -> requests, failures


class Result(NamedTuple):
    """What a locustfile did: its requests, and the exit code of the process."""

    counts: Counts
    code: int
    text: str


class Case(NamedTuple):
    """A line of locustfiles.txt."""

    repository: str
    path: str
    arguments: list[str]


def cases(pattern: str) -> list[Case]:
    """The locustfiles whose line contains a pattern."""
    lines = (HERE / "locustfiles.txt").read_text().splitlines()
    parts = (shlex.split(line) for line in lines if line and line[0] != "#" and pattern in line)
    return [Case(part[0], part[1], part[2:]) for part in parts]


def run(command: list[str], folder: Path) -> tuple[int, str]:
    """Run a command without other machines; returns its exit code and its output."""
    paths = (str(HERE / "offline"), os.environ.get("PYTHONPATH", ""))
    added = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "CLOCK_SECONDS": str(SECONDS)}
    environment = os.environ | added
    try:
        done = subprocess.run(  # noqa: PLW1510 - the exit code is a result
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return -1, "it did not end"
    return done.returncode, done.stdout


def stock(case: Case, file: Path, url: str, out: Path) -> Result:
    """The result of `locust --headless`."""
    options = ["--headless", "-u", str(USERS), "-r", "100", "--host", url]
    command = [sys.executable, "-m", "locust", "-f", f"{file},{HERE / 'clock.py'}", *options]
    command += ["--csv", str(out / "stock"), "--only-summary", *case.arguments]
    code, text = run(command, file.parent)
    table = out / "stock_stats.csv"
    if not table.exists():
        return Result({}, code, text)
    with table.open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["Name"] != "Aggregated"]
    counts = {
        (row["Type"], row["Name"]): (int(row["Request Count"]), int(row["Failure Count"]))
        for row in rows
    }
    return Result(counts, code, text)


def ours(case: Case, file: Path, url: str, out: Path) -> Result:
    """The result of `harness run`."""
    text = BUDGETS.format(url=url, file=file, users=USERS, seconds=SECONDS)
    (out / "budgets.yaml").write_text(text)
    folder = out / "run"
    command = [sys.executable, "-m", "harness", "run", "--budgets", str(out / "budgets.yaml")]
    command += ["--max-duration", f"{SECONDS}s", "--out", str(folder), "--", *case.arguments]
    code, output = run(command, file.parent)
    requests: Counter[tuple[str, str]] = Counter()
    failures: Counter[tuple[str, str]] = Counter()
    if (folder / "latency.hlog").exists():
        for line in read_lines(folder / "latency.hlog"):
            if line.key.what == "latency":
                named, number = (line.key.method, line.key.name), sum(line.counts.values())
                requests[named] += number
                failures[named] += number * (line.key.outcome == "error")
        manifest = read_manifest(open_folder(folder))
        output = "; ".join((manifest.reason, *manifest.user_errors, *manifest.notices))
    counts = {named: (number, failures[named]) for named, number in requests.items()}
    return Result(counts, code, output)


def differences(left: Result, right: Result) -> list[str]:
    """What differs between stock Locust and the harness, beyond chance."""
    found = []
    totals = [sum(number for number, _ in one.counts.values()) for one in (left, right)]
    names = sorted(left.counts.keys() | right.counts.keys())
    pairs = [(left.counts.get(n, (0, 0))[0], right.counts.get(n, (0, 0))[0]) for n in names]
    for name, pair in zip(names, pairs, strict=True):
        if 0 in pair and max(pair) >= RARE * max(1, max(totals) / max(1, min(totals))):
            found.append(f"{' '.join(name)}: {pair[0]} and {pair[1]}")
    common = [pair for pair in pairs if min(pair) >= RARE]
    if len(common) > 1 and stats.chi2_contingency(common).pvalue < ALPHA:
        found.append(f"shares {common[:6]}")
    if min(totals) == 0 != max(totals):
        found.append(f"requests {totals}")
    failed = [sum(bad for _, bad in one.counts.values()) > 0 for one in (left, right)]
    if failed[0] != failed[1]:
        found.append(f"failures {failed}")
    if not max(totals) and left.code and right.code:
        return ["runs in neither"]
    if (left.code == 0) != (right.code == 0):
        found.append(f"exit codes {left.code} and {right.code}")
    return found


def compare(case: Case, folder: Path, url: str) -> tuple[str, bool]:
    """The row of a locustfile, and whether both runs are equal."""
    file = folder / case.repository.replace("/", "+") / case.path
    with tempfile.TemporaryDirectory() as scratch:
        left, right = (made(case, file, url, Path(scratch)) for made in (stock, ours))
    found = differences(left, right)
    numbers = [str(sum(number for number, _ in one.counts.values())) for one in (left, right)]
    failed = [str(sum(bad for _, bad in one.counts.values())) for one in (left, right)]
    if found:
        for one in (left, right):
            sys.stderr.write(f"--- {case.repository} {case.path}: {one.code}\n{one.text[-800:]}\n")
    shown = " / ".join
    columns = (
        *(case.repository, f"`{case.path}`", str(len(right.counts)), shown(numbers)),
        *(shown(failed), f"{left.code} / {right.code}", "; ".join(found[:MOST]) or "equal"),
    )
    return f"| {' | '.join(columns)} |", not found


def main() -> None:
    """Print the table."""
    folder, pattern = Path(sys.argv[1]).resolve(), "".join(sys.argv[2:3])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    print("| repository | file | names | requests | failures | exit codes | result |")
    print("|---|---|---|---|---|---|---|", flush=True)
    server = subprocess.Popen([sys.executable, str(HERE / "stub.py"), str(port)])
    try:
        time.sleep(1)
        found = cases(pattern)
        equal = 0
        for case in found:
            row, same = compare(case, folder, url)
            equal += same
            print(row, flush=True)
    finally:
        server.terminate()
        server.wait()
    print(f"\n{equal} of {len(found)} equal.")


if __name__ == "__main__":
    main()
