"""Verdicts of one run on simulated latencies: `python -m benchmarks.campaign.absolute --runs 2000`.

For each ratio of the service's true p95 to its limit, prints how often a p95 budget passes, fails
and stays inconclusive, and after how many seconds. At the limit itself a failure is a false FAIL
and a pass a false PASS. Latencies have two modes, bursts, and are correlated over a second (the
noise model of `noisy_latencies`); the latency also varies between starts.

The rule is that of harness/judge: the interval of a quantile, in batches of two seconds, widened by
the noise of a start.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import ndtri
from scipy.stats import beta

from benchmarks.figures import table
from harness.judge.intervals.levels import (
    AGAIN,
    GONE_ON,
    ONCE,
    PLANNED_END,
    ErrorLevels,
    later_looks,
    looks,
)
from harness.judge.intervals.quantile import crossings
from harness.judge.intervals.start_noise import NOISE, widened
from harness.runs.model import batch_seconds

RATE = 100  # requests a second
QUANTILE = 0.95
RATIOS = (0.7, 0.8, 0.9, 0.95, 1.0, 1.1, 1.2, 1.3, 1.5, 2.0)  # true p95 over the limit
STARTS = (0.0, 0.03, 0.05, 0.1)  # standard deviation of the logarithm from start to start
FEW_RATES = (6, 12, 30, 67)  # requests a second, for 15 s
FEW_RATIOS = (0.25, 0.4, 0.5, 0.8, 1.0, 1.25, 2.0)
WINDOW_RATES = (30, 100)  # requests a second
WINDOW_RATIOS = (0.7, 1.0, 1.5)
AT_ONCE = 100

Latencies = NDArray[np.float64]
Model = Callable[[np.random.Generator, int, int, int], Latencies]
Ends = Literal["planned", "goes on", "early"]


@dataclass(frozen=True, slots=True)
class Case:
    """Runs of a service.

    Attributes:
        ratio: The true p95 over the limit.
        starts: Standard deviation of the logarithm of the latency from start to start.
        seconds: Of a run as planned; the longest run lasts three times as long, one that may end
            early twice.
        ends: At its planned end, or when the budget is decided: after it, or even before it.
        tau: Seconds over which the noise is correlated.
        rate: Requests a second.
        before: Whether both distances of an end are added, as until November 2026.
    """

    ratio: float
    starts: float = NOISE
    seconds: int = 60
    ends: Ends = "planned"
    tau: float = 1.0
    rate: int = RATE
    before: bool = False

    @property
    def longest(self) -> int:
        """Seconds of the longest run."""
        return self.seconds * {"planned": 1, "goes on": 3, "early": 2}[self.ends]

    @property
    def moments(self) -> list[tuple[int, ErrorLevels]]:
        """Seconds after which the run is looked at, with the levels of each look."""
        if self.ends == "early":
            return [(second, AGAIN) for second in looks(self.longest)]
        if self.ends == "planned":
            return [(self.seconds, ONCE)]
        first, *later = [*later_looks(self.seconds, self.longest), self.longest]
        return [(first, PLANNED_END), *((second, GONE_ON) for second in later)]


@dataclass(frozen=True, slots=True)
class HistogramSet:
    """Of all runs of a case; `seconds` until the verdict of each that has one."""

    passed: int
    failed: int
    inconclusive: int
    seconds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Noisy:
    """The latencies of `noisy_latencies`."""

    tau: float

    def __call__(
        self, generator: np.random.Generator, runs: int, seconds: int, rate: int
    ) -> Latencies:
        """Logarithms of latencies, runs x requests."""
        return noisy_latencies(generator, runs, seconds, self.tau, rate)


def simulate(case: Case, runs: int, seed: int, model: Model | None = None) -> HistogramSet:
    """Judge the runs of a case, whose latencies are those of `Noisy` without a model."""
    generator = np.random.default_rng(seed)
    drawn = model or Noisy(case.tau)
    limit = true_p95(drawn, case.rate) / case.ratio
    found: list[tuple[str, int]] = []
    while len(found) < runs:
        count = min(AT_ONCE, runs - len(found))
        times = np.exp(drawn(generator, count, case.longest, case.rate))
        times *= np.exp(generator.normal(0, case.starts, (count, 1)))
        found += [verdict(run, limit, case) for run in times]
    outcomes = [outcome for outcome, _ in found]
    ends = tuple(second for outcome, second in found if outcome != "inconclusive")
    passed, failed, open_ = (outcomes.count(word) for word in ("pass", "fail", "inconclusive"))
    return HistogramSet(passed, failed, open_, ends)


def noisy_latencies(
    generator: np.random.Generator, runs: int, seconds: int, tau: float, rate: int = RATE
) -> Latencies:
    """Logarithms of latencies, runs x requests: two modes, correlated over `tau` s, bursts."""
    n, step = rate * seconds, 1 / rate
    keep = np.exp(-step / tau)
    noise = generator.normal(0, 0.12 * np.sqrt(1 - keep**2), (runs, n))
    noise[:, 0] = generator.normal(0, 0.12, runs)
    common = lfilter([1], [1, -keep], noise, axis=1)
    burst = np.zeros((n, runs), dtype=bool)
    on = generator.random(runs) < 0.05
    for i, luck in enumerate(generator.random((n, runs))):
        on = np.where(on, luck >= step / 0.8, luck < step / 15)
        burst[i] = on
    modes = generator.random((runs, n)) < 0.1
    own = generator.normal(size=(runs, n))
    body = np.where(modes, np.log(0.12) + 0.3 * own, np.log(0.04) + 0.35 * own)
    return np.asarray(body + common + 0.47 * burst.T)


@cache
def true_p95(model: Model, rate: int) -> float:
    """Of a model, in seconds, from four million latencies."""
    found = model(np.random.default_rng(1), 400, max(1, 10_000 // rate), rate)
    return float(np.exp(np.quantile(found, QUANTILE)))


def interval(times: Latencies, rate: int, levels: ErrorLevels) -> tuple[float, float, float]:
    """The ends of the p95's interval by the scatter within a run, and the p95 itself.

    Args:
        times: The latencies of a run in the order of time, seconds.
        rate: Of the requests, per second.
        levels: Of the look.
    """
    size = rate * batch_seconds(len(times) / rate)
    order = np.argsort(times, kind="stable")
    numbers, values = order // size, times[order]
    count = int(numbers.max()) + 1
    totals = np.bincount(numbers, minlength=count).tolist()

    def over(position: float) -> list[int]:
        found: list[int] = np.bincount(numbers[int(position) + 1 :], minlength=count).tolist()
        return found

    positions = range(-1, len(values))
    reached, kept = crossings(positions, over, totals, QUANTILE, levels)
    lower = float(values[reached]) if 0 <= reached < len(values) else 0.0
    upper = float(values[kept - 1]) if 0 < kept < len(positions) else math.inf
    return lower, upper, float(values[math.ceil(QUANTILE * len(values)) - 1])


def verdict(times: Latencies, limit: float, case: Case) -> tuple[str, int]:
    """The verdict of a run, and the seconds until it."""
    for second, levels in case.moments:
        lower, upper, value = interval(times[: second * case.rate], case.rate, levels)
        if case.before:
            lower *= math.exp(ndtri(ONCE.fails) * NOISE)
            upper /= math.exp(ndtri(ONCE.passes) * NOISE)
            if upper <= limit or lower > limit:
                return "pass" if upper <= limit else "fail", second
            continue
        if widened(upper, value, 1, NOISE, (levels.passes, ONCE.passes)) <= limit:
            return "pass", second
        if widened(lower, value, -1, NOISE, (levels.fails, ONCE.fails)) > limit:
            return "fail", second
    return "inconclusive", case.longest


def shown(count: int, runs: int) -> str:
    """A share with its Clopper-Pearson interval of 95%."""
    low = beta.ppf(0.025, count, runs - count + 1) if count else 0.0
    high = beta.ppf(0.975, count + 1, runs - count) if count < runs else 1.0
    return f"{count / runs:.2%} [{low:.2%} .. {high:.2%}]"


def rows(cases: Iterable[Case], runs: int, seed: int) -> Iterator[list[str]]:
    """A row of the table for each case."""
    for number, case in enumerate(cases):
        tally = simulate(case, runs, seed + number)
        seconds = sorted(tally.seconds) or [case.seconds]
        yield [
            f"{case.ratio:g}",
            f"{case.starts:.0%}",
            f"{case.tau:g} s",
            {"planned": f"{case.seconds} s", "early": "early"}.get(
                case.ends, f"{case.seconds} to {case.longest} s"
            ),
            *(shown(n, runs) for n in (tally.passed, tally.failed, tally.inconclusive)),
            f"{seconds[len(seconds) // 2]}, {seconds[len(seconds) * 9 // 10]}",
        ]


def few_rows(runs: int, seed: int) -> Iterator[list[str]]:
    """Shares of passes under, and of failures over the limit; at the limit of both."""
    rules: dict[str, tuple[bool, Ends]] = {
        "before": (True, "planned"),
        "now": (False, "planned"),
        "now, goes on": (False, "goes on"),
    }
    for rate in FEW_RATES:
        for name, (before, end) in rules.items():
            row = []
            for number, ratio in enumerate(FEW_RATIOS):
                case = Case(ratio, seconds=15, ends=end, rate=rate, before=before)
                found = simulate(case, runs, seed + number)
                shares = [f"{count / runs:.1%}" for count in (found.passed, found.failed)]
                row.append(" / ".join(shares) if ratio == 1 else shares[ratio > 1])
            yield [f"{15 * rate}", name, *row]


def window_rows(runs: int, seed: int) -> Iterator[list[str]]:
    """The window until the verdict; an undecided run counts with its whole window."""
    ends: dict[Ends, int] = {"early": 60, "goes on": 16}
    cases = [
        Case(ratio, ends=end, seconds=seconds, rate=rate)
        for end, seconds in ends.items()
        for rate in WINDOW_RATES
        for ratio in WINDOW_RATIOS
    ]
    for number, case in enumerate(cases):
        tally = simulate(case, runs, seed + number)
        seconds = sorted([*tally.seconds, *[case.longest] * tally.inconclusive])
        middle, late = (seconds[math.ceil(q * runs) - 1] for q in (0.5, 0.9))
        yield [
            "when decided" if case.ends == "early" else f"{case.seconds} to {case.longest} s",
            f"{case.rate}/s",
            f"{case.ratio:g}",
            *(shown(n, runs) for n in (tally.passed, tally.failed, tally.inconclusive)),
            f"{middle} s",
            f"{late} s",
        ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--few", action="store_true", help="show runs with few requests")
    parser.add_argument("--windows", action="store_true", help="show the time until the verdict")
    options = parser.parse_args()
    if options.windows:
        head = ["run ends", "requests", "p95/limit", "pass", "fail", "inconclusive", "p50", "p90"]
        print(table(head, list(window_rows(options.runs, options.seed))))
        return
    if options.few:
        head = ["requests", "rule", *(f"p95/limit {ratio:g}" for ratio in FEW_RATIOS)]
        print(table(head, list(few_rows(options.runs, options.seed))))
        return
    ends: tuple[Ends, ...] = ("planned", "goes on", "early")
    at_limit = [Case(1.0, starts, ends=end) for starts in STARTS for end in ends]
    at_limit += [Case(1.0, tau=3.0, ends=end) for end in ends]
    power = [Case(ratio, ends=end) for end in ends for ratio in RATIOS if ratio != 1]
    head = ["p95/limit", "starts", "noise over", "ends", "pass", "fail", "inconclusive", "seconds"]
    found = rows([*at_limit, *power], options.runs, options.seed)
    print(table(head, list(found)))


if __name__ == "__main__":
    main()
