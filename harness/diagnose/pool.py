"""What keeps the connections of a pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from harness.budgets.dialects.model import MetricRole, Recognition
from harness.diagnose.answers import FEWEST, Analysis, part_of
from harness.diagnose.model import Cause
from harness.diagnose.shares import shares
from harness.diagnose.signs import Proportions, sign_of_waiting
from harness.diagnose.traces import (
    Trace,
    from_first_statement,
    seconds_between,
)
from harness.judge.measure.gauges import levels
from harness.judge.measure.series import NoDataError, window
from harness.names import LATENCY, OK
from harness.runs.model import Evidence

_FEW: Final = 2.0  # connections in use, below which none is missing
# Libraries begin with 5 (SQLAlchemy, and 10 more on demand) to 10 (HikariCP, node-postgres).
_SMALL: Final = 5
_FULL: Final = 0.1  # share of the readings with no connection left
_UNUSED: Final = 0.2  # of the connections in use, which requests need at least
_TRACED: Final = 0.5  # share of the answered requests that are recorded


def connections(
    traces: Sequence[Trace],
    late: Sequence[Trace],
    usual: Proportions,
    evidence: Evidence,
    roles: Recognition,
) -> Analysis:
    """What keeps connections: nobody who executes statements, or what requests do meanwhile.

    Args:
        traces: All of them.
        late: Those of the load after the window, in order.
        usual: Of the whole recording.
        evidence: Of the window: the number of connections in use.
        roles: What the service's metrics mean.
    """
    in_use = _readings(evidence, roles, MetricRole.POOL_USED)
    lowest = min(in_use[len(in_use) // 2 :], default=0.0)
    forgotten = _forgotten(late, lowest, _answered(evidence))
    if forgotten:
        return Analysis("the connections in use", (forgotten,))
    size = max(_readings(evidence, roles, MetricRole.POOL_LIMIT), default=0.0)
    if small := _small(in_use, size):
        return Analysis("the connections of the pool", (small,))
    return _holders(list(filter(None, map(from_first_statement, traces))), usual)


def _readings(evidence: Evidence, roles: Recognition, role: MetricRole) -> list[float]:
    """The readings of a gauge in the window; none where it is not known."""
    played = roles[role]
    try:
        return levels(evidence, played.selector) if played and played.shape == "gauge" else []
    except NoDataError:
        return []


def _small(in_use: Sequence[float], size: float) -> Cause | None:
    """A pool with fewer connections than any library begins with, which is often full."""
    full = sum(value >= size for value in in_use)
    if not 0 < size < _SMALL or full < _FULL * len(in_use) or not in_use:
        return None
    return Cause(
        *("resource", "the size of the connection pool", 1.0, 1.0, 1.0),
        f"{size:g} at most; in {full} of {len(in_use)} readings all are in use",
        advice="allow more connections",
        sign="fewer than libraries begin with",
    )


def _answered(evidence: Evidence) -> float:
    """Requests a second that were answered in the window; 0 without one."""
    try:
        seconds = window(evidence).seconds
    except NoDataError:
        return 0.0
    found = (times.count for key, times in evidence.latency.items() if key[:2] == (LATENCY, OK))
    return sum(found) / seconds


def _forgotten(late: Sequence[Trace], in_use: float, answered: float) -> Cause | None:
    """Connections that are in use while few requests execute statements.

    Nothing is known of a service that records a part of its requests only, fewer than half of those
    that it answers.
    """
    lasted = seconds_between(late)
    if in_use < _FEW or not lasted or len(late) < _TRACED * answered * lasted:
        return None
    parts = filter(None, map(from_first_statement, late))
    needed = sum(one.root.seconds for one in parts) / lasted  # at once, by Little's law
    if needed >= _UNUSED * in_use:
        return None
    share = 1 - needed / in_use
    return Cause(
        *("resource", "connections that no request uses", share, share, share),
        f"{in_use:g} in use at any time; requests need {needed:.2g} from their first statement on",
        advice="look for a session that is not closed, also after an exception",
        sign="they are not given back",
    )


def _holders(kept: Sequence[Trace], usual: Proportions) -> Analysis:
    """What requests do from their first statement on, while they may keep a connection.

    No span says when a connection goes back: often it is the end of the request.
    """
    if len(kept) < FEWEST:
        return Analysis(missing="no trace has spans of statements")
    operations = list(dict.fromkeys(each for one in kept for each in one.own))
    rows = [[one.own.get(each, 0.0) for each in operations] for one in kept]
    causes = [
        _holder(part_of(each, share, kept, usual), usual)
        for each, share in zip(operations, shares(rows), strict=True)
    ]
    return Analysis("the time from the first statement of a request to its end", tuple(causes))


def _holder(cause: Cause, usual: Proportions) -> Cause:
    """A part of the time in which a connection may be kept: what waits meanwhile is a cause."""
    if cause.kind == "statement":
        return cause
    sign = sign_of_waiting(usual) if cause.kind == "span" else cause.sign
    return replace(cause, advice="give the connection back before this", sign=sign)
