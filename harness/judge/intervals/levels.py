"""When a run is looked at that may end at several moments, and how sure each look must be.

Looking again and again gives chance as many opportunities (Armitage, McPherson and Rowe 1969,
Journal of the Royal Statistical Society A 132). So each look has a smaller level, such that the
errors of all looks together are those of a single one. A run that may end early has the same level
at each look (Pocock 1977, Biometrika 64). A run that only goes on while a budget is undecided has
half of the error at its planned end, where most runs are decided.
`benchmarks/campaign/absolute.py` shows the errors of all looks together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from harness.runs.model import Manifest, batch_seconds


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
# Of a run that goes on: half of the error at its planned end, the rest at the four looks after it.
# For a longest duration of at most three times the planned one the levels of these four are those
# of a Brownian motion (2 million paths); for a longer one a quarter of the rest (Bonferroni).
PLANNED_END = ErrorLevels(fails=0.005, passes=0.025)
GONE_ON = ErrorLevels(fails=0.0026, passes=0.0165)
GONE_FAR = ErrorLevels(fails=0.00125, passes=0.00625)
FIRST = 10  # seconds of the window: fewer than five batches do not show how they vary
_EVERY = 5  # seconds
_FURTHER = 0.1  # of the time so far, where that is more
_LATER = 4  # looks after the planned end, the last one included
_FAR = 3.0  # times the planned duration


def looks(longest: int) -> Iterator[int]:
    """Seconds of the window after which a run that may end early is looked at.

    They are even numbers where they can be, so that no batch is cut; the last one is `longest`.
    """
    second = FIRST
    while second < longest:
        yield second
        second += max(_EVERY, int(_FURTHER * second))
    yield longest


def later_looks(planned: float, longest: float) -> list[int]:
    """Seconds of the window after which a run that may go on is looked at, ascending.

    The first one is the planned end. Each window is longer than the one before by the same factor,
    and where it can be ends with a batch. The last window, `longest`, is judged after the load.
    """
    end, batch = math.ceil(planned), batch_seconds(planned)
    factor = (longest / planned) ** (1 / _LATER)
    further = (batch * round(planned * factor**n / batch) for n in range(1, _LATER))
    return [second for second in sorted({end, *further}) if end <= second < longest]


def levels_of(manifest: Manifest) -> ErrorLevels:
    """The levels of the last look at a run: smaller where it might have ended at another one."""
    scenario, clock = manifest.scenario, manifest.clock
    planned = scenario.get("planned")
    if planned is None:
        return ONCE
    if scenario.get("early", True):
        return AGAIN
    seconds = (clock.window_end or 0.0) - (clock.window_start or 0.0)
    if seconds < math.ceil(planned) + 0.5:
        return PLANNED_END
    return gone_on(planned, scenario["duration"])


def gone_on(planned: float, longest: float) -> ErrorLevels:
    """The levels of a look after the planned end, for a run of at most `longest` seconds."""
    return GONE_ON if longest <= _FAR * planned else GONE_FAR
