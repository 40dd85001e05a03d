"""Searches for the capacities of two versions, whose steps take turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from harness.budgets.model import Plan, Target
from harness.errors import HarnessError, UnjudgedError
from harness.experiments.capacity import (
    CapacityDesign,
    CapacityObserver,
    CapacitySteps,
    OngoingSearch,
    range_after,
)
from harness.experiments.pair import ROLES
from harness.experiments.version import Version, Versions, unprepared_versions
from harness.experiments.versions import prepared_versions
from harness.judge.capacity.compare import SearchPair, more_pairs
from harness.judge.capacity.model import CapacityEnd, CapacitySearch, CapacityStep
from harness.runner.signals import interruptible
from harness.runner.start import LEAD


class StepStart:
    """The start of each step, one after the other, which INT and TERM interrupt.

    Attributes:
        interrupted: Set when the load is to end early.
        begun: Whether a load goes on.
    """

    def __init__(self) -> None:
        self.interrupted = asyncio.Event()
        self.begun = False

    def served(self) -> None:
        """Do nothing."""

    async def begin(self) -> float:
        """Begin `LEAD` seconds from now."""
        self.begun = True
        return time.monotonic() + LEAD


class VersionSteps(Protocol):
    """Makes the steps of the searches with one version."""

    @property
    def expected(self) -> float:
        """Seconds that a step takes, at its planned end."""

    async def run_within(
        self, rate: float, deadline: float, start: StepStart
    ) -> CapacityStep | None:
        """Run and judge a step, as `StepRunner.run`."""


@dataclass(frozen=True, slots=True)
class SearchedVersions:
    """The searches with two versions.

    Attributes:
        pairs: In order; the last one may be incomplete.
        versions: Their labels and the limits of the comparison.
        error: What ended the last pair; None when nothing did.
    """

    pairs: tuple[SearchPair, ...]
    versions: Versions
    error: HarnessError | None

    @property
    def interrupted(self) -> bool:
        """Whether a signal ended the last pair."""
        last = self.pairs[-1]
        return "interrupted" in {last.baseline.end, last.candidate.end}


async def search_versions(
    plan: Plan,
    versions: tuple[Version, Version],
    design: CapacityDesign,
    folder: Path,
    observers: tuple[CapacityObserver, CapacityObserver],
    *,
    tell: Callable[[str], None],
) -> SearchedVersions:
    """Search for the capacities of two versions.

    Args:
        plan: The whole of budgets.yaml.
        versions: Baseline and candidate.
        design: What is searched; `repeat` is the number of pairs.
        folder: Gets a folder for each version, with a run folder for each step.
        observers: Of the baseline and of the candidate.
        tell: Called with a line for a person.

    Raises:
        UsageError: The versions cannot be prepared.
        UnjudgedError: One of them cannot be set up.
        KeyboardInterrupt: INT or TERM came before the first step.
    """
    target = plan.target or Target(url="")
    for role in ROLES:
        (folder / role).mkdir()
    async with prepared_versions(target, *versions, folder, tell=tell) as both:
        for notice in both.notices:
            tell(f"note: {notice}")
        sides = [
            CapacitySteps(
                replace(plan, target=side.target),
                replace(design, url=side.url),
                folder / side.name,
                observer,
            )
            for side, observer in zip((both.baseline, both.candidate), observers, strict=True)
        ]
        pairs, error = await search_pairs(sides, design)
    return SearchedVersions(pairs, both, error)


def not_searched(
    plan: Plan, versions: tuple[Version, Version], error: HarnessError
) -> SearchedVersions:
    """The result where an error came before the first step."""
    search = CapacitySearch((), "error", error.message)
    both = unprepared_versions(plan.target or Target(url=""), *versions)
    return SearchedVersions((SearchPair(search, search),), both, error)


async def search_pairs(
    sides: Sequence[VersionSteps], design: CapacityDesign
) -> tuple[tuple[SearchPair, ...], UnjudgedError | None]:
    """Pairs of searches, as many as the design says, and one more if they contradict each other.

    Args:
        sides: Make the steps of the baseline and of the candidate.
        design: What is searched.

    Returns:
        The pairs, the last of which may be incomplete, and the error that ended it.
    """
    limits = [design.range for _ in sides]
    pairs: list[SearchPair] = []
    ongoing: list[OngoingSearch] = []
    start, error = StepStart(), None
    end: CapacityEnd | None = None
    try:
        async with interruptible(lambda: start.begun) as start.interrupted:
            while more_pairs(pairs, design.repeat):
                ongoing = [OngoingSearch(one, design.seconds) for one in limits]
                await _search_pair(sides, ongoing, start)
                pairs.append(SearchPair(*(search.ended() for search in ongoing)))
                limits = [range_after(search.ended(), search.limits) for search in ongoing]
    except KeyboardInterrupt:
        end = "interrupted"
    except UnjudgedError as problem:
        end, error = ("interrupted", None) if start.interrupted.is_set() else ("error", problem)
    if end is not None and any(search.end is None for search in ongoing):
        reason = error.message if error else ""
        pairs.append(SearchPair(*(search.ended(end, reason) for search in ongoing)))
    return tuple(pairs), error


async def _search_pair(
    sides: Sequence[VersionSteps], ongoing: Sequence[OngoingSearch], start: StepStart
) -> None:
    """A search with each version; the version that is first changes from step to step.

    Raises:
        KeyboardInterrupt: A signal ended the load of a step.
        UnjudgedError: A version could not be started, or has not recovered.
    """
    order = [0, 1]
    while any(search.end is None for search in ongoing):
        for which in order:
            if ongoing[which].end is None:
                await _step(sides[which], ongoing[which], start)
        order.reverse()


async def _step(side: VersionSteps, search: OngoingSearch, start: StepStart) -> None:
    """The next step of a search, or its end."""
    rate = search.next(side.expected)
    if isinstance(rate, str):
        search.end = rate
        return
    begun = time.monotonic()
    try:
        step = await side.run_within(rate, begun + search.left, start)
    except UnjudgedError:
        if not search.steps or start.interrupted.is_set():
            raise
        step = await side.run_within(rate, begun + search.left, start)  # it started before
    finally:
        start.begun = False
    if step is None or start.interrupted.is_set():
        raise KeyboardInterrupt
    search.add(step, time.monotonic() - begun)
