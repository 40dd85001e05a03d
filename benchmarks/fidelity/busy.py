"""Compares the kernel's times with those of the event loop while the generator has other work.

After each answer, the locustfile occupies the generator's core for a while, so that the following
answers wait to be read. The harness takes both times of the same requests: the kernel's, which it
records, and those of its event loop, which the locustfile takes. wrk and hey have no such work;
their figures are those of an idle generator. The benchmark uses only 127.0.0.1.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.fidelity import tools
from benchmarks.fidelity.__main__ import Tool, missing
from benchmarks.fidelity.report import times_of
from benchmarks.fidelity.services import EXTREMES, QUANTILES, SERVICES, Service, quantile
from benchmarks.fidelity.truth import served
from benchmarks.figures import machine, table
from harness import names
from harness.load.arrivals import arrivals

RATE = 300.0  # requests per second
# Of a core, what the load itself takes, about.
BASE = {"FastUser": 0.03, "FastHttpUser": 0.08, "HttpUser": 0.25}
CASES = ("shortest", "short", "constant", "lognormal", "stalling")
# The aim: at most this much beyond the error of wrk.
SECONDS, SHARE = 0.0001, 0.001
OTHERS = (
    Tool("Locust, paced", tools.locust_paced),
    Tool("hey, paced", tools.hey_paced, program="hey"),
    Tool("wrk, paced", tools.wrk_paced, program="wrk"),
)
WRK = OTHERS[-1].name


class Row(NamedTuple):
    """The times that a tool reports in one cell.

    Attributes:
        busy: Share of the generator's core that the locustfile occupies.
        errors: Reported minus true seconds, by quantile.
        truth: True seconds, by quantile.
        by_kernel: Share of the answers that the kernel timed.
        cpu: Of the generator, of a core.
        late: p99 from the intended start to the arrival at the service.
    """

    service: str
    busy: float
    tool: str
    errors: Mapping[float, float]
    truth: Mapping[float, float]
    by_kernel: float | None = None
    cpu: float | None = None
    late: float | None = None


def harness_rows(service: Service, busy: float, user: str, seconds: int) -> list[Row]:
    """The same requests of the open model, by the kernel and by the loop."""
    asked = tools.workload(service, seconds, RATE)
    with served(service) as truth, tempfile.TemporaryDirectory() as name:
        times = Path(name) / "loop_times"
        work = max(0.0, busy - BASE[user]) / RATE if busy else 0.0
        os.environ |= {
            "FIDELITY_USER": user,
            "FIDELITY_WORK": f"{work:.6f}",
            "FIDELITY_TIMES": str(times),
        }
        ran = asyncio.run(tools.run_harness(asked, truth.url, seconds, Path(name)))
        records = truth.end()
        by_loop = [float(line) for line in times.read_text().split()]
    true, late = times_of(records, [ran.t0 + offset for offset in arrivals(asked)])
    recorded, lags = ran.all_of(names.LATENCY), ran.all_of(names.RECEIVE_LAG)
    if not len(true) == len(by_loop) == recorded.count:
        raise SystemExit(f"{len(true)} answers, {len(by_loop)} by the loop, {recorded.count} told")
    cpu = statistics.mean(report.cpu for report in ran.reports[1:-1] or ran.reports)
    truths = {q: quantile(true, q) for q in QUANTILES}
    reported = {q: recorded.quantile(q) or 0.0 for q in QUANTILES}
    loops = {q: quantile(by_loop, q) for q in QUANTILES}
    kernel = _row(service, busy, f"**harness, {user}**", truths, reported)
    loop = _row(service, busy, f"the same by its loop, {user}", truths, loops)
    kernel = kernel._replace(by_kernel=lags.count / recorded.count)
    return [row._replace(cpu=cpu, late=quantile(late, 0.99)) for row in (kernel, loop)]


def other_row(service: Service, busy: float, tool: Tool, seconds: int) -> Row:
    """What another tool reports; Locust has the same work after each answer."""
    os.environ |= {"FIDELITY_WORK": f"{busy / RATE:.6f}", "FIDELITY_TIMES": ""}
    run: Any = tool.run
    with served(service) as truth, tempfile.TemporaryDirectory() as folder:
        told = run(service, truth.url, seconds, Path(folder), rate=RATE)
        true, _ = times_of(truth.end(), None)
    truths = {q: quantile(true, q) for q in QUANTILES} if true else {}
    return _row(service, busy, tool.name, truths, told.quantiles)


def _row(
    service: Service,
    busy: float,
    tool: str,
    truths: Mapping[float, float],
    reported: Mapping[float, float],
) -> Row:
    errors = {q: reported[q] - truths[q] for q in QUANTILES if q in reported and q in truths}
    return Row(service.name, busy, tool, errors, truths)


def tables(rows: Sequence[Row]) -> str:
    """The errors of each tool, and those beyond wrk's."""
    head = [f"p{100 * q:g}" for q in QUANTILES]
    wrk = {row.service: row.errors for row in rows if row.tool == WRK}
    parts = [
        (
            "True → reported, ms (error, ms)",
            ["service", "busy", "tool", *head, "by kernel", "CPU", "late p99, ms"],
            [[*_who(row), *(_cell(row, q) for q in QUANTILES), *_facts(row)] for row in rows],
        ),
        (
            f"Error beyond wrk's, ms; the aim is {1e3 * SECONDS:g} ms + {100 * SHARE:g}%",
            ["service", "busy", "tool", *head],
            [
                [*_who(row), *(_beyond(row, wrk[row.service], q) for q in QUANTILES)]
                for row in rows
                if row.service in wrk and "harness" in row.tool
            ],
        ),
    ]
    return "\n\n".join(f"{title}\n\n{table(header, lines)}" for title, header, lines in parts)


def _who(row: Row) -> list[str]:
    return [row.service, f"{100 * row.busy:.0f}%", row.tool]


def _cell(row: Row, q: float) -> str:
    if q not in row.errors:
        return "not told"
    true, error = row.truth[q], row.errors[q]
    return f"{1e3 * true:.2f} → {1e3 * (true + error):.2f} ({1e3 * error:+.2f})"


def _facts(row: Row) -> list[str]:
    def of(value: float | None, factor: float, digits: int, suffix: str) -> str:
        return "" if value is None else f"{factor * value:.{digits}f}{suffix}"

    return [of(row.by_kernel, 100, 1, "%"), of(row.cpu, 100, 0, "%"), of(row.late, 1e3, 2, "")]


def _beyond(row: Row, wrk: Mapping[float, float], q: float) -> str:
    beyond = abs(row.errors[q]) - abs(wrk[q])
    is_met = beyond <= SECONDS + SHARE * row.truth[q]
    return f"{1e3 * beyond:+.3f}" if is_met else f"**{1e3 * beyond:+.3f}**"


def _show(rows: Sequence[Row]) -> None:
    """Print rows while the benchmark goes on."""
    for row in rows:
        print(*_who(row), *(_cell(row, q) for q in QUANTILES), *_facts(row), file=sys.stderr)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.fidelity.busy", description=__doc__
    )
    options.add_argument("--seconds", type=int, default=6, help="of each run (default: 6)")
    options.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    options.add_argument(
        "--busy",
        nargs="+",
        type=int,
        default=[0, 50, 70, 90],
        help="percent of the generator's core (default: 0 50 70 90)",
    )
    options.add_argument("--users", nargs="+", choices=tuple(BASE), default=["FastUser"])
    options.add_argument("--without", nargs="*", default=[], help="tools to leave out, e.g. Locust")
    given = options.parse_args()
    print(f"{RATE:g}/s, {given.seconds} s for each run; {machine()}\n")
    absent = missing({tool.program for tool in OTHERS})
    others = [
        tool
        for tool in OTHERS
        if tool.program not in absent
        and not any(word.lower() in tool.name.lower() for word in given.without)
    ]
    rows = []
    for service in (s for s in SERVICES + EXTREMES if s.name in given.cases):
        for busy in (percent / 100 for percent in given.busy):
            for user in given.users:
                rows += harness_rows(service, busy, user, given.seconds)
                _show(rows[-2:])
            for tool in others:
                if not busy or not tool.program:  # a program cannot be given work
                    rows.append(other_row(service, busy, tool, given.seconds))
                    _show(rows[-1:])
    print(tables(rows))


if __name__ == "__main__":
    main()
