"""Shared by all benchmarks: alternating repetitions, medians with their spread, tables."""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def in_turn(variants: Mapping[str, Callable[[], T]], repetitions: int) -> dict[str, list[T]]:
    """Run the variants A B A B..., so that other work on the machine affects all alike.

    Every other round runs backwards, so a steady slow-down of the machine favours no variant.
    """
    results: dict[str, list[T]] = {name: [] for name in variants}
    for repetition in range(repetitions):
        for name in list(variants)[:: -1 if repetition % 2 else 1]:
            results[name].append(variants[name]())
    return results


def spread(values: Sequence[float], digits: int = 1) -> str:
    """A median, and within brackets the quartiles."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.{digits}f} [{low:.{digits}f} .. {high:.{digits}f}]"


def median_bounds(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Bounds of the median that hold for any distribution: order statistics (the sign test).

    The k-th smallest and the k-th largest value enclose the median unless fewer than k values lie
    on one side of it, which is a binomial probability.
    """
    n, ordered = len(values), sorted(values)
    k, outside = 0, 0.0
    while k < n // 2:
        outside += 2 * math.comb(n, k) / 2**n
        if outside > 1 - confidence:
            break
        k += 1
    return (-math.inf, math.inf) if k == 0 else (ordered[k - 1], ordered[n - k])


def change(base: Sequence[float], other: Sequence[float]) -> str:
    """The relative difference, from the ratios of neighbouring runs: median and its bounds."""
    ratios = [100 * (b / a - 1) for a, b in zip(base, other, strict=True)]
    low, high = median_bounds(ratios)
    return f"{statistics.median(ratios):+.1f}% [{low:+.1f} .. {high:+.1f}]"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first column to the left and the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """Describe the machine and its load average."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, load average {load}"


def environment() -> dict[str, str]:
    """This process's variables, but with byte code as usual, and without Locust's options."""
    return {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE" and not name.startswith("LOCUST_")
    }
