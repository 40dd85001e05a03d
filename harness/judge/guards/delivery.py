"""How much of the schedule of each open load was asked for, and how much of that was begun."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from harness.judge.guards.readings import TimedReading, every_reading, loads
from harness.names import GENERATOR_ASKED, GENERATOR_STARTED_ITERATIONS, HANDOVER
from harness.runs.model import Evidence, Worker


class Delivery(NamedTuple):
    """What became of the schedule of a load.

    Attributes:
        load: Its name; empty for the only one.
        asked: Iterations whose moment came, those that nobody asked for included.
        sent: Of these, how many a user began.
        unasked: Of these, how many were in nobody's hands, about: a worker had been lost, and the
            others had not taken over yet.
    """

    load: str
    asked: float
    sent: float
    unasked: float

    @property
    def share(self) -> float:
        """Of what was asked, how much was begun."""
        return self.sent / self.asked

    @property
    def unsent(self) -> float:
        """What was asked and never begun."""
        return self.asked - self.sent


def deliveries(evidence: Evidence) -> list[Delivery]:
    """Of each load in the open model; none when all are in the closed one."""
    account = evidence.manifest.requests
    if not account.asked:
        return []
    unasked = _unasked(evidence)
    asked, sent = (
        _by_load(evidence, name) for name in (GENERATOR_ASKED, GENERATOR_STARTED_ITERATIONS)
    )
    if len(loads(evidence)) < 2 or not any(asked.values()):
        lacking = sum(unasked.values())
        return [Delivery("", account.asked + lacking, account.sent, lacking)]
    return [
        Delivery(load, count + unasked.get(load, 0.0), sent.get(load, 0.0), unasked.get(load, 0.0))
        for load, count in sorted(asked.items())
        if count
    ]


def _by_load(evidence: Evidence, name: str) -> dict[str, float]:
    """The last readings of a counter, those of all workers of a load together."""
    totals: dict[str, float] = {}
    for source, values in every_reading(evidence, name).items():
        load = _load_of(evidence, source)
        totals[load] = totals.get(load, 0.0) + values[-1].value
    return totals


def _unasked(evidence: Evidence) -> dict[str, float]:
    """What nobody asked for, by load: all workers of one have equal parts of its schedule.

    So the part of a lost one, from its last report until the others took over, is as large as
    that of each of them in this time.
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
        parts = [_at(values, end) - _at(values, begin) for values in others]
        found[load] = found.get(load, 0.0) + max(parts, default=0.0)
    return found


def _gap(worker: Worker, values: list[TimedReading], evidence: Evidence) -> tuple[float, float]:
    """From when until when nobody asked for what was a lost worker's."""
    started = evidence.manifest.clock.started or 0.0
    begin = values[-1].at if values else started
    return begin, max(begin, (worker.lost_at or begin) + HANDOVER)


def _at(values: list[TimedReading], moment: float) -> float:
    """A counter at some moment, on the line between its readings; constant beyond them."""
    after = bisect_left(values, moment, key=lambda reading: reading.at)
    if after == 0 or after == len(values):
        return values[min(after, len(values) - 1)].value
    (t0, low), (t1, high) = values[after - 1], values[after]
    return low + (high - low) * (moment - t0) / (t1 - t0)


def _load_of(evidence: Evidence, source: str) -> str:
    """The load that a generator works for; empty for the only one, which has no name."""
    name = source.partition("/")[0]
    return name if any(load.get("name") == name for load in loads(evidence)) else ""
