"""When a run that may end early is looked at, and how sure each look must be.

Looking again and again gives chance as many opportunities (Armitage, McPherson and Rowe 1969,
Journal of the Royal Statistical Society A 132). So each look has a smaller level, the same for all
(Pocock 1977, Biometrika 64), such that the errors of all looks together are those of a single one.
`benchmarks/campaign/absolute.py` shows the errors of all looks together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from harness.runs.model import Manifest


class ErrorLevels(NamedTuple):
    """How often one look at a run may be wrong about a service that is exactly at its limit.

    Attributes:
        fails: Probability that it fails.
        passes: Probability that it passes.
    """

    fails: float
    passes: float


ONCE = ErrorLevels(fails=0.01, passes=0.05)
AGAIN = ErrorLevels(fails=0.0014, passes=0.0086)
FIRST = 10  # seconds of the window: fewer than five batches do not show how they vary
_EVERY = 5  # seconds
_FURTHER = 0.1  # of the time so far, where that is more


def looks(longest: int) -> Iterator[int]:
    """Seconds of the window after which a run is looked at; the last one is `longest`.

    They are even numbers where they can be, so that no batch is cut.
    """
    second = FIRST
    while second < longest:
        yield second
        second += max(_EVERY, int(_FURTHER * second))
    yield longest


def levels_of(manifest: Manifest) -> ErrorLevels:
    """The levels of each look at a run: smaller where it might have ended at any of them."""
    return ONCE if manifest.scenario.get("planned") is None else AGAIN
