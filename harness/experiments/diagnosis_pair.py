"""After a regression both versions are loaded once more, profiled and traced; nothing is judged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Final, assert_never

from harness import names
from harness.budgets.model import Plan, Scenario
from harness.budgets.workload import OpenWorkload, Stage
from harness.errors import HarnessError, UnjudgedError
from harness.experiments.pair import PairDesign, PairStart, pair_start
from harness.experiments.version import Versions
from harness.judge.compare.model import Comparison
from harness.load.interleaving import TURN, Interleaving, in_turn, random_order
from harness.runner.folder import new_run_folder
from harness.runner.options import DiagnosisOptions, RunOptions
from harness.runner.run import gather
from harness.runs.folder import read_manifest
from harness.runs.log import cannot_write
from harness.runs.records.changes import write_changes

_WINDOW: Final = 1.0  # seconds between the warm-up and the recorded load
_NUMBER: Final = 0  # of the pair, whose arrivals no timed pair has
_DRAIN: Final = 2.0  # seconds for the last answers, of each load


def is_wanted(comparison: Comparison, options: DiagnosisOptions) -> bool:
    """Whether the options and the outcome of a comparison ask for its cause."""
    match options.when:
        case "never":
            return False
        case "always":
            return True
        case "breach":
            return any(change.outcome == "fail" for change in comparison.changes)
        case _:
            assert_never(options.when)


async def record_versions(  # noqa: PLR0917
    plan: Plan,
    both: Versions,
    design: PairDesign,
    folder: Path,
    options: DiagnosisOptions,
    tell: Callable[[str], None],
) -> None:
    """Load both versions in turn with the same requests, and record everything.

    Nothing that fails here changes the comparison: it becomes a note.

    Args:
        plan: The whole of budgets.yaml.
        both: The versions, ready to be started.
        design: Of the timed pairs.
        folder: Of the comparison; gets a run folder for each version.
        options: How many seconds of load each version gets, and where traces are received.
        tell: Called with a line for a person.
    """
    tell(f"diagnosing: {options.seconds:g} s of load for each version, which are not judged")
    place = folder / names.DIAGNOSIS_FOLDER
    try:
        place.mkdir()
        if both.changes is not None:
            write_changes(place / names.CHANGES_FILE, both.changes)
        await _record(plan, both, design, place, options)
    except OSError as error:
        tell(f"note: not diagnosed: {cannot_write(error)}")
    except HarnessError as error:
        tell(f"note: not diagnosed: {error.text}")
    except KeyboardInterrupt:
        tell("note: not diagnosed: interrupted")


async def _record(
    plan: Plan, both: Versions, design: PairDesign, place: Path, options: DiagnosisOptions
) -> None:
    """Start both versions and load them, at first without a recording, which then begins for both.

    Raises:
        UnjudgedError: A version could not be loaded.
        KeyboardInterrupt: INT or TERM came.
    """
    sides, recording = (both.baseline, both.candidate), PairStart()
    before, turns = before_recording(design), recorded_turns(design, options.seconds)
    folders = [new_run_folder(place / side.name, plan, before) for side in sides]

    async def run(which: int, start: PairStart, ahead: asyncio.Event | None) -> None:
        if ahead is not None:
            await ahead.wait()
        side = sides[which]
        load = recorded_load(design, turns, which)
        diagnosis = replace(
            options,
            when="always",
            seconds=load.duration,
            listen=listen_for(options.listen, which),
            load=load,
            begin=recording.begin,
        )
        run_options = RunOptions(url=side.url, start=start, diagnosis=diagnosis)
        await gather(replace(plan, target=side.target), before, folders[which], run_options)
        if recording.t0 is None:  # the other version waits for this one
            manifest = read_manifest(folders[which])
            reason = "; ".join(filter(None, (manifest.reason, *manifest.notices)))
            raise UnjudgedError(f"the {side.name}, {side.label}, could not be loaded: {reason}")

    try:
        async with pair_start() as start, asyncio.TaskGroup() as group:
            # One after the other, as in `load_pair`.
            group.create_task(run(0, start, None))
            group.create_task(run(1, start, start.up))
        if start.interrupted.is_set():
            raise KeyboardInterrupt
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


def listen_for(address: tuple[str, int] | None, which: int) -> tuple[str, int] | None:
    """Where traces of a version are received: those of the candidate at the next port."""
    return (address[0], address[1] + which) if address else None


def before_recording(design: PairDesign) -> Scenario:
    """The load before the recording, for both versions at once; no trace is asked for."""
    scenario, load = design.scenario, design.scenario.loads[0]
    assert isinstance(load.workload, OpenWorkload)
    stages = (Stage(load.workload.stages[0].rate, scenario.warm_up + _WINDOW),)
    workload = replace(load.workload, stages=stages, seed=design.draw(_NUMBER, "warm-up"))
    loads = (replace(load, workload=workload),)
    return replace(
        scenario, loads=loads, duration=_WINDOW, drain=_DRAIN, trace_ratio=0.0, planned=None
    )


def recorded_turns(design: PairDesign, seconds: float) -> Interleaving:
    """Turns with so many seconds of load for each version, in random order."""
    return random_order(0.0, ceil(seconds / TURN), design.draw(_NUMBER, "turns"))


def recorded_load(design: PairDesign, turns: Interleaving, which: int) -> Scenario:
    """The recorded load of a version, every request of which asks for a trace."""
    load = design.scenario.loads[0]
    assert isinstance(load.workload, OpenWorkload)
    workload = in_turn(load.workload, turns, which, design.draw(_NUMBER, "arrivals"))
    return replace(
        design.scenario,
        loads=(replace(load, start=0.0, workload=workload),),
        warm_up=0.0,
        duration=turns.lead + turns.window,
        drain=_DRAIN,
        trace_ratio=1.0,
        planned=None,
    )
