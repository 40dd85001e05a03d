"""Roles of metrics, the dialects that name a metric for each role, and what was recognised.

A role is the meaning of a metric, such as "pool in use". A dialect is the set of names that one
library gives to these meanings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from harness.budgets.model import Selector

Shape = Literal["counter", "gauge", "histogram", "summary"]
Unit = Literal["s", "ms", "bytes", "1"]
SCALES: Mapping[str, float] = {"ms": 0.001}


class Group(StrEnum):
    """Roles that one library plays together; a service may use a library for each group."""

    HTTP = "http"
    POOL = "pool"
    DATABASE = "database"
    CACHE = "cache"
    TASKS = "tasks"
    LOOP = "loop"
    GC = "gc"
    PROCESS = "process"


class Role(StrEnum):
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
    TASK_TIME = "background task time"
    LOOP_LAG = "event loop lag"
    GC_TIME = "GC time"
    CPU = "process CPU"
    MEMORY = "process memory"

    @property
    def group(self) -> Group:
        """The group of the role."""
        return _GROUPS[self]


_GROUPS: Mapping[Role, Group] = {
    Role.SERVER_LATENCY: Group.HTTP,
    Role.SERVER_LATENCY_OVERALL: Group.HTTP,
    Role.REQUESTS: Group.HTTP,
    Role.ERRORS: Group.HTTP,
    Role.IN_FLIGHT: Group.HTTP,
    Role.POOL_USED: Group.POOL,
    Role.POOL_LIMIT: Group.POOL,
    Role.POOL_WAIT: Group.POOL,
    Role.POOL_PENDING: Group.POOL,
    Role.POOL_TIMEOUTS: Group.POOL,
    Role.DATABASE_TIME: Group.DATABASE,
    Role.DATABASE_OPERATIONS: Group.DATABASE,
    Role.CACHE_HITS: Group.CACHE,
    Role.CACHE_GETS: Group.CACHE,
    Role.CACHE_TIME: Group.CACHE,
    Role.TASK_TIME: Group.TASKS,
    Role.LOOP_LAG: Group.LOOP,
    Role.GC_TIME: Group.GC,
    Role.CPU: Group.PROCESS,
    Role.MEMORY: Group.PROCESS,
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
    unit: Unit = "1"
    count: str = ""

    @property
    def selector(self) -> Selector:
        """Its series, in the base unit."""
        return Selector(self.metric, dict(self.where), SCALES.get(self.unit, 1.0))

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
    unit: Unit = "1"
    count: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """The names that one library gives to roles.

    Attributes:
        name: In `target.dialect` and in messages.
        title: For people.
        source: Where the names were read.
        generic: It matches names that users choose, so any other dialect comes first.
    """

    name: str
    title: str
    source: str
    roles: Mapping[Role, RolePattern]
    prefix: str = ""
    generic: bool = False


@dataclass(frozen=True, slots=True)
class Recognition:
    """What plays each role in one service.

    Attributes:
        played: The metric of each role.
        ambiguous: Groups for which several dialects fit, with their candidates.
    """

    played: Mapping[Role, RoleMetric] = field(default_factory=dict)
    ambiguous: Mapping[Group, tuple[RoleMetric, ...]] = field(default_factory=dict)

    def __getitem__(self, role: Role) -> RoleMetric | None:
        """The metric of a role; None when nothing plays it."""
        return self.played.get(role)

    @property
    def dialects(self) -> tuple[str, ...]:
        """Names of the dialects that were recognised, in the order of the roles."""
        return tuple(dict.fromkeys(metric.dialect for metric in self.played.values()))

    def lacks(self, role: Role) -> str:
        """Why no metric plays a role, and what to do."""
        between = self.ambiguous.get(role.group)
        if between:
            found = " or ".join(f"{one.metric} (dialect {one.dialect})" for one in between)
            names = " or ".join(dict.fromkeys(one.dialect for one in between))
            return f"two metrics can play the role '{role}': {found}; write target.dialect: {names}"
        known = ", ".join(self.dialects) or "no dialect"
        return (
            f"no metric of this service plays the role '{role}'; recognised: {known}; name the "
            "metric with an indicator of your own, or correct target.dialect"
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
            played = {Role(role): RoleMetric(**one) for role, one in document["roles"].items()}
            ambiguous = {
                Group(group): tuple(RoleMetric(**one) for one in metrics)
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
