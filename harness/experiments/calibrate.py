"""A calibration: pairs of a version with itself, then runs of it, all from fresh starts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.budgets.model import Budget, Plan, Scenario, Target
from harness.budgets.presets import in_run
from harness.errors import UnjudgedError
from harness.experiments.compare import pair_name, with_workers
from harness.experiments.pair import (
    PairDesign,
    in_both,
    load_pair,
    measure_side,
    pair_start,
    read_pair,
)
from harness.experiments.version import Version, Versions
from harness.experiments.versions import prepared_versions
from harness.judge.compare.model import Pair, SideMeasurements
from harness.runner.folder import new_run_folder
from harness.runner.options import RunOptions
from harness.runner.run import gather, was_interrupted
from harness.runs.folder import RunFolder, read_manifest
from harness.runs.model import Progress


@dataclass(slots=True)
class NoiseRuns:
    """The measurements of a calibration up to its end, or up to what ended it early.

    Attributes:
        budgets: Of the scenario; presets read the metrics of the service, once it was measured.
        pairs: Of the version with itself.
        runs: Of the version alone.
        interrupted: By a signal; the pair or run that was being measured does not count.
        error: Why no further pair or run could be measured.
    """

    budgets: tuple[Budget, ...]
    pairs: list[Pair] = field(default_factory=list)
    runs: list[SideMeasurements] = field(default_factory=list)
    interrupted: bool = False
    error: UnjudgedError | None = None


async def measure_noise(
    plan: Plan,
    design: PairDesign,
    repetitions: tuple[int, int],
    folder: Path,
    *,
    tell: Callable[[str], None],
    show: Callable[[Progress], None],
) -> NoiseRuns:
    """Measure pairs and runs of the working tree.

    Args:
        plan: The whole of budgets.yaml.
        design: The load of each pair; each run is one of its scenario.
        repetitions: Number of pairs and number of runs.
        folder: Gets a folder for each pair and each run.
        tell: Called with a line for a person.
        show: Called with the progress about once a second of a run.

    Returns:
        The measurements, also when the calibration could not be finished.

    Raises:
        UsageError: The target cannot be started twice at once.
    """
    found = NoiseRuns(plan.budgets_of(design.scenario.name))
    pairs, runs = repetitions
    target = plan.target or Target(url="")
    async with prepared_versions(target, Version(), Version(), folder, tell=tell) as both:
        try:
            async for pair in _pairs(plan, both, design, pairs, folder):
                found.pairs.append(pair)
                found.budgets = in_both(found.budgets, folder / pair_name(len(found.pairs)))
                tell(f"pair {len(found.pairs)} of {pairs}")
            while len(found.pairs) == pairs and len(found.runs) < runs:
                place = folder / f"run-{len(found.runs) + 1:02d}"
                run = await _run(plan, both, design.scenario, place, show)
                if run is None:
                    break
                found.runs.append(run)
                found.budgets = in_run(found.budgets, read_manifest(RunFolder(place)).roles)
                tell(f"run {len(found.runs)} of {runs}")
        except KeyboardInterrupt:
            found.interrupted = True
        except UnjudgedError as error:
            found.error = error
    done = (len(found.pairs), len(found.runs)) == repetitions
    found.interrupted = found.interrupted or not (done or found.error)
    return found


async def _pairs(
    plan: Plan, both: Versions, design: PairDesign, count: int, folder: Path
) -> AsyncIterator[Pair]:
    """Measure so many pairs, or as many as a signal leaves time for."""
    budgets = plan.budgets_of(design.scenario.name)
    design = replace(design, scenario=with_workers(design.scenario, started_by_us=True))
    async with pair_start() as start:
        for number in range(1, count + 1):
            place = folder / pair_name(number)
            await load_pair(plan, both, design, place, number=number, start=start)
            if start.interrupted.is_set():
                return
            yield read_pair(budgets, design, number, place)


async def _run(
    plan: Plan, both: Versions, scenario: Scenario, place: Path, show: Callable[[Progress], None]
) -> SideMeasurements | None:
    """Load and measure one run of the scenario; None when a signal interrupted it.

    Raises:
        UnjudgedError: The service or the generator could not be started.
    """
    folder = new_run_folder(place, plan, scenario)
    plan_of_version = replace(plan, target=both.baseline.target)
    await gather(plan_of_version, scenario, folder, RunOptions(show=show))
    manifest = read_manifest(folder)
    if was_interrupted(manifest):
        return None
    if manifest.clock.started is None:
        raise UnjudgedError(f"a run could not be started: {manifest.reason}")
    return measure_side(plan.budgets_of(scenario.name), folder)
