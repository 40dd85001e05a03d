"""Verdicts of one run on simulated latencies: `python -m benchmarks.campaign.absolute --runs 2000`.

For each ratio of the service's true p95 to its limit, prints how often a p95 budget passes, fails
and stays inconclusive, and after how many seconds. At the limit itself a failure is a false FAIL
and a pass a false PASS. Latencies have two modes, bursts, and are correlated over a second (the
noise model of `noisy_latencies`); the latency also varies between starts.

The rule is that of harness/judge: `share_bounds`, in batches of two seconds, of the share of
requests over the limit, which is widened for a pass and for a failure by the noise of a start.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import beta

from benchmarks.figures import table
from harness.judge.intervals.levels import AGAIN, ONCE, looks
from harness.judge.intervals.proportion import share_bounds
from harness.judge.intervals.start_noise import FAILS, NOISE, PASSES, deflate, inflate
from harness.runs.model import batch_seconds

RATE = 100  # requests a second
BATCH = batch_seconds(60)
MAY_MISS = 0.05  # of a p95
RATIOS = (0.7, 0.8, 0.9, 0.95, 1.0, 1.1, 1.2, 1.3, 1.5, 2.0)  # true p95 over the limit
STARTS = (0.0, 0.03, 0.05, 0.1)  # standard deviation of the logarithm from start to start
AT_ONCE = 100

Latencies = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Case:
    """Runs of a service.

    Attributes:
        ratio: The true p95 over the limit.
        starts: Standard deviation of the logarithm of the latency from start to start.
        seconds: Of a run, the longest one where it may end early.
        decided: Whether the run ends once the budget is decided.
        tau: Seconds over which the noise is correlated.
    """

    ratio: float
    starts: float = NOISE
    seconds: int = 60
    decided: bool = False
    tau: float = 1.0


@dataclass(frozen=True, slots=True)
class HistogramSet:
    """Of all runs of a case; `seconds` until the verdict of each that has one."""

    passed: int
    failed: int
    inconclusive: int
    seconds: tuple[int, ...]


def simulate(case: Case, runs: int, seed: int) -> HistogramSet:
    """Judge the runs of a case."""
    generator = np.random.default_rng(seed)
    limit = true_p95(case.tau) / case.ratio
    found: list[tuple[str, int]] = []
    while len(found) < runs:
        count = min(AT_ONCE, runs - len(found))
        times = np.exp(noisy_latencies(generator, count, case.seconds, case.tau))
        times *= np.exp(generator.normal(0, case.starts, (count, 1)))
        fails = batches(times > limit * inflate(NOISE, FAILS))
        passes = batches(times > limit * deflate(NOISE, PASSES))
        found += [verdict(*pair, case) for pair in zip(fails, passes, strict=True)]
    outcomes = [outcome for outcome, _ in found]
    ends = tuple(second for outcome, second in found if outcome != "inconclusive")
    passed, failed, open_ = (outcomes.count(word) for word in ("pass", "fail", "inconclusive"))
    return HistogramSet(passed, failed, open_, ends)


def noisy_latencies(
    generator: np.random.Generator, runs: int, seconds: int, tau: float
) -> Latencies:
    """Logarithms of latencies, runs x requests: two modes, correlated over `tau` s, bursts."""
    n, step = RATE * seconds, 1 / RATE
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


def true_p95(tau: float) -> float:
    """Of the model, in seconds, from four million latencies."""
    generator = np.random.default_rng(1)
    found = noisy_latencies(generator, 400, 100, tau)
    return float(np.exp(np.quantile(found, 1 - MAY_MISS)))


def batches(over: NDArray[np.bool_]) -> Counts:
    """The number of requests over the limit in each batch: runs x batches."""
    return np.asarray(over.reshape(len(over), -1, RATE * BATCH).sum(axis=2))


def verdict(fails: Sequence[int], passes: Sequence[int], case: Case) -> tuple[str, int]:
    """The verdict of a run, and the seconds until it."""
    moments = list(looks(case.seconds)) if case.decided else [case.seconds]
    levels = AGAIN if case.decided else ONCE
    second = case.seconds
    for second in moments:
        count = second // BATCH
        totals = [RATE * BATCH] * count
        if share_bounds(passes[:count], totals, *levels)[1] <= MAY_MISS:
            return "pass", second
        if share_bounds(fails[:count], totals, *levels)[0] > MAY_MISS:
            return "fail", second
    return "inconclusive", second


def shown(count: int, runs: int) -> str:
    """A share with its Clopper-Pearson interval of 95%."""
    low = beta.ppf(0.025, count, runs - count + 1) if count else 0.0
    high = beta.ppf(0.975, count + 1, runs - count) if count < runs else 1.0
    return f"{count / runs:.2%} [{low:.2%} .. {high:.2%}]"


def rows(cases: Sequence[Case], runs: int, seed: int) -> Iterator[list[str]]:
    """A row of the table for each case."""
    for number, case in enumerate(cases):
        tally = simulate(case, runs, seed + number)
        seconds = sorted(tally.seconds) or [case.seconds]
        yield [
            f"{case.ratio:g}",
            f"{case.starts:.0%}",
            f"{case.tau:g} s",
            "decided" if case.decided else f"{case.seconds} s",
            *(shown(n, runs) for n in (tally.passed, tally.failed, tally.inconclusive)),
            f"{seconds[len(seconds) // 2]}, {seconds[len(seconds) * 9 // 10]}",
        ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    at_limit = [Case(1.0, starts, *rest) for starts in STARTS for rest in ((60,), (120, True))]
    slower = [Case(1.0, tau=3.0), Case(1.0, seconds=120, decided=True, tau=3.0)]
    power = [Case(ratio, seconds=60) for ratio in RATIOS if ratio != 1]
    early = [Case(ratio, seconds=120, decided=True) for ratio in RATIOS if ratio != 1]
    head = ["p95/limit", "starts", "noise over", "ends", "pass", "fail", "inconclusive", "seconds"]
    found = rows([*at_limit, *slower, *power, *early], options.runs, options.seed)
    print(table(head, list(found)))


if __name__ == "__main__":
    main()
