"""The history of runs as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.capacity.history import capacities_document
from harness.report.history.changes import FALSE_ALARMS, FEWEST_RUNS, Change
from harness.report.history.history import History, Trend
from harness.report.run.results import json_text, number
from harness.runs.capacity import PastSearch
from harness.runs.results import PastRun

SCHEMA = 1


def history_json(
    histories: Sequence[History],
    left_out: Sequence[str],
    searches: Sequence[PastSearch] = (),
    *,
    searched: bool = True,
) -> str:
    """The histories as JSON; numbers are in base units.

    Args:
        histories: At least one run each.
        left_out: The reason for each run and each search that was left out.
        searches: The searches for a capacity, the oldest first.
        searched: Whether changes were searched for.
    """
    return json_text(
        {
            "schema": SCHEMA,
            "changes": {
                "searched": searched,
                "false_alarms": FALSE_ALARMS,
                "fewest_runs": FEWEST_RUNS,
            },
            "scenarios": [_scenario(history) for history in histories],
            "capacities": capacities_document(searches),
            "left_out": list(left_out),
        }
    )


def _scenario(history: History) -> dict[str, object]:
    return {
        "service": history.service,
        "scenario": history.scenario,
        "runs": [_run(run) for run in history.runs],
        "budgets": [_budget(trend, history.runs) for trend in history.trends],
    }


def _run(run: PastRun) -> dict[str, object]:
    return {
        "folder": str(run.folder),
        "started": number(run.results.started),
        "commit": run.results.commit or None,
        "dirty": bool(run.results.run.git.get("dirty")),
        "outcome": run.results.outcome,
    }


def _budget(trend: Trend, runs: Sequence[PastRun]) -> dict[str, object]:
    return {
        "name": trend.name,
        "unit": trend.unit.value,
        "direction": trend.direction,
        "bound": number(trend.bound),
        "values": [number(value) for value in trend.values],
        "outcomes": list(trend.outcomes),
        "changes": [_change(change, runs) for change in trend.changes],
    }


def _change(change: Change, runs: Sequence[PastRun]) -> dict[str, object]:
    return {
        "run": _run(runs[change.run]),
        "previous": _run(runs[change.previous]),
        "before": number(change.before),
        "after": number(change.after),
        "regression": number(change.regression),
    }
