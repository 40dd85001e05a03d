"""How much of the schedule of each open load was due in the window, and how much of that was begun.

Each iteration records a scheduler lag when it is emitted, and a start lag when a user begins it, in
the second in which it was due. So the numbers of these readings are the account of the window.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from harness.judge.guards.readings import TimedReading, every_reading, loads
from harness.judge.measure.deltas import values_at
from harness.judge.measure.series import Interval, window
from harness.names import (
    GENERATOR_ASKED,
    GENERATOR_STARTED_ITERATIONS,
    HANDOVER,
    SCHEDULER_LAG,
    START_LAG,
)
from harness.runs.model import Evidence, Worker


class Delivery(NamedTuple):
    """How much of the schedule of a load was delivered.

    Attributes:
        load: Its name; empty for the only one.
        scheduled: Iterations that were due, the unclaimed ones included.
        sent: Of these, how many a user began.
        unclaimed: Of these, about how many no worker had: a worker had been lost, and the others
            had not taken over yet.
    """

    load: str
    scheduled: float
    sent: float
    unclaimed: float

    @property
    def share(self) -> float:
        """The share of the scheduled iterations that began."""
        return self.sent / self.scheduled

    @property
    def unsent(self) -> float:
        """Scheduled iterations that never began."""
        return self.scheduled - self.sent


def deliveries(evidence: Evidence) -> list[Delivery]:
    """Of each load in the open model; none when all are in the closed one.

    Without readings of both lags, as in folders of older versions, the account is that of the whole
    run.
    """
    if not evidence.manifest.requests.asked:
        return []
    emitted, begun = (_counts(evidence, what) for what in (SCHEDULER_LAG, START_LAG))
    _, ever_begun = evidence.iterations or (0, 0)
    known = emitted and (begun or ever_begun)
    return _of_window(evidence, emitted, begun) if known else _of_run(evidence)


def _of_window(
    evidence: Evidence, emitted: dict[str, int], begun: dict[str, int]
) -> list[Delivery]:
    unclaimed = _unclaimed(evidence, window(evidence))
    found = []
    for load in sorted({*emitted, *begun, *unclaimed}):
        sent, missing = begun.get(load, 0), unclaimed.get(load, 0.0)
        found.append(Delivery(load, max(emitted.get(load, 0), sent) + missing, sent, missing))
    return [one for one in found if one.scheduled]


def _counts(evidence: Evidence, what: str) -> dict[str, int]:
    """The numbers of readings of a lag in the window, by load."""
    found: dict[str, int] = {}
    for key, times in evidence.latency.items():
        if key.what == what:
            load = _load_of(evidence, key.name)
            found[load] = found.get(load, 0) + times.count
    return found


def _of_run(evidence: Evidence) -> list[Delivery]:
    account = evidence.manifest.requests
    unclaimed = _unclaimed(evidence, Interval(-math.inf, math.inf))
    claimed, sent = (
        _by_load(evidence, name) for name in (GENERATOR_ASKED, GENERATOR_STARTED_ITERATIONS)
    )
    if len(loads(evidence)) < 2 or not any(claimed.values()):
        missing = sum(unclaimed.values())
        return [Delivery("", account.asked + missing, account.sent, missing)]
    return [
        Delivery(
            load, count + unclaimed.get(load, 0.0), sent.get(load, 0.0), unclaimed.get(load, 0.0)
        )
        for load, count in sorted(claimed.items())
        if count
    ]


def _by_load(evidence: Evidence, name: str) -> dict[str, float]:
    """The last readings of a counter, those of all workers of a load together."""
    totals: dict[str, float] = {}
    for source, values in every_reading(evidence, name).items():
        load = _load_of(evidence, source)
        totals[load] = totals.get(load, 0.0) + values[-1].value
    return totals


def _unclaimed(evidence: Evidence, interval: Interval) -> dict[str, float]:
    """Scheduled iterations that were due in an interval and that no worker had, by load.

    All workers of a load have equal parts of its schedule. So the part of a lost worker, from its
    last report until the others took over, is as large as the part of each other in this time.
    """
    asked = every_reading(evidence, GENERATOR_ASKED)
    lost = [worker for worker in evidence.manifest.workers if worker.lost]
    gone = {worker.name for worker in lost}
    found: dict[str, float] = {}
    for worker in lost:
        load = _load_of(evidence, worker.name)
        others = [
            values
            for name, values in asked.items()
            if name not in gone and _load_of(evidence, name) == load
        ]
        begin, end = _gap(worker, asked.get(worker.name, []), evidence)
        begin, end = (min(max(at, interval.start), interval.end) for at in (begin, end))
        parts = [_at(values, end) - _at(values, begin) for values in others]
        found[load] = found.get(load, 0.0) + max(parts, default=0.0)
    return found


def _gap(worker: Worker, values: list[TimedReading], evidence: Evidence) -> tuple[float, float]:
    """From when until when no worker had the part of a lost one."""
    started = evidence.manifest.clock.started or 0.0
    begin = values[-1].at if values else started
    return begin, max(begin, (worker.lost_at or begin) + HANDOVER)


def _at(readings: list[TimedReading], moment: float) -> float:
    import numpy as np  # 0.1 s

    times, values = np.array(readings, dtype=np.float64).T
    return float(values_at(np.array([moment]), times, values)[0])


def _load_of(evidence: Evidence, source: str) -> str:
    """The load that a generator works for; empty for the only one, which has no name."""
    name = source.partition("/")[0]
    return name if any(load.get("name") == name for load in loads(evidence)) else ""
