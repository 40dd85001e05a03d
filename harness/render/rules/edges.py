"""Alerts that find no series, because no bucket of the service's histogram ends at their bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.budgets.lint.metrics import Family, edges_near, family_of, unlike_edge
from harness.budgets.model import Budget, Latency, Plan, Quantile
from harness.promql.answers import answer_times
from harness.render.rules.rules import alert_bounds, allowed_over
from harness.render.words import Links, watched
from harness.units import format_quantity


def edge_notes(plan: Plan, links: Links, families: Mapping[str, Family]) -> Iterator[str]:
    """A sentence for each bound of an alert at which no bucket ends.

    Args:
        plan: The budgets.
        links: What plays each role in the service.
        families: The metrics of the running service, by name.
    """
    for budget in watched(plan, links):
        histogram = _histogram(budget, links)
        if histogram is None:
            continue
        metric, scale = histogram
        family = family_of(metric, families)
        if family is None:
            continue
        for bound in alert_bounds(budget):
            shown = format_quantity(bound, budget.unit)
            if near := edges_near(family, scale, bound):
                nearest = " and ".join(format_quantity(one, budget.unit) for one in near)
                yield (
                    f"the alerts of {budget.name} find no series: {metric} has no bucket edge at"
                    f" {shown} (nearest: {nearest}); add a bucket at {shown}, or move the bound to"
                    " an edge"
                )
            elif (edge := unlike_edge(family, scale, bound)) is not None:
                yield (
                    f"the alerts of {budget.name} find no series: the bucket of {metric} ends at"
                    f" {edge!r}, which is not written like the bound {shown}; round the edges in"
                    " the service"
                )


def _histogram(budget: Budget, links: Links) -> tuple[str, float] | None:
    """The histogram in which alerts count, and its unit in the base unit; None without one."""
    indicator = budget.indicator
    if allowed_over(budget) is None:
        return None
    if isinstance(indicator, Quantile):
        return indicator.histogram.metric, indicator.histogram.scale
    if isinstance(indicator, Latency) and (found := answer_times(indicator, links.roles)):
        return found.metric, found.scale
    return None
