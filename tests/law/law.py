"""The law: a run that is not green never becomes green when a part of its evidence is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from harness.judge.judge import judge
from tests.law.cases import cases
from tests.law.damage import EVERY

GREEN = {"pass", "warn"}


class Violation(NamedTuple):
    """A damaged run that broke the law.

    Attributes:
        case: What was wrong with the run before.
        damages: What was done to it.
        what: What became of it.
    """

    case: str
    damages: tuple[str, ...]
    what: str = "became green"


def violations(count: int, seed: int) -> Iterator[Violation]:
    """The cases that became green, with the damages that were done to each.

    Args:
        count: How many cases are made.
        seed: Makes the same cases again.
    """
    chance = Random(seed)
    every = list(cases())
    for _ in range(count):
        case = chance.choice(every)
        damages = chance.sample(EVERY, chance.choice([1, 1, 1, 2, 3]))
        run = case.run
        for damage in damages:
            if run.series and run.batches:
                run = damage(chance, run)
        if judge((case.budget,), run).outcome in GREEN:
            yield Violation(case.name, tuple(damage.__name__ for damage in damages))
