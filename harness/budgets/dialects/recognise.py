"""Which metric plays each role, decided from the metric families of a service.

A dialect fits a group of roles if the service exposes a family of the right name, type and labels
for each role that is not optional. The fit that explains the most labels wins. Fits that explain as
much and name different metrics are ambiguous: the user must choose.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache

from harness.budgets.dialects.model import (
    HARNESS,
    Dialect,
    MetricRole,
    Recognition,
    RoleGroup,
    RoleMetric,
    RolePattern,
    Shape,
)
from harness.budgets.dialects.read import dialects
from harness.budgets.dialects.requests import RequestNames, requests_of, with_requests
from harness.budgets.lint.metrics import Family, family_of
from harness.budgets.model import Target

PROCESS = "process"
DEFAULT = ("opentelemetry",)
_PREFIX = "{prefix}"
_PARTS = ("_count", "_sum", "_bucket")


@cache
def by_default() -> Recognition:
    """The roles of a service that nobody has looked at: those of OpenTelemetry."""
    return assumed(DEFAULT)


def assumed(names: Iterable[str], requests: RequestNames | None = None) -> Recognition:
    """The roles that dialects name, without a look at the service.

    Args:
        names: Of the dialects.
        requests: `target.requests`: its metric is a histogram, unless it is named as a counter.

    Raises:
        KeyError: There is no such dialect.
    """
    played: dict[MetricRole, RoleMetric] = {}
    for name in (*names, PROCESS):
        dialect = dialects()[name]
        for role, pattern in dialect.roles.items():
            metric = _bound(dialect, pattern, dialect.prefix, pattern.shapes[0], frozenset())
            played.setdefault(role, metric)
    if requests is None:
        return _with_process(Recognition(played))
    played.pop(MetricRole.IN_FLIGHT, None)  # only a look tells whether there is another metric
    found = _with_process(Recognition(played))
    counter = requests.metric.endswith(("_total", "_count"))
    return with_requests(found, requests, "counter" if counter else "histogram")


def recognise_target(families: Mapping[str, Family], target: Target | None) -> Recognition:
    """What plays each role in a service, with the dialects and the requests that a plan names."""
    if target is None:
        return recognise(families)
    return recognise(families, target.dialects, requests_of(target))


def recognise(
    families: Mapping[str, Family],
    chosen: Iterable[str] = (),
    requests: RequestNames | None = None,
) -> Recognition:
    """What plays each role in a service.

    Args:
        families: Of its exposition, by name; the name of a counter has `_total` or not.
        chosen: `target.dialect`: only these dialects are tried; empty tries all.
        requests: `target.requests`: takes the place of what is recognised for the requests.
    """
    wanted = [*chosen]
    names = [*wanted, PROCESS] if wanted else dialects()
    candidates = [dialects()[name] for name in dict.fromkeys(names)]
    played: dict[MetricRole, RoleMetric] = {}
    ambiguous: dict[RoleGroup, tuple[RoleMetric, ...]] = {}
    alike: dict[str, tuple[str, ...]] = {}
    used: list[str] = []
    for group in RoleGroup:
        fits = [fit for one in candidates for fit in _fits(one, group, families)]
        best = _best(fits, used)
        if len(best) > 1:
            ambiguous[group] = tuple(next(iter(one.played.values())) for one in best)
        elif best:
            played |= best[0].played
            name = best[0].dialect.name
            if name not in used and (others := _others_alike(best[0], fits)):
                alike[name] = others
            used.append(name)
    found = _with_process(Recognition(played, ambiguous, alike))
    if requests is None:
        return found
    family = family_of(requests.metric, families)
    return with_requests(found, requests, family.kind if family else "unknown")


def subject_of(metric: str, found: Recognition) -> RoleGroup | None:
    """The group of roles that a metric of a service belongs to; None if no dialect says it."""
    base = _without_part(metric)
    for role, one in found.played.items():
        if _without_part(one.metric) == base:
            return role.group
    for name in dict.fromkeys(one.dialect for one in found.played.values()):
        dialect = dialects().get(name)
        for group, starts in dialect.families.items() if dialect else ():
            if metric.startswith(starts):
                return group
    return None


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a metric is about, by its name alone.

    Attributes:
        role: The role that it plays in a dialect; None for another metric of its group.
        labels: Label names by meaning in the group: "route", "operation", "name".
    """

    group: RoleGroup
    role: MetricRole | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@lru_cache(maxsize=1000)
def meaning_of(metric: str) -> Meaning | None:
    """What a metric is about in any dialect, for texts and charts; None for an unknown one."""
    base = _without_part(metric)
    every = [dialects()[name] for name in (*DEFAULT, PROCESS)]
    every += [dialect for dialect in dialects().values() if dialect not in every]
    for dialect in every:
        for role, pattern in dialect.roles.items():
            if _without_part(_named(pattern.metric, dialect.prefix)) == base:
                return Meaning(role.group, role, _labels_of(dialect, role.group))
    for dialect in every:
        for group, starts in dialect.families.items():
            if metric.startswith(starts):
                return Meaning(group, None, _labels_of(dialect, group))
    return None


def _labels_of(dialect: Dialect, group: RoleGroup) -> dict[str, str]:
    labels: dict[str, str] = {}
    for role, pattern in dialect.roles.items():
        if role.group is group:
            labels = {meaning: names[0] for meaning, names in pattern.labels.items()} | labels
    return labels


# --- one dialect --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Fit:
    """A dialect that fits the families for one group.

    Attributes:
        explained: How many roles and labels it explains.
        own: Whether the metrics have the library's own prefix.
    """

    dialect: Dialect
    played: Mapping[MetricRole, RoleMetric]
    explained: tuple[int, int]
    own: bool


def _fits(dialect: Dialect, group: RoleGroup, families: Mapping[str, Family]) -> list[_Fit]:
    """The fits of a dialect, one for each prefix with which the service has its metrics."""
    patterns = {role: one for role, one in dialect.roles.items() if role.group is group}
    found = (
        _fit_with(dialect, patterns, prefix, families)
        for prefix in _prefixes(dialect, patterns.values(), families)
    )
    return [fit for fit in found if fit is not None]


def _prefixes(
    dialect: Dialect, patterns: Iterable[RolePattern], families: Mapping[str, Family]
) -> list[str]:
    """The prefixes to try, the library's own first."""
    found = [dialect.prefix]
    for pattern in patterns:
        if _PREFIX not in pattern.metric:
            continue
        name = re.escape(_without_part(pattern.metric)).replace(re.escape(_PREFIX), "(.*)")
        matches = (re.fullmatch(f"{name}(?:_total)?", family) for family in families)
        found += [match[1] for match in matches if match]
    return list(dict.fromkeys(found))


def _without_part(metric: str) -> str:
    for part in (*_PARTS, "_total"):
        metric = metric.removesuffix(part)
    return metric


def _fit_with(
    dialect: Dialect,
    patterns: Mapping[MetricRole, RolePattern],
    prefix: str,
    families: Mapping[str, Family],
) -> _Fit | None:
    played: dict[MetricRole, RoleMetric] = {}
    explained = 0
    for role, pattern in patterns.items():
        family = family_of(_named(pattern.metric, prefix), families)
        shape = None if family is None else _shape(pattern, prefix, family)
        if family is None or shape is None:
            if not pattern.optional:
                return None
            continue
        labels = _labels(family)
        apart = (pattern.labels.get(name, labels) for name in pattern.where)
        if labels and any(map(labels.isdisjoint, apart)):
            continue  # no label tells its series from others, e.g. errors without a status
        meant = {name for names in pattern.labels.values() for name in names}
        explained += len(labels & {*pattern.needs, *pattern.also, *meant})
        played[role] = _bound(dialect, pattern, prefix, shape, labels)
    if not played:
        return None
    own = bool(prefix) and prefix == dialect.prefix
    return _Fit(dialect, played, (explained, len(played)), own)


def _labels(family: Family) -> frozenset[str]:
    return frozenset(label for labels in family.labels for label in labels)


def _shape(pattern: RolePattern, prefix: str, family: Family) -> Shape | None:
    """What a family is for a role; None if its type or its labels do not fit."""
    if family.labels and not _labels(family).issuperset(pattern.needs):
        return None
    part = _named(pattern.metric, prefix).endswith(_PARTS)
    if family.kind == "unknown" or (part and family.kind in {"histogram", "summary"}):
        return pattern.shapes[0]
    return next((shape for shape in pattern.shapes if shape == family.kind), None)


def _bound(
    dialect: Dialect, pattern: RolePattern, prefix: str, shape: Shape, seen: frozenset[str]
) -> RoleMetric:
    """The metric of a role, with the labels that the family has; all of them if it has none yet."""
    labels = {
        meaning: next((name for name in names if name in seen), names[0])
        for meaning, names in pattern.labels.items()
        if not seen or seen.intersection(names)
    }
    where = {
        labels.get(name, pattern.labels.get(name, (name,))[0]): value
        for name, value in pattern.where.items()
    }
    return RoleMetric(
        dialect.name,
        _named(pattern.metric, prefix),
        shape,
        where,
        labels,
        pattern.unit,
        _named(pattern.count, prefix),
    )


def _named(metric: str, prefix: str) -> str:
    return metric.replace(_PREFIX, prefix)


# --- the choice ---------------------------------------------------------------------------------


def _best(fits: list[_Fit], used: list[str]) -> list[_Fit]:
    """The fit of a group; several if nothing decides between them."""
    named = [fit for fit in fits if not fit.dialect.generic] or fits
    kept: list[_Fit] = []
    for fit in sorted(
        named, key=lambda one: (one.explained, one.own, one.dialect.name in used), reverse=True
    ):
        rivals = [one for one in kept if _metrics(one) & _metrics(fit)]
        if all(one.explained == fit.explained and not _alike(one, fit) for one in rivals):
            kept.append(fit)
    return kept


def _metrics(fit: _Fit) -> set[str]:
    return {_without_part(one.metric) for one in fit.played.values()}


def _alike(one: _Fit, other: _Fit) -> bool:
    """Whether two dialects name the same series."""
    return {role: replace(metric, dialect="") for role, metric in one.played.items()} == {
        role: replace(metric, dialect="") for role, metric in other.played.items()
    }


def _others_alike(best: _Fit, fits: list[_Fit]) -> tuple[str, ...]:
    """Names of further dialects that fit as well and name the same series."""
    return tuple(
        fit.dialect.name
        for fit in fits
        if fit.dialect is not best.dialect
        and (fit.explained, fit.own, fit.dialect.generic)
        == (best.explained, best.own, best.dialect.generic)
        and _alike(fit, best)
    )


# --- additions ----------------------------------------------------------------------------------


_OF_HARNESS = (MetricRole.CPU, MetricRole.MEMORY, MetricRole.SWITCHES, MetricRole.FAULTS)


def _with_process(found: Recognition) -> Recognition:
    """CPU and memory, which the harness itself reads where the service does not expose them."""
    return replace(found, played={**_of_harness(*_OF_HARNESS), **found.played})


def with_process_tree(found: Recognition) -> Recognition:
    """A service that the harness started, whose CPU time it reads with that of all its children."""
    return replace(found, played={**found.played, **_of_harness(MetricRole.TREE_CPU)})


def _of_harness(*roles: MetricRole) -> dict[MetricRole, RoleMetric]:
    process = dialects()[PROCESS]
    bound = {role: (process.roles[role], process.roles[role].shapes[0]) for role in roles}
    return {
        role: replace(_bound(process, pattern, "", shape, frozenset()), dialect=HARNESS)
        for role, (pattern, shape) in bound.items()
    }
