"""`harness diagnose`: the causes of the breaches of a stored run or comparison."""

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
from harness.experiments.regressions import explained_comparison, read_comparison
from harness.judge.judge import judge
from harness.judge.model import Judgement
from harness.report.compare.causes import regression_lines
from harness.report.compare.diagnosis import comparison_diagnosis_json
from harness.report.parts.causes import cause_lines
from harness.report.run.diagnosis import diagnosis_json
from harness.runs.folder import read_evidence
from harness.runs.recording.recording import read_recording


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness diagnose`."""
    run_dir_argument(parser, "run or comparison")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help=f"also write {names.DIAGNOSIS_FILE} to FILE"
    )


def diagnose(options: argparse.Namespace) -> int:
    """Print the causes of the breaches of a stored run or comparison, without load.

    Raises:
        RunFolderError: There is no run in the folder, it is damaged, or it was not recorded after
            its window.
        UsageError: FILE cannot be written.
    """
    if (options.run_dir / names.COMPARE_FILE).is_file():
        return _diagnose_comparison(options)
    folder, manifest = open_stored_run(options.run_dir)
    evidence = read_evidence(folder)
    plan = read_stored_plan(folder, manifest.scenario_name)
    budgets = in_run(plan.budgets_of(manifest.scenario_name), manifest.roles)
    recording = read_recording(folder.path)
    judgement = judge(budgets, evidence)
    found = diagnosis_of(budgets, judgement, evidence, recording)
    if found is None:
        raise RunFolderError(
            f"{folder.path} has no traces and no profile: the load ended with its window",
            "run the scenario again with --diagnose always",
        )
    for line in _lines(found, judgement):
        print_line(line)
    if options.json is not None:
        write_copy(options.json, diagnosis_json(found, manifest))
    return EXIT_PASS


def _diagnose_comparison(options: argparse.Namespace) -> int:
    stored = read_comparison(options.run_dir)
    explained = explained_comparison(options.run_dir, stored.regressed, read_stored_plan)
    if explained is None:
        raise RunFolderError(
            f"{options.run_dir} has no recording of both versions",
            "compare the versions again with --diagnose always",
        )
    found = explained.diagnosis
    before, now = found.baseline, found.candidate
    print_line(
        f"recorded: {before.requests} and {now.requests} requests with {before.spans} and "
        f"{now.spans} spans, {before.samples} and {now.samples} stacks"
    )
    for note in found.notes:
        print_line(f"note: {note}")
    for one in found.explanations:
        lines = ("", f"FAIL {one.budget}", *(f"    {line}" for line in regression_lines(one)))
        for line in lines:
            print_line(line)
    if not found.explanations:
        print_line("")
        print_line("no budget got worse")
    if options.json is not None:
        about = stored.comparison
        versions = (about.baseline, about.candidate)
        text = comparison_diagnosis_json(found, about.service, about.scenario, versions)
        write_copy(options.json, text)
    return EXIT_PASS


def _lines(found: Diagnosis, judgement: Judgement) -> list[str]:
    """What was recorded, and the causes below each budget that is explained, with its outcome."""
    outcomes = {verdict.name: verdict.outcome for verdict in judgement.verdicts}
    lines = [
        f"recorded: {found.requests} requests with {found.spans} spans, {found.samples} stacks",
    ]
    for one in found.explanations:
        title = f"{outcomes[one.budget].upper()} {one.budget}"
        lines += ["", title, *(f"    {line}" for line in cause_lines(one))]
    if not found.explanations:
        lines += ["", "no budget failed"]
    return lines
