"""OpenMetrics, for GitLab's metrics report and other readers of samples without times.

Format: https://prometheus.io/docs/specs/om/open_metrics_spec/. The series have the
same names as the metrics that `--serve-metrics` exposes, and the same values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from harness import names
from harness.report.history.history import History
from harness.runs.openmetrics import series_text, value_text

_Samples = Iterable[tuple[Mapping[str, str], float]]


def openmetrics(history: History) -> str:
    """Value, limit and outcome of the budgets in the latest run; empty without budgets.

    The quantile of a histogram has no value, but the share of the observations over its bound.
    """
    of_run = {names.RUN_SERVICE: history.service, names.RUN_SCENARIO: history.scenario}
    trends = [trend for trend in history.trends if trend.outcomes[-1] is not None]
    if not trends:
        return ""
    labels = {trend.name: {**of_run, names.RUN_BUDGET: trend.name} for trend in trends}
    limits = [
        ({**labels[t.name], names.RUN_DIRECTION: t.direction}, bound)
        for t in trends
        if (bound := t.over[0] if t.over else t.bound) is not None
    ]
    known = [(t, t.latest) for t in trends if t.latest is not None]
    values = [(labels[t.name], value) for t, value in known if t.over is None]
    shares = [(labels[t.name], share) for t, share in known if t.over is not None]
    outcomes = [({**labels[t.name], names.RUN_OUTCOME: str(t.outcomes[-1])}, 1.0) for t in trends]
    run = [({**of_run, names.RUN_OUTCOME: history.runs[-1].results.outcome}, 1.0)]
    lines = [
        *_family(names.BUDGET_VALUE, "Measured value of a budget, in its base unit.", values),
        *_family(
            names.BUDGET_SHARE, "Share of the observations of a histogram over the bound.", shares
        ),
        *_family(names.BUDGET_LIMIT, "Bound of a budget, in its base unit.", limits),
        *_family(names.BUDGET_VERDICT, "Outcome of a budget.", outcomes),
        *_family(names.RUN_VERDICT, "Outcome of the run.", run),
        "# EOF",
    ]
    return "\n".join(lines) + "\n"


def _family(name: str, meaning: str, samples: _Samples) -> Iterator[str]:
    lines = [f"{series_text(name, labels)} {value_text(value)}" for labels, value in samples]
    if lines:
        yield from (f"# TYPE {name} gauge", f"# HELP {name} {meaning}", *lines)
