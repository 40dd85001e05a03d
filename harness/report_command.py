"""The body of `harness report`: the page of a stored run, by the budgets stored with it."""

from __future__ import annotations

import argparse
import sys

from harness import names
from harness.asked import read_plan
from harness.consult import consulted
from harness.errors import EXIT_PASS
from harness.judge.decide import judge
from harness.page import page_of
from harness.runs.folder import open_folder, read_evidence, read_manifest
from harness.told import write_copy


def report(options: argparse.Namespace) -> int:
    """Judge the run again, write its page, and say where it is.

    Raises:
        RunFolderError: There is no run in the folder, or it is damaged.
        UsageError: The page cannot be written.
    """
    folder = open_folder(options.run_dir)
    scenario = str(read_manifest(folder).scenario["name"])
    budgets = read_plan(folder.file(names.BUDGETS_FILE)).budgets_of(scenario)
    evidence = consulted(read_evidence(folder), budgets, folder, None, store=False)
    judgement = judge(budgets, evidence)
    page = page_of(folder, judgement, evidence, budgets, exit_code=judgement.exit_code)
    path = options.html or folder.file(names.REPORT_FILE)
    write_copy(path, page)
    sys.stdout.write(f"{judgement.outcome} {path}\n")
    return EXIT_PASS
