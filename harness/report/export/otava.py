"""The CSV format of Apache Otava, which finds change points: one row for each run.

Format: https://github.com/apache/otava/blob/master/docs/CSV.md. Otava reads the columns in its
configuration, and refuses a cell that is not a number.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from io import StringIO

from harness.report.history.history import History


def otava(history: History) -> str:
    """Time, commit and folder of each run, and the values of its budgets in base units.

    A gap gets the previous value, at the start the next one, as in Otava's other sources. Budgets
    without any value are left out; the text is empty if no budget has a value.
    """
    trends = [t for t in history.trends if any(value is not None for value in t.values)]
    if not trends:
        return ""
    columns = [_filled(trend.values) for trend in trends]
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["time", "commit", "run", *(trend.name for trend in trends)])
    for number, run in enumerate(history.runs):
        started = datetime.fromtimestamp(run.results.started, UTC)
        facts = (f"{started:%Y-%m-%d %H:%M:%S %z}", run.results.commit, run.folder.name)
        writer.writerow([*facts, *(repr(column[number]) for column in columns)])
    return out.getvalue()


def _filled(values: Sequence[float | None]) -> list[float]:
    """A column without gaps; at least one value is known."""
    before = next(value for value in values if value is not None)
    filled = []
    for value in values:
        before = before if value is None else value
        filled.append(before)
    return filled
