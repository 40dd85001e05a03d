"""The schedules of two services that are loaded in turn or together: pure functions of a seed.

After a common warm-up, pairs of turns follow. A random draw decides which service has the first
turn of a pair, so slow changes (the clock of a CPU, other virtual machines) favour neither. Each
service has the rate of the scenario in its own turns and none in the turns of the other service.
Arrivals are images of unit-rate arrivals (see `arrivals`), which do not advance while the rate is
zero. So with the same seed both services get the same arrivals in their first turn, in their second
turn, and so on.

Together, both services share each turn. A short slowdown of the machine then affects both and
cancels out; but the services also slow each other, which hides a part of the difference.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from harness.budgets.workload import OpenWorkload, Stage

GAP = 0.25  # s between the last arrival of a turn and the first of the next turn
TURN = 1.0  # s


@dataclass(frozen=True, slots=True)
class Interleaving:
    """The order and the lengths of the turns of two services, numbered 0 and 1.

    Attributes:
        warm_up: Length of the common warm-up, seconds.
        first: The service that has the first turn, for each pair of turns.
        length: Length of a turn, seconds.
        gap: Pause between turns, seconds, in which the last responses arrive.
        together: Whether each pair of turns is one common turn of both services.
    """

    warm_up: float
    first: tuple[int, ...]
    length: float = TURN
    gap: float = GAP
    together: bool = False

    @property
    def lead(self) -> float:
        """Seconds from the start of the load to the window, which contains all turns."""
        return self.warm_up + self.gap

    @property
    def window(self) -> float:
        """Seconds from half a gap before the first turn to half a gap after the last."""
        return len(self._sides) * (self.length + self.gap)

    @property
    def loaded(self) -> float:
        """Seconds in which at least one service has load."""
        return self.warm_up + len(self._sides) * self.length

    def ends(self, side: int) -> list[float]:
        """Ends of the turns of one service, seconds from the start of the warm-up.

        They lie half a gap after the last arrival: most responses have arrived by then, and the
        next turn has not begun.
        """
        begin, each = self.warm_up + self.gap, self.length + self.gap
        return [
            begin + each * number + self.gap / 2 + self.length
            for number, active in enumerate(self.loads(side))
            if active
        ]

    def loads(self, side: int) -> list[bool]:
        """Whether the service has load, for each turn."""
        return [side in sides for sides in self._sides]

    @property
    def _sides(self) -> list[tuple[int, ...]]:
        if self.together:
            return [(0, 1)] * len(self.first)
        return [(side,) for first in self.first for side in (first, 1 - first)]


def random_order(warm_up: float, count: int, seed: int, *, together: bool = False) -> Interleaving:
    """Turns in random order, `count` for each service."""
    generator = random.Random(seed)  # noqa: S311 - a repeatable order, not a secret
    return Interleaving(
        warm_up, tuple(generator.randrange(2) for _ in range(count)), together=together
    )


def in_turn(
    workload: OpenWorkload, interleaving: Interleaving, side: int, seed: int
) -> OpenWorkload:
    """The schedule of one of the two services.

    Args:
        workload: A workload of one stage, whose rate holds for both services.
        interleaving: The turns of both services.
        side: The service: 0 or 1.
        seed: Seed of the arrivals, the same for both services.
    """
    rate, pause = workload.stages[0].rate, Stage(0.0, interleaving.gap / 2)
    stages = [Stage(rate, interleaving.warm_up)] if interleaving.warm_up else []
    stages.append(Stage(0.0, interleaving.gap))
    for active in interleaving.loads(side):
        stages += [pause, Stage(rate if active else 0.0, interleaving.length), pause]
    return replace(workload, stages=tuple(stages), seed=seed)
