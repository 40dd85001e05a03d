"""`harness calibrate`: what is asked, the measurements, what is stored and told."""

from __future__ import annotations

import argparse
import asyncio
import secrets
from datetime import UTC, datetime

from harness.budgets.model import Plan
from harness.commands.parts import outputs
from harness.commands.parts.inputs import choose_scenario, read_plan
from harness.commands.parts.options import (
    budgets_option,
    out_option,
    pair_options,
    quiet_option,
    scenario_argument,
)
from harness.commands.parts.outputs import stdout_format, write
from harness.commands.parts.progress import LiveView
from harness.errors import EXIT_INTERRUPTED, EXIT_PASS, UsageError
from harness.experiments.advice import pair_load
from harness.experiments.calibrate import Measured, measure_noise
from harness.experiments.compare import check_sliceable
from harness.experiments.pair import PairDesign
from harness.judge.compare.model import Rules
from harness.judge.compare.noise import FEWEST, Noise, noises
from harness.observe.host import host_facts
from harness.report.compare.calibration import calibrate_report
from harness.runs.calibration import BudgetNoise, Calibrated, Calibration, store
from harness.runs.folder import create_files, default_path, replace_text


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness calibrate`."""
    scenario_argument(parser)
    for option, default, what in (
        ("pairs", 12, "of the version with itself, as `compare` loads them"),
        ("runs", 5, "one after the other, as `run` loads them"),
    ):
        parser.add_argument(
            f"--{option}",
            type=_repetitions,
            default=default,
            metavar="N",
            help=f"{what}; at least {FEWEST}, or 0 for none (default: {default})",
        )
    pair_options(parser.add_argument_group("the load"))
    budgets_option(parser)
    out_option(parser, "default: runs/<utc>-calibrate-<scenario>")
    quiet_option(parser)


def _repetitions(text: str) -> int:
    """How often noise is measured; 0 is not at all."""
    if text != "0" and (not text.isdecimal() or int(text) < FEWEST):
        raise argparse.ArgumentTypeError(
            f"{text!r} says nothing about noise; give at least {FEWEST}, or 0"
        )
    return int(text)


def calibrate(options: argparse.Namespace) -> int:
    """Load one version of the service again and again: what is noise on this machine?

    Raises:
        UsageError: Nothing can be calibrated like that.
        UnjudgedError: A pair or a run could not be measured. What there is is stored before, if it
            is enough for anything.
    """
    plan = read_plan(options.budgets)
    scenario = choose_scenario(plan, options)
    check_sliceable(scenario)
    if not options.pairs and not options.runs:
        raise UsageError("nothing is to be measured", "give --pairs or --runs a number")
    Calibration.load(
        options.budgets, host_facts()
    )  # a damaged one is said before the load, not after it
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    design = PairDesign(scenario, options.slices, seed, simultaneous=options.simultaneous)
    folder = options.out or default_path(f"calibrate-{scenario.name}", datetime.now(UTC))
    create_files(folder, ())
    replace_text(folder / ".gitignore", "*\n")
    title = f"{plan.service}, scenario {scenario.name}"
    with LiveView(outputs.stderr(), quiet=options.quiet, title=title) as live:
        repetitions = (options.pairs, options.runs)
        measuring = measure_noise(
            *(plan, design, repetitions, folder), tell=live.tell, show=live.show
        )
        found = asyncio.run(measuring)
    _tell(plan, design, found, options)
    if found.error is not None:
        raise found.error
    return EXIT_INTERRUPTED if found.interrupted else EXIT_PASS


def _tell(plan: Plan, design: PairDesign, found: Measured, options: argparse.Namespace) -> None:
    """Store and print what was found, if it is enough for anything."""
    if max(len(found.pairs), len(found.runs)) < FEWEST:
        return
    of_budgets = noises(plan.budgets_of(design.scenario.name), found.pairs, found.runs, Rules())
    path = store(options.budgets, design.scenario.name, _stored(design, of_budgets))
    counts = f"{len(found.pairs)} pairs and {len(found.runs)} runs"
    if options.quiet:
        write(f"calibrated by {counts}: {path}\n")
        return
    title = f"{plan.service}, scenario {design.scenario.name}: noise of {counts}"
    text = calibrate_report(
        *(title, of_budgets, design.turns(1).loaded),
        **stdout_format(),
    )
    write(f"{text}\nStored for compare, lint and run in {path}\n")


def _stored(design: PairDesign, of_budgets: tuple[Noise, ...]) -> Calibrated:
    return Calibrated(
        host=host_facts(),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        load=pair_load(design.scenario, design.slices, simultaneous=design.simultaneous),
        pair_seconds=design.turns(1).loaded,
        run_seconds=design.scenario.duration,
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
