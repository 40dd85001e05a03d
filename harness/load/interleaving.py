"""How two services are loaded in turn, or together: their schedules, pure functions of a seed.

After a warm-up of both at once comes a pair of turns after the other. Who is first in a pair is a
coin's toss, so that what changes slowly (the clock of a CPU, a neighbour) favours neither. Each
has the rate of the scenario in its own turns and none in the other's. Arrivals are images of
unit-rate arrivals (see `arrivals`), which do not move on while the rate is zero, so with the same
seed both services get the same arrivals in their first turn, in their second, and so on.

Together, each turn is one of both. What slows the machine for a moment slows both, and cancels;
but they also slow each other, which hides a part of the difference between them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from harness.budgets.model import OpenWorkload, Stage

GAP = 0.25  # s between the end of one turn's arrivals and the begin of the next one's
TURN = 1.0  # s


@dataclass(frozen=True, slots=True)
class Interleaving:
    """When whom.

    Attributes:
        warm_up: Seconds for which both are loaded.
        first: For each pair of turns, which of the two services begins: 0 or 1.
        length: Of a turn, seconds.
        gap: Between turns, seconds: the answers to one turn come in before the next.
        together: Whether the two turns of a pair are one, of both services.
    """

    warm_up: float
    first: tuple[int, ...]
    length: float = TURN
    gap: float = GAP
    together: bool = False

    @property
    def lead(self) -> float:
        """Seconds before the window, in which the turns are."""
        return self.warm_up + self.gap

    @property
    def window(self) -> float:
        """Seconds from half a gap before the first turn to half a gap after the last."""
        return len(self._whose) * (self.length + self.gap)

    @property
    def loaded(self) -> float:
        """Seconds in which there is load."""
        return self.warm_up + len(self._whose) * self.length

    def ends(self, which: int) -> list[float]:
        """When the turns of one of the two services end, seconds after the warm-up's begin.

        Its answers are about to be all there then, and the next turn has not begun.
        """
        begin, each = self.warm_up + self.gap, self.length + self.gap
        return [
            begin + each * number + self.gap / 2 + self.length
            for number, mine in enumerate(self.loads(which))
            if mine
        ]

    def loads(self, which: int) -> list[bool]:
        """For each turn, whether it is one of the service's."""
        return [which in sides for sides in self._whose]

    @property
    def _whose(self) -> list[tuple[int, ...]]:
        if self.together:
            return [(0, 1)] * len(self.first)
        return [(side,) for first in self.first for side in (first, 1 - first)]


def random_order(warm_up: float, count: int, seed: int, *, together: bool = False) -> Interleaving:
    """Turns whose order is tossed: `count` for each service."""
    coin = random.Random(seed)  # noqa: S311 - a repeatable order, not a secret
    return Interleaving(warm_up, tuple(coin.randrange(2) for _ in range(count)), together=together)


def in_turn(workload: OpenWorkload, turns: Interleaving, which: int, seed: int) -> OpenWorkload:
    """The schedule of one of the two services.

    Args:
        workload: Of one stage, whose rate is asked of both.
        turns: The same for both.
        which: 0 or 1.
        seed: Of the arrivals, the same for both.
    """
    rate = workload.stages[0].rate
    stages = [Stage(rate, turns.warm_up)] if turns.warm_up else []
    stages.append(Stage(0.0, turns.gap))
    for mine in turns.loads(which):
        stages += [Stage(0.0, turns.gap / 2), Stage(rate if mine else 0.0, turns.length)]
        stages.append(Stage(0.0, turns.gap / 2))
    return replace(workload, stages=tuple(stages), seed=seed)
