"""Roles of metrics, the dialects that name a metric for each role, and what was recognised.

A role is the meaning of a metric, such as "pool in use". A dialect is the set of names that one
library gives to these meanings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

from harness.budgets.model import MILLISECONDS, Indicator, Selector, selectors

Shape = Literal["counter", "gauge", "histogram", "summary"]
MetricUnit = Literal["s", "ms", "bytes", "1"]
HARNESS: Final = "harness"  # the dialect of metrics that the harness itself reads in a run
SCALES: Mapping[str, float] = {"ms": MILLISECONDS}


class RoleGroup(StrEnum):
    """Roles that one library plays together; a service may use a library for each group."""

    HTTP = "http"
    POOL = "pool"
    DATABASE = "database"
    CACHE = "cache"
    TASKS = "tasks"
    LOOP = "loop"
    GC = "gc"
    PROCESS = "process"


class MetricRole(StrEnum):
    """The meaning of a metric; the value is its name in messages and in the data files."""

    SERVER_LATENCY = "server latency"
    # All requests together, where the library has finer buckets without labels.
    SERVER_LATENCY_OVERALL = "server latency, overall"
    REQUESTS = "requests"
    ERRORS = "errors"
    IN_FLIGHT = "requests in flight"
    POOL_USED = "pool in use"
    POOL_LIMIT = "pool limit"
    POOL_WAIT = "pool wait"
    POOL_PENDING = "pool pending"
    POOL_TIMEOUTS = "pool time-outs"
    DATABASE_TIME = "database time"
    DATABASE_OPERATIONS = "database operations"
    CACHE_HITS = "cache hits"
    CACHE_GETS = "cache gets"
    CACHE_TIME = "cache time"
    CACHE_PUTS = "cache puts"
    CACHE_EVICTIONS = "cache evictions"
    CACHE_SIZE = "cache size"
    TASK_TIME = "background task time"
    TASK_FAILURES = "background task failures"
    TASK_RETRIES = "background task retries"
    TASKS_WAITING = "background tasks waiting"
    TASKS_RUNNING = "background tasks running"
    LOOP_LAG = "event loop lag"
    GC_TIME = "GC time"
    ALLOCATED = "allocated memory"
    CPU = "process CPU"
    TREE_CPU = "CPU of all processes"  # of the service, its child processes included
    SWITCHES = "context switches"
    FAULTS = "page faults"
    MEMORY = "process memory"
    START_TIME = "process start time"
    CPU_COUNT = "CPU count"
    MEMORY_LIMIT = "memory limit"

    @property
    def group(self) -> RoleGroup:
        """The group of the role."""
        return _GROUPS[self]


_GROUPS: Mapping[MetricRole, RoleGroup] = {
    MetricRole.SERVER_LATENCY: RoleGroup.HTTP,
    MetricRole.SERVER_LATENCY_OVERALL: RoleGroup.HTTP,
    MetricRole.REQUESTS: RoleGroup.HTTP,
    MetricRole.ERRORS: RoleGroup.HTTP,
    MetricRole.IN_FLIGHT: RoleGroup.HTTP,
    MetricRole.POOL_USED: RoleGroup.POOL,
    MetricRole.POOL_LIMIT: RoleGroup.POOL,
    MetricRole.POOL_WAIT: RoleGroup.POOL,
    MetricRole.POOL_PENDING: RoleGroup.POOL,
    MetricRole.POOL_TIMEOUTS: RoleGroup.POOL,
    MetricRole.DATABASE_TIME: RoleGroup.DATABASE,
    MetricRole.DATABASE_OPERATIONS: RoleGroup.DATABASE,
    MetricRole.CACHE_HITS: RoleGroup.CACHE,
    MetricRole.CACHE_GETS: RoleGroup.CACHE,
    MetricRole.CACHE_TIME: RoleGroup.CACHE,
    MetricRole.CACHE_PUTS: RoleGroup.CACHE,
    MetricRole.CACHE_EVICTIONS: RoleGroup.CACHE,
    MetricRole.CACHE_SIZE: RoleGroup.CACHE,
    MetricRole.TASK_FAILURES: RoleGroup.TASKS,
    MetricRole.TASK_RETRIES: RoleGroup.TASKS,
    MetricRole.TASKS_WAITING: RoleGroup.TASKS,
    MetricRole.TASKS_RUNNING: RoleGroup.TASKS,
    MetricRole.TASK_TIME: RoleGroup.TASKS,
    MetricRole.LOOP_LAG: RoleGroup.LOOP,
    MetricRole.GC_TIME: RoleGroup.GC,
    MetricRole.ALLOCATED: RoleGroup.GC,
    MetricRole.CPU: RoleGroup.PROCESS,
    MetricRole.TREE_CPU: RoleGroup.PROCESS,
    MetricRole.SWITCHES: RoleGroup.PROCESS,
    MetricRole.FAULTS: RoleGroup.PROCESS,
    MetricRole.MEMORY: RoleGroup.PROCESS,
    MetricRole.START_TIME: RoleGroup.PROCESS,
    MetricRole.CPU_COUNT: RoleGroup.PROCESS,
    MetricRole.MEMORY_LIMIT: RoleGroup.PROCESS,
}


@dataclass(frozen=True, slots=True)
class RoleMetric:
    """The metric that plays a role.

    Attributes:
        dialect: Name of the dialect that says so.
        metric: A series name of a counter or gauge; the name of a whole histogram or summary.
        shape: What the indicator computes with.
        where: Labels that its series must have.
        labels: Label names by meaning: "route", "method", "status".
        unit: Of the metric.
        count: With a counter of time: the counter of the events that took it.
    """

    dialect: str
    metric: str
    shape: Shape
    where: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    unit: MetricUnit = "1"
    count: str = ""

    @property
    def selector(self) -> Selector:
        """Its series, in the base unit."""
        return Selector(self.metric, dict(self.where), scale=SCALES.get(self.unit, 1.0))

    @property
    def events(self) -> Selector:
        """The counter of its events: the count of a histogram, or of a counter of time."""
        if self.shape in {"histogram", "summary"}:
            return self.selector.part("count")
        return Selector(self.count or self.metric, dict(self.where))


@dataclass(frozen=True, slots=True)
class RolePattern:
    """What a dialect says of a role.

    Attributes:
        metric: Its name; `{prefix}` in it is chosen by the user of the library.
        shapes: The types that it can have.
        needs: Labels without which a metric of this name is another library's.
        also: Labels that can be switched off.
        where: Labels that its series must have; a key of `labels` stands for that label.
        labels: Label names by meaning, each with the names that it can have.
        optional: Whether the dialect is recognised without it.
    """

    metric: str
    shapes: tuple[Shape, ...]
    needs: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unit: MetricUnit = "1"
    count: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """The names that one library gives to roles.

    Attributes:
        name: In `target.dialect` and in messages.
        title: For people.
        source: Where the names were read.
        prefix: The library's own choice for `{prefix}`.
        families: By group, how the names of its other metrics begin.
        generic: It matches names that users choose, so any other dialect comes first.
    """

    name: str
    title: str
    source: str
    roles: Mapping[MetricRole, RolePattern]
    prefix: str = ""
    generic: bool = False
    families: Mapping[RoleGroup, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recognition:
    """What plays each role in one service.

    Attributes:
        played: The metric of each role.
        ambiguous: Groups for which several dialects fit, with their candidates.
        alike: By dialect, further dialects that name the same series; not stored.
    """

    played: Mapping[MetricRole, RoleMetric] = field(default_factory=dict)
    ambiguous: Mapping[RoleGroup, tuple[RoleMetric, ...]] = field(default_factory=dict)
    alike: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)

    def __getitem__(self, role: MetricRole) -> RoleMetric | None:
        """The metric of a role; None when nothing plays it."""
        return self.played.get(role)

    @property
    def dialects(self) -> tuple[str, ...]:
        """Names of the dialects that were recognised, in the order of the roles."""
        used = dict.fromkeys(metric.dialect for metric in self.played.values())
        known = [name for name in used if name not in {HARNESS, "process"}]
        return tuple(dict.fromkeys(n for one in known for n in (one, *self.alike.get(one, ()))))

    @property
    def exposed(self) -> frozenset[str]:
        """The metrics of roles that the service itself exposes."""
        return frozenset(one.metric for one in self.played.values() if one.dialect != HARNESS)

    @property
    def summary(self) -> str:
        """The dialect of each group of metrics, in a line."""
        groups = {role.group: one.dialect for role, one in self.played.items()}
        known = [
            f"{group} {' or '.join((name, *self.alike.get(name, ())))}"
            for group, name in groups.items()
            if name in self.dialects
        ]
        asked = [f"{group} (two dialects fit)" for group in self.ambiguous]
        return f"recognised metrics: {', '.join(known + asked) or 'none'}"

    def lacks(self, role: MetricRole) -> str:
        """Why no metric plays a role, and what to do."""
        between = self.ambiguous.get(role.group)
        if between:
            found = " or ".join(f"{one.metric} (dialect {one.dialect})" for one in between)
            names = " or ".join(dict.fromkeys(one.dialect for one in between))
            return f"two metrics can play the role '{role}': {found}; write target.dialect: {names}"
        known = ", ".join(self.dialects) or "no dialect"
        summary = self.played.get(role)
        if summary is not None and summary.shape == "summary":
            return (
                f"{summary.metric} is a summary, whose quantiles cannot be combined over series or "
                "over the window; use its mean (server_latency_mean, or kind: mean), or let "
                "the service expose a histogram"
            )
        return (
            f"no metric of this service plays the role '{role}'; recognised: {known}; name the "
            "metric under `indicators:`, or its library with target.dialect"
        )

    def as_json(self) -> dict[str, Any]:
        """A document for run.json."""
        return {
            "roles": {role.value: _document(metric) for role, metric in self.played.items()},
            "ambiguous": {
                group.value: [_document(metric) for metric in metrics]
                for group, metrics in self.ambiguous.items()
            },
        }

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Recognition:
        """The recognition of a stored run.

        Raises:
            ValueError: The document is of another version, or damaged.
        """
        try:
            played = {
                MetricRole(role): RoleMetric(**one) for role, one in document["roles"].items()
            }
            ambiguous = {
                RoleGroup(group): tuple(RoleMetric(**one) for one in metrics)
                for group, metrics in document["ambiguous"].items()
            }
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"the roles of its metrics cannot be read: {error}") from error
        return cls(played, ambiguous)


def _document(metric: RoleMetric) -> dict[str, Any]:
    found: dict[str, Any] = {
        "dialect": metric.dialect,
        "metric": metric.metric,
        "shape": metric.shape,
        "where": dict(metric.where),
        "labels": dict(metric.labels),
        "unit": metric.unit,
        "count": metric.count,
    }
    return {key: value for key, value in found.items() if value}


# --- roles that nothing plays -------------------------------------------------------------------

_UNPLAYED: Final = "role:"  # no exporter's metric has a colon: Prometheus keeps it for rules


def unplayed(role: MetricRole) -> Selector:
    """Stands for the metric of a role that nothing plays; it has no series, so never a value."""
    return Selector(_UNPLAYED + re.sub(r"\W+", "_", role.value))


def role_of(metric: str) -> MetricRole | None:
    """The role whose missing metric a name stands for; None for the name of a metric."""
    return _ROLES.get(metric)


_ROLES: Mapping[str, MetricRole] = {unplayed(role).metric: role for role in MetricRole}


def lacking(indicator: Indicator) -> tuple[MetricRole, ...]:
    """The roles of an indicator that nothing plays."""
    found = (role_of(selector.metric) for selector in selectors(indicator))
    return tuple(role for role in found if role is not None)
