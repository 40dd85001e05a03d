"""One pair: both versions freshly started and loaded, each into a run folder of its own."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from harness import names
from harness.budgets.model import Budget, OpenWorkload, Plan, Scenario
from harness.errors import TargetError
from harness.experiments.version import Versions
from harness.judge.compare.model import Pair, SideMeasurements
from harness.judge.guards.all import guards
from harness.judge.measure.measure import measure_budgets
from harness.load.fleet import logs
from harness.load.interleaving import Interleaving, in_turn, random_order
from harness.runner.run import LEAD, gather
from harness.runs.folder import RunFolder, create_folder, read_evidence, read_manifest
from harness.runs.model import Progress

ROLES: Final = ("baseline", "candidate")


@dataclass(frozen=True, slots=True)
class Load:
    """What each pair asks of both versions.

    Attributes:
        scenario: With one load, open and at a constant rate.
        slices: Turns of each version.
        seed: Of the comparison; each pair has its own that follows from it.
        simultaneous: Whether both are loaded in the same slices, and not in turn.
    """

    scenario: Scenario
    slices: int
    seed: int
    simultaneous: bool = False

    def turns(self, number: int) -> Interleaving:
        """The turns of a pair, by its number from 1."""
        coin = self.draw(number, "turns")
        return random_order(self.scenario.warm_up, self.slices, coin, together=self.simultaneous)

    def draw(self, number: int, what: str) -> int:
        """A number below 2 ** 31 that the seed, the pair and the purpose yield."""
        # A string is hashed: neighbouring seeds and pairs have nothing in common.
        return random.Random(f"{self.seed}/{number}/{what}").getrandbits(31)  # noqa: S311

    def of(self, number: int, which: int) -> Scenario:
        """What a pair asks of one version, as a scenario as long as that of the other.

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


class Meeting:
    """Where two runs wait for each other, so that their loads begin at one moment.

    Attributes:
        interrupted: Set when both loads are to end early.
        up: Set once a service answers.
        t0: That moment, of `time.monotonic`; None before both are ready.
    """

    def __init__(self, interrupted: asyncio.Event) -> None:
        self.interrupted = interrupted
        self.up = asyncio.Event()
        self.t0: float | None = None
        self._ready = 0
        self._both = asyncio.Event()

    def served(self) -> None:
        """One of the services answers."""
        self.up.set()

    async def begin(self) -> float:
        """Wait for the other run."""
        self._ready += 1
        if self._ready == len(ROLES):
            self.t0 = time.monotonic() + LEAD
            self._both.set()
        await self._both.wait()
        assert self.t0 is not None
        return self.t0


async def load_pair(
    plan: Plan, versions: Versions, load: Load, folder: Path, *, number: int, meeting: Meeting
) -> None:
    """Start both versions, the first by a coin's toss, and load them.

    Args:
        plan: The whole of budgets.yaml.
        versions: Both, ready to be served.
        load: What is asked of them.
        folder: Gets a run folder for each version.
        number: Of the pair, from 1.
        meeting: A new one.

    Raises:
        TargetError: One of them could not be made ready; says which and why.
        ScenarioError: The locustfile cannot be run.
    """
    sides = [versions.baseline, versions.candidate]
    runs = [_new_folder(folder / side.name, plan, load.scenario) for side in sides]

    async def run(which: int, before: asyncio.Event | None) -> None:
        if before is not None:
            await before.wait()
        side, its = sides[which], replace(plan, target=sides[which].target)
        scenario = load.of(number, which)
        # A scrape takes time that requests wait for: none within the turns of its own side.
        await gather(
            *(its, scenario, runs[which]),
            url=side.url,
            show=_do_not_show,
            start=meeting,
            scrapes=load.turns(number).ends(which),
        )
        if meeting.t0 is None:
            reason = read_manifest(runs[which]).reason
            raise TargetError(f"the {side.name}, {side.label}, could not be loaded: {reason}")

    first = load.draw(number, "start") % len(sides)
    try:
        async with asyncio.TaskGroup() as group:
            # One after the other: the second could be given the free port that the first still
            # has to take, and would seem ready because the first one answers there.
            group.create_task(run(first, None))
            group.create_task(run(1 - first, meeting.up))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


def read_pair(budgets: tuple[Budget, ...], load: Load, number: int, folder: Path) -> Pair:
    """What a pair showed of the budgets that are compared."""
    baseline, candidate = (shown(budgets, RunFolder(folder / role)) for role in ROLES)
    return Pair(baseline, candidate, load.turns(number).loaded)


def shown(budgets: tuple[Budget, ...], folder: RunFolder) -> SideMeasurements:
    """What a run folder shows of the budgets."""
    evidence = read_evidence(folder)
    measured = measure_budgets(budgets, evidence)
    return SideMeasurements(
        {one.name: one.measurement for one in measured}, guards(evidence, measured)
    )


def _new_folder(path: Path, plan: Plan, scenario: Scenario) -> RunFolder:
    files = logs(scenario).values()
    folder = create_folder(path, scenario.name, datetime.now(UTC), logs=files, reports=())
    folder.write(names.BUDGETS_FILE, plan.text)
    return folder


def _do_not_show(_: Progress) -> None:
    return
