"""A calibration: pairs of a version with itself, then runs of it, all from fresh starts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from harness import names
from harness.budgets.model import Plan, Target
from harness.errors import UnjudgedError
from harness.experiments.compare import begun, with_workers
from harness.experiments.pair import Load, Meeting, load_pair, read_pair, shown
from harness.experiments.version import Version, Versions
from harness.experiments.versions import versions
from harness.judge.compare.model import Pair, SideMeasurements
from harness.load.fleet import logs
from harness.runner.run import gather
from harness.runner.signals import interruptible
from harness.runs.folder import RunFolder, create_folder, read_manifest
from harness.runs.model import Progress


@dataclass(slots=True)
class Measured:
    """How far a calibration came.

    Attributes:
        pairs: Of the version with itself.
        runs: What each run showed.
        interrupted: By a signal; the pair or run that was under way does not count.
        error: Why no further one could be measured.
    """

    pairs: list[Pair] = field(default_factory=list)
    runs: list[SideMeasurements] = field(default_factory=list)
    interrupted: bool = False
    error: UnjudgedError | None = None


async def measure_noise(
    plan: Plan,
    load: Load,
    repetitions: tuple[int, int],
    folder: Path,
    *,
    tell: Callable[[str], None],
    show: Callable[[Progress], None],
) -> Measured:
    """Measure pairs and runs of the working tree.

    Args:
        plan: The whole of budgets.yaml.
        load: What each pair asks; each run is one of its scenario.
        repetitions: How many pairs, and how many runs.
        folder: Gets a folder for each.
        tell: Called with a line for a person.
        show: Called about once a second of a run.

    Returns:
        What was measured, also when it could not be finished.

    Raises:
        UsageError: The target cannot be started twice at once.
    """
    found = Measured()
    pairs, runs = repetitions
    target = plan.target or Target(url="")
    async with versions(target, Version(), Version(), folder, tell=tell) as both:
        try:
            async for pair in _pairs(plan, both, load, pairs, folder):
                found.pairs.append(pair)
                tell(f"pair {len(found.pairs)} of {pairs}")
            while len(found.pairs) == pairs and len(found.runs) < runs:
                place = folder / f"run-{len(found.runs) + 1:02d}"
                run = await _run(plan, both, load, place, show)
                if run is None:
                    break
                found.runs.append(run)
                tell(f"run {len(found.runs)} of {runs}")
        except KeyboardInterrupt:
            found.interrupted = True
        except UnjudgedError as error:
            found.error = error
    done = (len(found.pairs), len(found.runs)) == repetitions
    found.interrupted = found.interrupted or not (done or found.error)
    return found


async def _pairs(
    plan: Plan, both: Versions, load: Load, most: int, folder: Path
) -> AsyncIterator[Pair]:
    """Each pair, until there are enough or a signal comes."""
    budgets = plan.budgets_of(load.scenario.name)
    load = replace(load, scenario=with_workers(load.scenario, ours=True))
    meetings: list[Meeting] = []
    async with interruptible(lambda: begun(meetings)) as signal:
        for number in range(1, most + 1):
            meetings.append(Meeting(signal))
            place = folder / f"pair-{number:02d}"
            await load_pair(plan, both, load, place, number=number, meeting=meetings[-1])
            if signal.is_set():
                return
            yield read_pair(budgets, load, number, place)


async def _run(
    plan: Plan, both: Versions, load: Load, place: Path, show: Callable[[Progress], None]
) -> SideMeasurements | None:
    """What one run of the scenario shows; None when a signal came meanwhile.

    Raises:
        UnjudgedError: The service or the generator could not be started.
    """
    scenario = load.scenario
    name = logs(scenario).values()
    folder: RunFolder = create_folder(
        place, scenario.name, datetime.now(UTC), logs=name, reports=()
    )
    folder.write(names.BUDGETS_FILE, plan.text)
    its = replace(plan, target=both.baseline.target)
    await gather(its, scenario, folder, url=None, show=show)
    manifest = read_manifest(folder)
    if manifest.status == "interrupted":
        return None
    if manifest.clock.started is None:
        raise UnjudgedError(f"a run could not be loaded: {manifest.reason}")
    return shown(plan.budgets_of(scenario.name), folder)
