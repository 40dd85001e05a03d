"""How many times of each batch are over a bound, for many bounds and for all batches at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.runs.model import Distribution
from harness.runs.records.intervals import rows_of

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class Tails:
    """The times of some batches, each batch sorted.

    A time is stored as its rank among all times. So one ascending array of integers holds all
    batches, and one search in it finds the times over a bound in each of them.

    Args:
        batches: The times of each batch.

    Attributes:
        highest: The longest time of each batch; minus infinity for a batch without any.
    """

    def __init__(self, batches: Sequence[Distribution]) -> None:
        rows = rows_of(batches)
        self._distinct, ranks = np.unique(rows.values, return_inverse=True)
        self._first_rank = np.arange(len(batches), dtype=np.int64) * (len(self._distinct) + 1)
        self._ranks = np.repeat(self._first_rank, rows.sizes) + ranks
        self._ends = rows.ends
        self._counts = np.concatenate(([0], np.cumsum(rows.weights)))
        self.highest: Floats = np.full(len(batches), -np.inf)
        filled = np.flatnonzero(rows.sizes)
        self.highest[filled] = rows.values[rows.ends[filled] - 1]

    def over(self, bounds: Floats, which: Integers | slice = slice(None)) -> int:
        """How many times of all batches together are over the bounds.

        Args:
            bounds: One for each batch.
            which: The batches that the bounds are of, by their place.
        """
        ranks = np.searchsorted(self._distinct, bounds, side="right")
        begins = np.searchsorted(self._ranks, self._first_rank[which] + ranks)
        return int((self._counts[self._ends[which]] - self._counts[begins]).sum())
