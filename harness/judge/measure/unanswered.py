"""Requests without an answer, by how long each had waited when the run stopped waiting for it.

Such a wait is a right-censored value: the request takes at least so long, and nothing is known of
how much longer. So a bound is breached for certain when it is breached although each of them ends
now, and kept for certain when it is kept although none of them ever ends (worst-case bounds, Manski
2003, "Partial Identification of Probability Distributions", 1). The same holds for arrivals of the
open model that no user took, where the users waited for the service.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from harness.budgets.model import Budget, ErrorRatio, Latency, Throughput
from harness.names import (
    GENERATOR_CANARY,
    GENERATOR_LOOP_LAG,
    GENERATOR_USERS,
    LATENCY,
    SOURCE,
    UNANSWERED_LATENCY,
    UNANSWERED_SERVICE_TIME,
    UNSTARTED_LATENCY,
)
from harness.runs.model import Distribution, Evidence, LatencyKey
from harness.units import counted

Batched = Mapping[int, Distribution]

# The share of the users that must be waiting for an answer at the end of the drain: the others may
# be between two requests.
_STUCK = 0.9
# They must have waited for this many seconds, and this many times longer than the generator was
# ever late: so the generator is not the cause.
_LONG = 1.0
_TIMES_LAG = 10.0


class StuckUsers(NamedTuple):
    """Users that waited for an answer at the end of the drain.

    Attributes:
        waiting: Requests without an answer, one of each user.
        users: Users that were alive.
    """

    waiting: int
    users: int

    @property
    def text(self) -> str:
        """Such as "all 100 users"."""
        if self.waiting >= self.users:
            return f"all {counted(self.users, 'user')}"
        return f"{self.waiting} of {self.users} users"


def unanswered_of(
    indicator: Latency | ErrorRatio | Throughput, evidence: Evidence, *, service_time: bool = False
) -> dict[str, Batched]:
    """The waits of the window's unanswered requests that an indicator is on, by name and batch.

    An indicator on failures alone has none: whether such a request would fail is not known.

    Args:
        indicator: Of a budget.
        evidence: The run.
        service_time: Whether waits count from the real start instead of the intended one.
    """
    if isinstance(indicator, Latency) and indicator.outcome == "error":
        return {}
    what = UNANSWERED_SERVICE_TIME if service_time else UNANSWERED_LATENCY
    return {
        key.request: batches
        for key, batches in evidence.batches.items()
        if key.what == what and indicator.request in {None, key.request}
    }


def unanswered_counts(evidence: Evidence) -> dict[str, int]:
    """How many requests of the window had no answer, by name."""
    found: dict[str, int] = {}
    for key, times in evidence.latency.items():
        if key.what == UNANSWERED_LATENCY and times.count:
            found[key.request] = found.get(key.request, 0) + times.count
    return found


def unstarted(evidence: Evidence) -> Batched:
    """The waits of the window's arrivals that no user took, by batch."""
    found: dict[int, list[Distribution]] = {}
    for key, batches in evidence.batches.items():
        if key.what == UNSTARTED_LATENCY:
            for number, times in batches.items():
                found.setdefault(number, []).append(times)
    return {number: Distribution.merge(parts) for number, parts in found.items()}


def unstarted_of(budget: Budget, evidence: Evidence) -> Batched:
    """The waits of the arrivals that count for a budget: those that the service kept waiting.

    They are latencies of some request, and it is not known of which: so a budget on one request
    name, and one on service time, has none. The pool of users must be as large as a service needs
    that is exactly at the bound (Little 1961, Operations Research 9).
    """
    indicator = budget.indicator
    if not isinstance(indicator, Latency) or indicator.request is not None:
        return {}
    if indicator.of != LATENCY or indicator.outcome == "error":
        return {}
    found = unstarted(evidence)
    enough = found and _users_suffice(evidence, budget.bound) and stuck_users(evidence)
    return found if enough else {}


def stuck_users(evidence: Evidence) -> StuckUsers | None:
    """The users, if nearly all of them waited for an answer, and the generator is not the cause."""
    last: dict[str, tuple[float, float]] = {}
    for series in evidence.series:
        if series.name == GENERATOR_USERS and series.times:
            source = series.labels.get(SOURCE, "")
            last[source] = max(last.get(source, (0.0, 0.0)), (series.times[-1], series.values[-1]))
    users = round(sum(value for _, value in last.values()))
    waiting = evidence.unanswered
    if not users or waiting < _STUCK * users:
        return None
    lags = _of_kind(evidence.latency, GENERATOR_LOOP_LAG, GENERATOR_CANARY).quantile(1.0) or 0.0
    shortest = _shortest_wait(evidence)
    return StuckUsers(waiting, users) if shortest >= max(_LONG, _TIMES_LAG * lags) else None


def _shortest_wait(evidence: Evidence) -> float:
    """The wait that nearly all unanswered requests exceed, from their real start, in seconds."""
    waits = _of_kind(evidence.latency, UNANSWERED_SERVICE_TIME)
    if waits.count:
        return waits.quantile(1 - _STUCK) or 0.0
    clock = evidence.manifest.clock  # all of them were due before the window
    return max(0.0, (clock.drained or 0.0) - (clock.window_start or 0.0))


def _of_kind(latency: Mapping[LatencyKey, Distribution], *kinds: str) -> Distribution:
    return Distribution.merge(times for key, times in latency.items() if key.what in kinds)


def _users_suffice(evidence: Evidence, seconds: float) -> bool:
    """Whether each pool has a user for each arrival that a latency of so many seconds keeps."""
    pools = list(_pools(evidence))
    return bool(pools) and all(rate * seconds <= users for rate, users in pools)


def _pools(evidence: Evidence) -> Iterator[tuple[float, float]]:
    """The peak rate and the most users of each load in the open model.

    A rate that cannot be read is infinite, and users that cannot be read are none.
    """
    for load in evidence.manifest.scenario.get("loads") or ():
        workload: Any = load.get("workload") if isinstance(load, Mapping) else None
        if isinstance(workload, Mapping) and workload.get("model") == "open":
            stages, users = workload.get("stages"), workload.get("max_users")
            rates = [_peak(stage) for stage in stages] if isinstance(stages, list | tuple) else []
            yield max(rates, default=math.inf), users if isinstance(users, int) else 0


def _peak(stage: object) -> float:
    rates = (stage.get("rate"), stage.get("start_rate")) if isinstance(stage, Mapping) else ()
    return max((rate for rate in rates if isinstance(rate, int | float)), default=math.inf)
