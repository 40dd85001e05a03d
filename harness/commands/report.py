"""`harness report`: write the HTML report of a stored run."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness import names
from harness.budgets.presets import in_run
from harness.commands.parts.inputs import open_stored_run, read_stored_plan
from harness.commands.parts.options import run_dir_argument
from harness.commands.parts.outputs import write, write_copy
from harness.commands.parts.verdict import (
    JudgedRun,
    diagnosis_of,
    exit_code_of_run,
    run_html,
)
from harness.errors import EXIT_PASS
from harness.judge.judge import judge
from harness.runner.prometheus import with_server_answers
from harness.runs.folder import read_evidence
from harness.runs.recording.recording import read_recording


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness report`."""
    run_dir_argument(parser)
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="file to write (default: report.html in the run folder)",
    )


def report(options: argparse.Namespace) -> int:
    """Write the HTML report of a stored run, judged by the budgets in its folder.

    Raises:
        RunFolderError: There is no run in the folder, or it is damaged.
        UsageError: The report cannot be written.
    """
    folder, manifest = open_stored_run(options.run_dir)
    scenario = manifest.scenario_name
    plan = read_stored_plan(folder, scenario)
    budgets = in_run(plan.budgets_of(scenario), manifest.roles)
    evidence = with_server_answers(read_evidence(folder), budgets, folder, None, store=False)
    judgement = judge(budgets, evidence, plan.off_in(scenario))
    recording = read_recording(folder.path)
    diagnosis = diagnosis_of(budgets, judgement, evidence, recording)
    run = JudgedRun(
        *(budgets, judgement, evidence, folder, exit_code_of_run(judgement, evidence)),
        diagnosis=diagnosis,
        recording=recording,
    )
    path = options.html or folder.file(names.REPORT_FILE)
    write_copy(path, run_html(run))
    write(f"{judgement.outcome} {path}\n")
    return EXIT_PASS
