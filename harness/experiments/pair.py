"""One pair: both versions freshly started and loaded, each stored in a run folder of its own."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, get_args

from harness.budgets.model import Budget, Plan, Scenario
from harness.budgets.presets import in_run
from harness.budgets.workload import OpenWorkload
from harness.errors import TargetError, UnjudgedError
from harness.experiments.version import Role, Versions
from harness.judge.compare.model import Pair, SideMeasurements
from harness.judge.compare.served import served_share
from harness.judge.describe import describe
from harness.judge.guards.all import guards
from harness.judge.measure.measure import measure_budgets
from harness.load.interleaving import Interleaving, in_turn, random_order
from harness.runner.folder import new_run_folder
from harness.runner.options import RunOptions
from harness.runner.run import gather
from harness.runner.signals import interruptible
from harness.runner.start import LEAD
from harness.runs.folder import RunFolder, read_evidence, read_manifest

ROLES: Final[tuple[Role, ...]] = get_args(Role)


@dataclass(frozen=True, slots=True)
class PairDesign:
    """The load that every pair puts on both versions, and its random order.

    Attributes:
        scenario: With one load, open and at a constant rate.
        slices: Slices of load for each version.
        seed: Of the comparison; the seeds of its pairs follow from it.
        simultaneous: Whether both versions are loaded in the same slices, instead of in turn.
    """

    scenario: Scenario
    slices: int
    seed: int
    simultaneous: bool = False

    def turns(self, number: int) -> Interleaving:
        """The turns of a pair, by its number from 1."""
        seed = self.draw(number, "turns")
        return random_order(self.scenario.warm_up, self.slices, seed, together=self.simultaneous)

    def draw(self, number: int, purpose: str) -> int:
        """A number below 2 ** 31 that follows from the seed, the pair and the purpose."""
        # A hash of the text: neighbouring seeds and pairs have nothing in common.
        return random.Random(f"{self.seed}/{number}/{purpose}").getrandbits(31)  # noqa: S311

    def scenario_of(self, number: int, which: int) -> Scenario:
        """The scenario of one version in a pair; those of both versions last equally long.

        Args:
            number: Of the pair.
            which: The version, as an index of `ROLES`.
        """
        turns, only = self.turns(number), self.scenario.loads[0]
        assert isinstance(only.workload, OpenWorkload)
        workload = in_turn(only.workload, turns, which, self.draw(number, "arrivals"))
        loads = (replace(only, workload=workload),)
        warm_up, duration = turns.lead, turns.window
        return replace(self.scenario, loads=loads, warm_up=warm_up, duration=duration, planned=None)


class PairStart:
    """The common start of the two runs of a pair; used by one pair after the other.

    Attributes:
        interrupted: Set when both loads are to end early.
        up: Set once one of the services answers.
        t0: First moment of both loads, of `time.monotonic`; None before both runs are ready.
    """

    def __init__(self) -> None:
        self.interrupted = asyncio.Event()
        self.up = asyncio.Event()
        self.t0: float | None = None
        self._last_ready = 0.0
        self._both_ready = asyncio.Barrier(len(ROLES))

    def reset(self) -> None:
        """Prepare for the next pair."""
        self.up.clear()
        self.t0 = None

    def served(self) -> None:
        """Note that one of the services answers."""
        self.up.set()

    async def begin(self) -> float:
        """Wait until both runs are ready, and return the first moment of their loads.

        A run that fails before it is ready has to cancel the other one, which waits here.
        """
        self._last_ready = time.monotonic()
        await self._both_ready.wait()
        self.t0 = self._last_ready + LEAD
        return self.t0


@asynccontextmanager
async def pair_start() -> AsyncIterator[PairStart]:
    """A start for one pair after the other, whose loads INT and TERM interrupt.

    Raises:
        KeyboardInterrupt: INT or TERM came while no load went on, or a second time.
    """
    start = PairStart()
    async with interruptible(lambda: start.t0 is not None) as start.interrupted:
        yield start


async def load_pair(
    plan: Plan,
    versions: Versions,
    design: PairDesign,
    folder: Path,
    *,
    number: int,
    start: PairStart,
) -> None:
    """Start both versions, in random order, and load them.

    Args:
        plan: The whole of budgets.yaml.
        versions: Both, ready to be started.
        design: The load.
        folder: Gets a run folder for each version.
        number: Of the pair, from 1.
        start: The common start of both runs.

    Raises:
        TargetError: A version could not be loaded; says which one and why.
        ScenarioError: The locustfile cannot be run.
    """
    start.reset()
    sides = [versions.baseline, versions.candidate]
    folders = [new_run_folder(folder / side.name, plan, design.scenario) for side in sides]

    async def run(which: int, before: asyncio.Event | None) -> None:
        if before is not None:
            await before.wait()
        side = sides[which]
        # A scrape takes time that requests wait for: none within the turns of its own version.
        scrapes = design.turns(number).ends(which)
        await gather(
            replace(plan, target=side.target),
            design.scenario_of(number, which),
            folders[which],
            RunOptions(url=side.url, start=start, scrapes=scrapes),
        )
        if start.t0 is None:
            reason = read_manifest(folders[which]).reason
            raise TargetError(f"the {side.name}, {side.label}, could not be loaded: {reason}")

    first = design.draw(number, "start") % len(sides)
    try:
        async with asyncio.TaskGroup() as group:
            # One after the other: the second could be given the free port that the first still
            # has to take, and would seem ready because the first one answers there.
            group.create_task(run(first, None))
            group.create_task(run(1 - first, start.up))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


def in_both(budgets: tuple[Budget, ...], folder: Path) -> tuple[Budget, ...]:
    """Budgets that read the metrics of both versions of a pair.

    Args:
        budgets: Of the plan.
        folder: Of the pair.

    Raises:
        UnjudgedError: The versions have different metrics for a preset.
    """
    baseline, candidate = (
        in_run(budgets, read_manifest(RunFolder(folder / role)).roles) for role in ROLES
    )
    for one, other in zip(baseline, candidate, strict=True):
        if one.indicator != other.indicator:
            raise UnjudgedError(
                f"{one.name}: the baseline measures {describe(one.indicator)}, the candidate "
                f"{describe(other.indicator)}, which are different metrics",
                "compare versions that expose the same metric, or name one metric of both under "
                "`indicators:` instead of the preset",
            )
    return candidate


def read_pair(budgets: tuple[Budget, ...], design: PairDesign, number: int, folder: Path) -> Pair:
    """Measure the budgets in both run folders of a pair."""
    baseline, candidate = (measure_side(budgets, RunFolder(folder / role)) for role in ROLES)
    return Pair(baseline, candidate, design.turns(number).loaded)


def measure_side(budgets: tuple[Budget, ...], folder: RunFolder) -> SideMeasurements:
    """Measure the budgets in a run folder."""
    evidence = read_evidence(folder)
    measured = measure_budgets(budgets, evidence)
    return SideMeasurements(
        {one.name: one.measurement for one in measured},
        guards(evidence, measured),
        served_share(evidence),
    )
