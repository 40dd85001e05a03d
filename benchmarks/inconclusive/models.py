"""Latencies of services as a simulation draws them: logarithms, runs x requests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.campaign.absolute import Latencies


@dataclass(frozen=True, slots=True)
class Exponential:
    """Independent answers with an exponential tail."""

    def __call__(
        self, generator: np.random.Generator, runs: int, seconds: int, rate: int
    ) -> Latencies:
        """Logarithms of latencies."""
        return np.log(generator.exponential(0.01, (runs, rate * seconds)))


@dataclass(frozen=True, slots=True)
class Pausing:
    """Independent lognormal answers of a service that now and then pauses, as for its garbage.

    A request that comes in a pause waits until its end.

    Attributes:
        every: Mean seconds between pauses.
        length: Mean seconds of a pause.
    """

    every: float
    length: float

    def __call__(
        self, generator: np.random.Generator, runs: int, seconds: int, rate: int
    ) -> Latencies:
        """Logarithms of latencies."""
        times = np.exp(generator.normal(np.log(0.01), 0.5, (runs, rate * seconds)))
        moments = np.arange(rate * seconds) / rate
        for run in times:
            count = int(generator.poisson(seconds / self.every))
            begins = generator.uniform(0, seconds, count)
            lengths = generator.exponential(self.length, count)
            for begin, length in zip(begins, lengths, strict=True):
                first, last = np.searchsorted(moments, (begin, begin + length))
                run[first:last] += begin + length - moments[first:last]
        return np.asarray(np.log(times))
