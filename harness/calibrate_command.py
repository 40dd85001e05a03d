"""The body of `harness calibrate`: what is asked, the measurements, what is stored and told."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
from datetime import UTC, datetime

from harness.asked import choose_scenario, read_plan
from harness.budgets.model import Plan
from harness.calibrate import Measured, measure_noise
from harness.calibration import BudgetNoise, Calibrated, Calibration, store
from harness.calibration_use import pair_load
from harness.compare import sliceable
from harness.errors import EXIT_INTERRUPTED, EXIT_PASS, UsageError
from harness.judge.calibrate import FEWEST, Noise, noises
from harness.judge.comparison import Rules
from harness.live import LiveView
from harness.observe.host import host_facts
from harness.pair import Load
from harness.report.calibrate_console import calibrate_report
from harness.runs.folder import create_files, default_path, replace_text
from harness.told import color_of, width_of


def calibrate(options: argparse.Namespace) -> int:
    """Measure, store, report, and return the exit code.

    Raises:
        UsageError: Nothing can be calibrated like that.
        UnjudgedError: A pair or a run could not be measured. What there is is stored before, if it
            is enough for anything.
    """
    plan = read_plan(options.budgets)
    scenario = choose_scenario(plan, options)
    sliceable(scenario)
    if not options.pairs and not options.runs:
        raise UsageError("nothing is to be measured", "give --pairs or --runs a number")
    Calibration.load(options.budgets)  # a damaged one is said before the load, not after it
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    load = Load(scenario, options.slices, seed, simultaneous=options.simultaneous)
    folder = options.out or default_path(f"calibrate-{scenario.name}", datetime.now(UTC))
    create_files(folder, ())
    replace_text(folder / ".gitignore", "*\n")
    title = f"{plan.service}, scenario {scenario.name}"
    with LiveView(sys.stderr, quiet=options.quiet, title=title) as live:
        repetitions = (options.pairs, options.runs)
        measuring = measure_noise(
            *(plan, load, repetitions, folder), tell=live.tell, show=live.show
        )
        found = asyncio.run(measuring)
    _tell(plan, load, found, options)
    if found.error is not None:
        raise found.error
    return EXIT_INTERRUPTED if found.interrupted else EXIT_PASS


def _tell(plan: Plan, load: Load, found: Measured, options: argparse.Namespace) -> None:
    """Store and print what was found, if it is enough for anything."""
    if max(len(found.pairs), len(found.runs)) < FEWEST:
        return
    of_budgets = noises(plan.budgets_of(load.scenario.name), found.pairs, found.runs, Rules())
    path = store(options.budgets, load.scenario.name, _stored(load, of_budgets))
    counts = f"{len(found.pairs)} pairs and {len(found.runs)} runs"
    if options.quiet:
        sys.stdout.write(f"calibrated by {counts}: {path}\n")
        return
    title = f"{plan.service}, scenario {load.scenario.name}: noise of {counts}"
    text = calibrate_report(
        *(title, of_budgets, load.turns(1).loaded),
        width=width_of(sys.stdout),
        color=color_of(sys.stdout),
    )
    sys.stdout.write(f"{text}\nStored for compare, lint and run in {path}\n")


def _stored(load: Load, of_budgets: tuple[Noise, ...]) -> Calibrated:
    return Calibrated(
        host=host_facts(),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        load=pair_load(load.scenario, load.slices, simultaneous=load.simultaneous),
        pair_seconds=load.turns(1).loaded,
        run_seconds=load.scenario.duration,
        budgets={
            noise.name: BudgetNoise(
                log_ratios=noise.pairs.values,
                deviation=noise.pairs.deviation,
                deviation_upper=noise.pairs.upper,
                smallest=noise.smallest,
                log_values=noise.starts.values,
                start_deviation=noise.starts.deviation,
                start_deviation_upper=noise.starts.upper,
            )
            for noise in of_budgets
        },
    )
