"""A run as samples for Prometheus: its facts, the limits of its budgets, its outcome.

Numbers are rounded as in results.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, get_args

from harness import names
from harness.budgets.model import Budget, Latency
from harness.judge.model import Outcome, Verdict
from harness.report.run.results import number
from harness.runs.model import Manifest
from harness.runs.openmetrics import Sample, reading
from harness.runs.results import StoredBudget

_OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)


def latency_bounds(budgets: Iterable[Budget]) -> Iterator[float]:
    """The bounds of latency budgets and of their alerts, in seconds."""
    for budget in budgets:
        if isinstance(budget.indicator, Latency):
            yield budget.bound
            if budget.alert:
                yield budget.alert.bound


def run_samples(run: str, manifest: Manifest) -> Iterator[Sample]:
    """Facts and times of a run; times that it has not reached are left out.

    Args:
        run: The name of the run folder.
        manifest: The manifest, complete or not.
    """
    about = {
        names.RUN_FOLDER: run,
        names.RUN_COMMIT: str(manifest.git.get("commit", "")),
        names.RUN_VERSION: manifest.harness_version,
    }
    yield reading(names.RUN_INFO, 1.0, {label: text for label, text in about.items() if text})
    moments = {
        names.RUN_START: manifest.clock.started,
        names.RUN_WINDOW_START: manifest.clock.window_start,
        names.RUN_WINDOW_END: manifest.clock.window_end,
    }
    for name, moment in moments.items():
        if moment is not None:
            yield reading(name, moment)


def limit_samples(budgets: Iterable[Budget | StoredBudget]) -> Iterator[Sample]:
    """The bound of each budget."""
    for budget in budgets:
        labels = {
            names.RUN_BUDGET: budget.name,
            names.RUN_DIRECTION: budget.direction,
            names.RUN_SEVERITY: budget.severity,
        }
        if (bound := number(budget.bound)) is not None:
            yield reading(names.BUDGET_LIMIT, bound, labels)


def outcome_samples(
    outcome: Outcome, verdicts: Iterable[Verdict | StoredBudget]
) -> Iterator[Sample]:
    """The outcome of a run; outcome, value and share over the bound of each budget.

    A value or a share that is not known is left out.
    """
    yield from _one_of(names.RUN_VERDICT, outcome, {})
    for verdict in verdicts:
        labels = {names.RUN_BUDGET: verdict.name}
        yield from _one_of(names.BUDGET_VERDICT, verdict.outcome, labels)
        if (value := number(verdict.value)) is not None:
            yield reading(names.BUDGET_VALUE, value, labels)
        if (share := number(verdict.share_over)) is not None:
            yield reading(names.BUDGET_SHARE, share, labels)


def _one_of(name: str, outcome: Outcome, labels: Mapping[str, str]) -> Iterator[Sample]:
    """A state set: 1 for the state and 0 for all others, so that no old state remains."""
    for state in _OUTCOMES:
        yield reading(name, float(state == outcome), {**labels, names.RUN_OUTCOME: state})
