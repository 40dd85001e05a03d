"""What a latency.hlog holds in all, for tests that count requests."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from harness.runs.latency import read_lines
from harness.runs.model import LatencyKey


def read_counts(path: Path) -> dict[LatencyKey, int]:
    """How many times of each kind the whole run recorded, start-up and warm-up included."""
    counts: Counter[LatencyKey] = Counter()
    for line in read_lines(path):
        counts[line.key] += sum(line.counts.values())
    return dict(counts)
