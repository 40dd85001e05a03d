"""`harness calibrate`: measure the noise of this machine, store and report it."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from harness.budgets.model import Plan
from harness.commands.parts import outputs
from harness.commands.parts.inputs import choose_scenario, pair_design, read_plan
from harness.commands.parts.options import (
    budgets_option,
    out_option,
    pair_options,
    quiet_option,
    scenario_argument,
)
from harness.commands.parts.outputs import create_out_folder, stdout_format, write, write_report
from harness.commands.parts.progress import LiveView
from harness.errors import EXIT_INTERRUPTED, EXIT_PASS, UsageError
from harness.experiments.advice import pair_load
from harness.experiments.calibrate import NoiseRuns, measure_noise
from harness.experiments.compare import check_number, check_sliceable
from harness.experiments.pair import PairDesign
from harness.judge.compare.model import Rules
from harness.judge.compare.noise import FEWEST, Noise, noises
from harness.observe.host import host_facts
from harness.report.compare.calibration import calibrate_report
from harness.runner.signals import run_loop
from harness.runs.calibration import (
    BudgetNoise,
    Calibrated,
    Calibration,
    require_storable,
    store,
)
from harness.units import counted


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness calibrate`."""
    scenario_argument(parser)
    for option, default, what in (
        ("pairs", 12, "pairs of the version with itself, loaded as by `compare`"),
        ("runs", 5, "consecutive runs, loaded as by `run`"),
    ):
        parser.add_argument(
            f"--{option}",
            type=_repetitions,
            default=default,
            metavar="N",
            help=f"{what}; at least {FEWEST}, or 0 for none (default: {default})",
        )
    pair_options(parser.add_argument_group("load"))
    budgets_option(parser)
    out_option(parser, "folder of the runs (default: runs/<utc>-calibrate-<scenario>)")
    quiet_option(parser)


def _repetitions(text: str) -> int:
    """A number of measurements: 0, or enough for an estimate of the noise."""
    if text != "0" and (not text.isdecimal() or int(text) < FEWEST):
        raise argparse.ArgumentTypeError(
            f"{text!r} is too few to estimate noise; use at least {FEWEST}, or 0"
        )
    return int(text)


def calibrate(options: argparse.Namespace) -> int:
    """Measure the noise of each budget on this machine with one version of the service.

    Raises:
        UsageError: The scenario or the options do not allow a calibration.
        UnjudgedError: A pair or a run could not be measured. If the measurements until then are
            enough, they are stored.
    """
    plan = read_plan(options.budgets)
    scenario = choose_scenario(plan, options)
    check_sliceable(scenario)
    if options.pairs:
        check_number(scenario, plan.budgets_of(scenario.name))
    _check(options)
    design = pair_design(scenario, options)
    folder = create_out_folder(options.out, f"calibrate-{scenario.name}")
    title = f"{plan.service}, scenario {scenario.name}"
    with LiveView(outputs.stderr(), quiet=options.quiet, title=title) as live:
        measuring = measure_noise(
            *(plan, design, (options.pairs, options.runs), folder),
            tell=live.print_line,
            show=live.show,
        )
        measured = run_loop(measuring)
    _store_and_print(plan, design, measured, options)
    if measured.error is not None:
        raise measured.error
    return EXIT_INTERRUPTED if measured.interrupted else EXIT_PASS


def _check(options: argparse.Namespace) -> None:
    """Raise UsageError before the load if there is nothing to measure or nowhere to store it."""
    if not options.pairs and not options.runs:
        raise UsageError("nothing to measure: --pairs and --runs are 0", "set one of them")
    Calibration.load(options.budgets, host_facts())  # raises if calibration.json is damaged
    require_storable(options.budgets)


def _store_and_print(
    plan: Plan, design: PairDesign, measured: NoiseRuns, options: argparse.Namespace
) -> None:
    """Store and print the noise of each budget, if there are enough measurements."""
    if max(len(measured.pairs), len(measured.runs)) < FEWEST:
        return
    noise = noises(measured.budgets, measured.pairs, measured.runs, Rules())
    path = store(options.budgets, design.scenario.name, _calibrated(design, noise))
    counts = f"{counted(len(measured.pairs), 'pair')} and {counted(len(measured.runs), 'run')}"
    if options.quiet:
        write(f"calibrated by {counts}: {path}\n")
        return
    title = f"{plan.service}, scenario {design.scenario.name}: noise of {counts}"
    text = calibrate_report(*(title, noise, design.turns(1).loaded), **stdout_format())
    write_report(f"{text}\nStored for compare, lint and run in {path}\n")


def _calibrated(design: PairDesign, of_budgets: tuple[Noise, ...]) -> Calibrated:
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
