"""`harness diagnose`: the causes of the breaches of a stored run."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness import names
from harness.budgets.presets import in_run
from harness.commands.parts.inputs import open_stored_run, read_stored_plan
from harness.commands.parts.options import run_dir_argument
from harness.commands.parts.outputs import print_line, write_copy
from harness.commands.parts.verdict import diagnosis_of
from harness.diagnose.model import Diagnosis
from harness.errors import EXIT_PASS, RunFolderError
from harness.judge.judge import judge
from harness.report.parts.causes import cause_lines
from harness.report.run.diagnosis import diagnosis_json
from harness.runs.folder import read_evidence
from harness.runs.records.recording import read_recording


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness diagnose`."""
    run_dir_argument(parser)
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help=f"also write {names.DIAGNOSIS_FILE} to FILE"
    )


def diagnose(options: argparse.Namespace) -> int:
    """Print the causes of the breaches of a stored run, without load.

    Raises:
        RunFolderError: There is no run in the folder, it is damaged, or it was not recorded after
            its window.
        UsageError: FILE cannot be written.
    """
    folder, manifest = open_stored_run(options.run_dir)
    evidence = read_evidence(folder)
    plan = read_stored_plan(folder, manifest.scenario_name)
    budgets = in_run(plan.budgets_of(manifest.scenario_name), manifest.roles)
    recording = read_recording(folder.path)
    found = diagnosis_of(budgets, judge(budgets, evidence), evidence, recording)
    if found is None:
        raise RunFolderError(
            f"{folder.path} has no traces and no profile: the load ended with its window",
            "run the scenario again with --diagnose always",
        )
    for line in _lines(found):
        print_line(line)
    if options.json is not None:
        write_copy(options.json, diagnosis_json(found, manifest))
    return EXIT_PASS


def _lines(found: Diagnosis) -> list[str]:
    lines = [
        f"recorded: {found.requests} requests with {found.spans} spans, {found.samples} stacks",
    ]
    for one in found.explanations:
        lines += ["", f"FAIL {one.budget}", *(f"    {line}" for line in cause_lines(one))]
    if not found.explanations:
        lines += ["", "no budget is breached"]
    return lines
