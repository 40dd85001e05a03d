"""Simulates the nominal levels of the sequential test: `python -m benchmarks.campaign.levels`.

Writes harness/judge/compare/sequential.json. Independent normal pairs without a change are drawn;
for each overall error the t looks get 40% of it, and the rank looks the largest level that keeps
the rest.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from harness.judge.compare.sequential import FIRST_LOOK, FIRST_RANK_LOOK, MOST_PAIRS

TARGET = Path(__file__).parents[2] / "harness" / "judge" / "compare" / "sequential.json"
REPETITIONS = 2_000_000
CHUNK = 50_000
SEED = 20261121
T_SHARE = 0.4
# A control has half of the error of a budget at each end: that of 50 budgets is 0.01 / 100.
ERRORS = (0.05, *(0.01 / m for m in (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100)))

Numbers = NDArray[np.float64]


def smallest_p(pairs: Numbers) -> tuple[Numbers, dict[int, Numbers]]:
    """For each row the smallest p of its t looks, and of its rank looks up to each most."""
    looks = range(FIRST_LOOK, FIRST_RANK_LOOK)
    t = np.min([stats.ttest_1samp(pairs[:, :k], 0, axis=1, alternative="greater").pvalue
                for k in looks], axis=0)  # fmt: skip
    rank_sum = np.zeros(len(pairs), dtype=np.int64)
    smallest = np.ones(len(pairs))
    by_most = {}
    for k in range(1, pairs.shape[1] + 1):
        # The rank sum counts the pairwise averages above zero: those with the last pair are new.
        rank_sum += (pairs[:, :k] + pairs[:, k - 1 : k] > 0).sum(axis=1)
        if k >= FIRST_RANK_LOOK:
            smallest = np.minimum(smallest, survival(k)[rank_sum])
        if k in MOST_PAIRS:
            by_most[k] = smallest
    return t, by_most


def survival(count: int) -> Numbers:
    """P(rank sum >= w) of `count` signed ranks, for every w."""
    ways = np.ones(1)
    for rank in range(1, count + 1):
        ways = np.convolve(ways, np.r_[1.0, np.zeros(rank - 1), 1.0]) / 2
    return np.cumsum(ways[::-1])[::-1]


def level(t: Numbers, rank: Numbers, error: float) -> tuple[float, float]:
    """The levels of a t look and of a rank look that together err with at most `error`."""
    of_t = float(np.quantile(t, T_SHARE * error))
    left = np.sort(rank[t > of_t])
    budget = int(error * len(t)) - int((t <= of_t).sum())
    values = np.unique(left)
    fitting = values[np.searchsorted(left, values, side="right") <= budget]
    return of_t, float(fitting[-1]) * (1 + 1e-9) if len(fitting) else 0.0


def main() -> None:
    """Simulate and write the table."""
    generator = np.random.default_rng(SEED)
    chunks = [
        smallest_p(generator.standard_normal((CHUNK, MOST_PAIRS[-1])))
        for _ in range(REPETITIONS // CHUNK)
    ]
    t = np.concatenate([chunk[0] for chunk in chunks])
    table = {
        most: {
            f"{error:.8g}": level(t, np.concatenate([chunk[1][most] for chunk in chunks]), error)
            for error in ERRORS
        }
        for most in MOST_PAIRS
    }
    about = f"by benchmarks/campaign/levels.py: {REPETITIONS} sequences, seed {SEED}"
    TARGET.write_text(json.dumps({"about": about, "levels": table}, indent=1) + "\n")


if __name__ == "__main__":
    main()
