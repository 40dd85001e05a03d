"""report.html of a run folder: what the page shows over time is read from the folder's files."""

from __future__ import annotations

from collections.abc import Sequence

from harness import names
from harness.budgets.model import Budget
from harness.judge.model import Judgement
from harness.report.html.axis import axis_of
from harness.report.html.run_page import run_page
from harness.runs.folder import RunFolder
from harness.runs.latency import read_intervals
from harness.runs.model import Evidence


def page_of(
    folder: RunFolder,
    judgement: Judgement,
    evidence: Evidence,
    budgets: Sequence[Budget],
    *,
    exit_code: int,
) -> str:
    """The page of a run that was judged.

    Raises:
        RunFolderError: latency.hlog is missing or damaged.
    """
    axis = axis_of(evidence)
    intervals = (
        {}
        if axis is None
        else read_intervals(folder.file(names.LATENCY_FILE), axis.start, axis.width, axis.edges[-1])
    )
    return run_page(judgement, evidence, budgets, intervals, exit_code=exit_code)
