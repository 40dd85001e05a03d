"""In OpenMetrics, for GitLab's metrics report and whatever else takes samples without a time.

Format: https://prometheus.io/docs/specs/om/open_metrics_spec/. The series are called as those that
the harness serves of a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from harness import names
from harness.report.history.history import History
from harness.runs.openmetrics import series_text, value_text

_Samples = Iterable[tuple[Mapping[str, str], float]]


def openmetrics(history: History) -> str:
    """The latest run's budgets: value, limit and outcome; empty when there are no budgets."""
    of_run = {names.RUN_SERVICE: history.service, names.RUN_SCENARIO: history.scenario}
    trends = [trend for trend in history.trends if trend.outcomes[-1] is not None]
    if not trends:
        return ""
    labels = {trend.name: {**of_run, names.RUN_BUDGET: trend.name} for trend in trends}
    limits = [
        ({**labels[t.name], names.RUN_DIRECTION: t.direction}, t.bound)
        for t in trends
        if t.bound is not None
    ]
    values = [(labels[t.name], t.latest) for t in trends if t.latest is not None]
    outcomes = [({**labels[t.name], names.RUN_OUTCOME: str(t.outcomes[-1])}, 1.0) for t in trends]
    run = [({**of_run, names.RUN_OUTCOME: history.runs[-1].results.outcome}, 1.0)]
    lines = [
        *_family(names.BUDGET_VALUE, "A budget's value, in its base unit.", values),
        *_family(names.BUDGET_LIMIT, "A budget's bound, in its base unit.", limits),
        *_family(names.BUDGET_VERDICT, "What came out of a budget.", outcomes),
        *_family(names.RUN_VERDICT, "What came out of the run.", run),
        "# EOF",
    ]
    return "\n".join(lines) + "\n"


def _family(name: str, tells: str, samples: _Samples) -> Iterator[str]:
    lines = [f"{series_text(name, labels)} {value_text(value)}" for labels, value in samples]
    if lines:
        yield from (f"# TYPE {name} gauge", f"# HELP {name} {tells}", *lines)
