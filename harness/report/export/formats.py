"""The formats of other tools, each in a module of this package."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from harness.budgets.model import Direction
from harness.report.export.bencher import bencher
from harness.report.export.github_benchmark import benchmark
from harness.report.export.openmetrics import openmetrics
from harness.report.export.otava import otava
from harness.report.history.history import History


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format that another tool reads.

    Attributes:
        write: From a history to text; empty if there is nothing to write.
        several: Whether it can hold several runs.
        direction: The direction of its budgets; None is both.
    """

    write: Callable[[History], str]
    several: bool = False
    direction: Direction | None = None


FORMATS: Mapping[str, ExportFormat] = {
    "github-action-benchmark": ExportFormat(partial(benchmark, direction="max"), direction="max"),
    "github-action-benchmark-bigger": ExportFormat(
        partial(benchmark, direction="min"), direction="min"
    ),
    "bencher": ExportFormat(bencher),
    "otava-csv": ExportFormat(otava, several=True),
    "openmetrics": ExportFormat(openmetrics),
}


def gaps(history: History, form: ExportFormat) -> Iterator[str]:
    """A sentence for each budget that the format leaves out or fills in."""
    for trend in history.trends:
        count, missing = len(trend.values), trend.values.count(None)
        if form.direction not in {None, trend.direction}:
            yield f"{trend.name} is left out: its bound is a {trend.direction}"
        elif missing == count:
            yield f"the value of {trend.name} is left out: there is none, or guards tripped"
        elif missing:
            yield f"{trend.name} has the value of a neighbouring run in {missing} of {count} runs"
