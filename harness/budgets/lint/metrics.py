"""Advice on budgets whose metrics the running service does not expose as they need them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isclose, isfinite
from typing import Literal, NamedTuple

from harness.budgets.dialects.model import Recognition, lacking
from harness.budgets.mistaken import mistake
from harness.budgets.model import (
    Budget,
    PerRequest,
    Quantile,
    Rate,
    Ratio,
    selectors,
    typed_selectors,
)
from harness.budgets.parse.problems import Place, closest, listed
from harness.budgets.selector import Selector
from harness.names import (
    ADDED_LABELS,
    EXPORTED,
    HOST_METRICS,
    REPORTED_BYTES,
    SERVICE_COSTS,
)
from harness.units import format_quantity, in_own_unit

_LIKENESS = 0.8  # high, because names of metrics share long prefixes
_FIRST_TRAFFIC = "some appear with the first traffic: send requests and lint again"
_PARTS = ("_count", "_sum", "_bucket")


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family of a scrape.

    Attributes:
        kind: As its TYPE line says: counter, gauge, histogram, summary; "unknown" without one.
        labels: The label set of each series, without `le` and `quantile`.
        edges: Upper edges of a histogram's buckets, ascending.
    """

    kind: str
    labels: tuple[Mapping[str, str], ...] = ()
    edges: tuple[float, ...] = ()


FindingLevel = Literal["error", "warning"]


class Advice(NamedTuple):
    """A text of advice, and its place in the file."""

    place: Place
    text: str
    level: FindingLevel = "warning"


_Found = Iterator[Advice]


def metric_findings(
    budgets: Iterable[Budget], families: Mapping[str, Family], started: bool, found: Recognition
) -> _Found:
    """Advice on metrics that are missing, or that do not fit their indicator.

    Args:
        budgets: The judged budgets.
        families: By name; the name of a counter has `_total` or not.
        started: Whether the harness starts the service, and adds missing CPU and memory metrics.
        found: What plays each role in the service.
    """
    for budget in budgets:
        place: Place = ("budgets", budget.name, "indicator")
        if roles := lacking(budget.indicator):
            unknown = roles[0] not in found.played and roles[0].group not in found.ambiguous
            later = f"; {_FIRST_TRAFFIC}" if unknown else ""
            yield Advice(place, f"{found.lacks(roles[0])}{later}", "error")
            continue
        may_be_zero = isinstance(budget.indicator, Ratio | Rate | PerRequest)
        for number, (selector, types) in enumerate(typed_selectors(budget.indicator)):
            family = family_of(selector.metric, families)
            if family is not None:
                zero = may_be_zero and number == 0
                yield from _on_labels(selector, family, place, zero=zero)
                yield from _on_kind(types, selector.metric, family, place)
            elif selector.absent_is_zero:
                yield Advice(place, f"the service exposes no {selector.metric}, which counts as 0")
            elif selector.metric not in REPORTED_BYTES and not (
                started and selector.metric in HOST_METRICS | SERVICE_COSTS
            ):
                meant = closest(selector.metric, families, _LIKENESS)
                yield Advice(
                    place,
                    f"the service exposes no metric {selector.metric}; {meant}{_FIRST_TRAFFIC}",
                    "error",
                )
            if family is not None and isinstance(budget.indicator, Quantile):
                yield from _on_edges(budget, family, selector.scale)


def family_of(metric: str, families: Mapping[str, Family]) -> Family | None:
    """The family that a series of this name belongs to."""
    for name in (metric, metric.removesuffix("_total"), f"{metric}_total"):
        if name in families:
            return families[name]
    for part in _PARTS:
        whole = families.get(metric.removesuffix(part))
        if metric.endswith(part) and whole and whole.kind in {"histogram", "summary"}:
            return whole
    return None


def _on_labels(selector: Selector, family: Family, place: Place, *, zero: bool) -> _Found:
    """Advice on filters; `zero` says that a counter without series is zero."""
    known = sorted({label for labels in family.labels for label in labels})
    where = {name: one for name, one in selector.matchers.items() if name not in ADDED_LABELS}
    for label in selector.where.keys() - where.keys():
        if EXPORTED + label in known:
            yield Advice(
                place,
                f"the label {label} of {selector.metric} is named {EXPORTED}{label} in a run, as "
                f"in Prometheus; write {EXPORTED}{label}",
                "error",
            )
    fits = Selector(selector.metric, {name: selector.where[name] for name in where}).selects
    if not family.labels or any(map(fits, family.labels)):
        return
    for label, one in where.items():
        if label not in known:
            if one.matches(""):
                continue
            yield Advice(place, _unknown_label(selector, label, known), "error")
            return
        seen = sorted({labels[label] for labels in family.labels if label in labels})
        if not any(map(one.matches, seen)):
            yield _on_value(selector, label, seen, place, zero=zero)
            return
    yield Advice(place, f"no single series of {selector.metric} has all labels of `where` yet")


def _unknown_label(selector: Selector, label: str, known: list[str]) -> str:
    has = f"its labels are {', '.join(known)}" if known else "it has none"
    return f"{selector.metric} has no label {label}; {closest(label, known)}{has}"


def unknown_labels(budgets: Iterable[Budget], families: Mapping[str, Family]) -> Iterator[str]:
    """A sentence for each budget that filters by a label that its metric does not have.

    Metrics that are not exposed yet are left out.

    Args:
        budgets: Of the scenario.
        families: The metrics of the service before the load, by name.
    """
    for budget in budgets:
        for selector in selectors(budget.indicator):
            family = family_of(selector.metric, families)
            if family is None or not family.labels:
                continue
            known = sorted({label for one in family.labels for label in one})
            for label, wanted in selector.matchers.items():
                if label not in {*known, *ADDED_LABELS} and not wanted.matches(""):
                    yield f"{budget.name}: {_unknown_label(selector, label, known)}"


def _on_value(
    selector: Selector, label: str, seen: list[str], place: Place, *, zero: bool
) -> Advice:
    """A filter that matches no series: a mistake, or one of a counter that is not born yet."""
    shown = ", ".join(f'"{one}"' for one in seen[:8])
    filtered = selector.matchers[label]
    text = f"no series of {selector.metric} has {label}{filtered} yet"
    if meant := mistake(filtered, seen):
        wrong = not selector.absent_is_zero
        return Advice(
            place,
            f"{text}, and none can come: {meant}; seen: {shown}",
            "error" if wrong else "warning",
        )
    near = closest(filtered.value, seen) if filtered.operator == "=" else ""
    text += ", which counts as 0" if zero else ""
    return Advice(place, f"{text}; {near}seen: {shown}")


def _on_kind(types: tuple[str, ...], metric: str, family: Family, place: Place) -> _Found:
    """Whether the metric is of a type that the indicator computes with."""
    parts = types == ("counter",) and metric.endswith(_PARTS)
    fits = ("counter", "histogram", "summary") if parts else types
    if family.kind in {*fits, "unknown"}:
        return
    text = f"{metric} is a {family.kind}, where a {listed(fits)} is needed"
    if fits == ("counter",) and family.kind in {"histogram", "summary"}:
        text += f"; {metric}_count and {metric}_sum are counters"
    yield Advice(place, text, "error")


def edges_near(family: Family, scale: float, bound: float) -> tuple[float, ...]:
    """The edges on both sides of a bound at which no bucket of a histogram ends.

    Args:
        family: The histogram.
        scale: Its unit in the base unit.
        bound: In the base unit.

    Returns:
        One or two edges in the base unit; none if a bucket ends at the bound, or none is known.
    """
    edges = [edge * scale for edge in family.edges if isfinite(edge)]
    if any(isclose(edge, bound, rel_tol=1e-9) for edge in edges):
        return ()
    below = [edge for edge in edges if edge < bound][-1:]
    return (*below, *[edge for edge in edges if edge > bound][:1])


def unlike_edge(family: Family, scale: float, bound: float) -> float | None:
    """The edge at a bound that an alert does not find, because it is not written like the bound.

    Where a service adds up the edges, 0.3 s becomes 0.30000000000000004. The judge and PromQL's
    numbers see no difference; the label `le` is a text.

    Args:
        family: The histogram.
        scale: Its unit in the base unit.
        bound: In the base unit.

    Returns:
        The edge in the metric's own unit; None if an edge is written like the bound, or none is
        there.
    """
    wanted = in_own_unit(bound, scale)
    at_bound = [edge for edge in family.edges if isclose(edge, wanted, rel_tol=1e-9)]
    return None if wanted in at_bound else next(iter(at_bound), None)


def _on_edges(budget: Budget, family: Family, scale: float) -> _Found:
    place: Place = ("budgets", budget.name)
    bounds: dict[Place, tuple[float, str]] = {
        (*place, budget.direction): (budget.bound, "the verdict is interpolated")
    }
    if budget.alert:
        lost = "the alert finds no series"
        bounds[*place, "alert", budget.direction] = (budget.alert.bound, lost)
    for at, (bound, so) in bounds.items():
        if nearest := edges_near(family, scale, bound):
            shown = format_quantity(bound, budget.unit)
            near = " and ".join(format_quantity(edge, budget.unit) for edge in nearest)
            yield Advice(
                at,
                f"the histogram has no bucket edge at {shown} (nearest: {near}), so {so};"
                f" add a bucket at {shown}, or move the bound",
            )
        elif at[-2] == "alert" and (edge := unlike_edge(family, scale, bound)) is not None:
            yield Advice(
                at,
                f"the bucket of the histogram ends at {edge!r}, which is not written like the bound"
                f" {format_quantity(bound, budget.unit)}, so the alert finds no series; round the"
                " edges in the service",
            )
