"""The comparison on simulated pairs: `python -m benchmarks.campaign.simulated --gates 300`.

Prints how often gates fail, pass and end inconclusive without a change (a failure is a false
alarm) and with a regression of one budget by 5, 10 or 20%, with a tolerance of 10%. Any two of
several budgets have a correlation of 0.5. Disturbances affect 8% of the pairs, up or down, by
exp(x) with x exponential of mean 0.4. The largest number of pairs is that of `pairs_needed` for
the standard deviation including disturbances, or `--most`.

The rule is that of harness/judge/compare/sequential.py, computed for many gates at once; a test
compares the two.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from math import log1p, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.figures import table
from harness.judge.compare.sequential import (
    FIRST_LOOK,
    FIRST_RANK_LOOK,
    Design,
    LookLevels,
    design,
    pairs_needed,
)

TOLERANCE = 0.1
CHANGES = (0.0, 0.05, 0.1, 0.2)
DEVIATIONS = (0.02, 0.03, 0.05, 0.08)
CORRELATION = 0.5
HIT, SIZE = 0.08, 0.4  # share of the pairs that a disturbance hits, and its mean
AT_ONCE = 20_000  # sequences of pairs in memory

Numbers = NDArray[np.float64]
Truths = NDArray[np.bool_]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Case:
    """The distribution of the pairs of a gate.

    Attributes:
        change: The regression of the first budget, as a ratio; the others have none.
        deviation: Standard deviation of a log ratio without disturbances.
        most: The largest number of pairs; None is that of `pairs_needed`.
    """

    change: float
    deviation: float
    disturbed: bool = False
    budgets: int = 1
    most: int | None = None

    @property
    def plan(self) -> Design:
        """The test of each of its budgets."""
        hits = HIT * 2 * SIZE**2 if self.disturbed else 0.0
        alpha, deviation = 0.01 / self.budgets, sqrt(self.deviation**2 + hits)
        most = self.most or pairs_needed(deviation, TOLERANCE, alpha=alpha)
        return design(TOLERANCE, most, alpha=alpha)


@dataclass(frozen=True, slots=True)
class HistogramSet:
    """Of all gates of a case.

    Attributes:
        pairs: Of each gate.
    """

    failed: int
    passed: int
    inconclusive: int
    pairs: Counts


def simulate(case: Case, gates: int, seed: int) -> HistogramSet:
    """Run the gates of a case."""
    generator = np.random.default_rng(seed)
    plan, chunk = case.plan, max(1, AT_ONCE // case.budgets)
    results = []
    for start in range(0, gates, chunk):
        ratios = draw(case, min(chunk, gates - start), plan.most, generator)
        results.append(outcomes(ratios, plan))
    outcome, pairs = (np.concatenate(parts) for parts in zip(*results, strict=True))
    failed, passed = int((outcome > 0).sum()), int((outcome < 0).sum())
    return HistogramSet(failed, passed, gates - failed - passed, pairs)


def draw(case: Case, gates: int, most: int, generator: np.random.Generator) -> Numbers:
    """Log ratios, gates x budgets x pairs; the first budget is the one that changes."""
    shape = (gates, case.budgets, most)
    common = generator.standard_normal((gates, 1, most)) * sqrt(CORRELATION)
    own = generator.standard_normal(shape) * sqrt(1 - CORRELATION)
    ratios = (common + own) * case.deviation
    if case.disturbed:
        hit = generator.random((gates, 1, most)) < HIT  # affects all budgets
        sign = generator.choice((-1.0, 1.0), (gates, 1, most))
        ratios = ratios + hit * sign * generator.exponential(SIZE, shape)
    ratios[:, 0] += log1p(case.change)
    return ratios


def outcomes(ratios: Numbers, plan: Design) -> tuple[Counts, Counts]:
    """The outcome of each gate (1 fail, -1 pass, 0 inconclusive) and its number of pairs.

    A gate ends with the first budget that fails, or when each budget has its decision.
    """
    gates, budgets, most = ratios.shape
    decision, after = (part.reshape(gates, budgets) for part in decisions(
        ratios.reshape(-1, most), plan))  # fmt: skip
    failed = decision > 0
    first_failure = np.where(failed, after, most + 1).min(axis=1)
    outcome = np.where(failed.any(axis=1), 1, np.where((decision < 0).all(axis=1), -1, 0))
    return outcome, np.where(outcome > 0, first_failure, after.max(axis=1))


def decisions(ratios: Numbers, plan: Design) -> tuple[Counts, Counts]:
    """The decision of each row (1 fail, -1 pass, 0 none) and its number of pairs."""
    decision = np.zeros(len(ratios), dtype=np.int64)
    after = np.full(len(ratios), ratios.shape[1])
    looks = zip(
        crossings(ratios, plan.fail),
        crossings(log1p(plan.tolerance) - ratios, plan.passing),
        strict=True,
    )
    for count, (fails, passes) in enumerate(looks, FIRST_LOOK):
        ends = (decision == 0) & (fails | passes)
        decision[ends] = np.where(passes[ends], -1, 1)
        after[ends] = count
    return decision, after


def crossings(values: Numbers, levels: LookLevels) -> Iterator[Truths]:
    """For each look, whether the lower end of each row's interval is above zero."""
    for k in range(FIRST_LOOK, FIRST_RANK_LOOK):
        seen = values[:, :k]
        error = seen.std(axis=1, ddof=1) / sqrt(k)
        yield seen.mean(axis=1) > stats.t.isf(levels.t, k - 1) * error
    above = np.zeros(len(values), dtype=np.int64)  # averages of two pairs that are above zero
    for k in range(1, values.shape[1] + 1):
        above += (values[:, :k] + values[:, k - 1 : k] > 0).sum(axis=1)
        if k >= FIRST_RANK_LOOK:
            yield above >= critical(k, levels.rank)


def critical(count: int, level: float) -> int:
    """The smallest rank sum with P <= level, or one that none reaches."""
    ways = np.ones(1)
    for rank in range(1, count + 1):
        ways = np.convolve(ways, np.r_[1.0, np.zeros(rank - 1), 1.0]) / 2
    survival = np.cumsum(ways[::-1])[::-1]
    return int(np.searchsorted(-survival, -level))


def control_row(case: Case, gates: int, seed: int) -> list[str]:
    """How often a control moves that is shifted by the change of a case, by the number of pairs.

    Each end of its interval has half of the level, as in harness/judge/compare/control.py.
    """
    plan = design(TOLERANCE, case.plan.most, alpha=0.005, beta=0.005)
    ratios = draw(case, gates, plan.most, np.random.default_rng(seed))[:, 0]
    ends = zip(crossings(ratios, plan.fail), crossings(-ratios, plan.passing), strict=True)
    moved = np.zeros(gates, dtype=np.bool_)
    shares = {}
    for count, (worse, better) in enumerate(ends, FIRST_LOOK):
        moved |= worse | better
        shares[count] = share(int(moved.sum()), gates)
    return [
        f"{case.deviation:.0%}{' and hits' if case.disturbed else ''}",
        f"{case.change:+.0%}" if case.change else "none",
        *(shares[count] for count in (FIRST_LOOK, 8, plan.most)),
        str(plan.most),
    ]


def row(case: Case, gates: int, seed: int) -> list[str]:
    """A line of the table."""
    tally = simulate(case, gates, seed)
    low, middle, high = (int(q) for q in np.quantile(tally.pairs, (0.1, 0.5, 0.9)))
    return [
        f"{case.deviation:.0%}{' and hits' if case.disturbed else ''}",
        str(case.budgets),
        f"{case.change:+.0%}" if case.change else "none",
        *(share(n, gates) for n in (tally.failed, tally.passed, tally.inconclusive)),
        f"{middle} [{low} .. {high}] of {case.plan.most}",
    ]


def share(count: int, gates: int) -> str:
    """Such as "12: 0.12% [0.06 .. 0.21]", with the exact 95% bounds of Clopper and Pearson."""
    bounds = stats.binomtest(count, gates).proportion_ci(0.95, method="exact")
    return (
        f"{count}: {100 * count / gates:.2f}% [{100 * bounds.low:.2f} .. {100 * bounds.high:.2f}]"
    )


def main() -> None:
    """Simulate and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--gates", type=int, default=300, help="for each line of the table")
    arguments.add_argument("--seed", type=int, default=20261121)
    arguments.add_argument("--most", type=int, help="the most pairs, for all cases")
    arguments.add_argument("--controls", action="store_true", help="how often a control moves")
    chosen = arguments.parse_args()
    if chosen.controls:
        wanted = [
            Case(change, deviation, disturbed, most=chosen.most)
            for disturbed in (False, True)
            for deviation in DEVIATIONS
            for change in CHANGES
        ]
        header = ["noise of a pair", "shift", "4 pairs", "8 pairs", "the most pairs", "the most"]
        rows = [control_row(c, chosen.gates, chosen.seed + i) for i, c in enumerate(wanted)]
        print(f"{chosen.gates} comparisons a line, seed {chosen.seed}.\n")
        print(table(header, rows))
        return
    cases = [
        Case(change, deviation, disturbed, budgets, chosen.most)
        for budgets in (1, 10)
        for disturbed in (False, True)
        for deviation in DEVIATIONS
        for change in CHANGES
    ]
    rows = [row(case, chosen.gates, chosen.seed + i) for i, case in enumerate(cases)]
    print(f"{chosen.gates} gates a line, seed {chosen.seed}.\n")
    header = ["noise of a pair", "budgets", "change", "fail", "pass", "inconclusive", "pairs"]
    print(table(header, rows))


if __name__ == "__main__":
    main()
