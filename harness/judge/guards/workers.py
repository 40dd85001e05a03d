"""Guards on the workers of a distributed run: each made its part of the load, all on one clock."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from harness.judge.guards.readings import every_reading, is_closed, loads
from harness.judge.measure.measure import MeasuredBudgets
from harness.judge.measure.series import NoDataError, window
from harness.judge.model import Guard, guard
from harness.names import GENERATOR_STARTED
from harness.runs.model import Evidence
from harness.units import Unit, format_quantity

# A report is due each second. A worker that is silent for longer made no load, or a late one.
SILENT = 3.0
# Seconds are counted on each worker's clock and added up by the second: measured on one machine,
# offsets are known to 0.3 ms, with round trips of 0.5 to 1.7 ms.
ROUND_TRIP = 0.1
DRIFT = 0.05


def workers(evidence: Evidence, _: MeasuredBudgets) -> Iterator[Guard]:
    """Every worker ran until the end.

    A run that goes on without a lost worker is judged as long as it makes the scheduled load, which
    load-delivered checks in the open model. In the closed model the users of the lost worker are
    missing until the others replace them, and it is not known how much load that was.
    """
    manifest = evidence.manifest
    if not manifest.workers:
        return
    lost = [worker for worker in manifest.workers if worker.lost]
    tripped = bool(lost) and (manifest.status != "complete" or is_closed(evidence))
    reason = f"all {len(manifest.workers)} workers ran until the end"
    if lost:
        first = lost[0]
        reason = (
            f"{first.name} was lost ({first.lost}), which leaves"
            f" {len(manifest.workers) - len(lost)} of {len(manifest.workers)} workers"
        )
        if not tripped:
            reason += (
                ": the run is degraded, and what the lost worker had not yet reported is missing;"
                " load-delivered says whether the other workers made the scheduled load"
            )
        elif manifest.status == "complete":
            reason += ": the lost users were missing until others took their place; run it again"
        else:
            reason += "; see the worker's log, and run it again"
    yield guard("workers", reason, tripped=tripped, value=len(lost), limit=0, scope="all")


def late_worker(evidence: Evidence, _: MeasuredBudgets) -> Iterator[Guard]:
    """Every worker reported each second of the window: none joined late or fell silent."""
    silences = _silences(evidence)
    if len(silences) < 2:
        return
    source = max(silences, key=lambda name: silences[name])
    longest = silences[source]
    shown = format_quantity(longest, Unit.SECONDS)
    reason = f"no worker was silent for longer than {shown}"
    if longest > SILENT:
        reason = (
            f"{source} was silent for {shown} of the window: it joined late, or code of the"
            " locustfile blocks it; raise the warm-up, or see the worker's log"
        )
    yield guard(
        "late-worker",
        reason,
        tripped=longest > SILENT,
        value=longest,
        limit=SILENT,
        unit=Unit.SECONDS,
        scope="all",
    )


def clock_offset(evidence: Evidence, _: MeasuredBudgets) -> Iterator[Guard]:
    """The clock of each worker is known, and kept its pace."""
    measured = [w for w in evidence.manifest.workers if w.round_trip is not None]
    if not measured:
        return
    slowest = max(measured, key=lambda w: w.round_trip or 0.0)
    drifting = max(measured, key=lambda w: abs(w.drift))
    trip, drift = slowest.round_trip or 0.0, abs(drifting.drift)
    tripped, value, limit = trip > ROUND_TRIP, trip, ROUND_TRIP
    known = format_quantity(trip / 2, Unit.SECONDS)
    reason = f"the clocks of the workers are known to {known}"
    if tripped:
        reason = (
            f"the clock of {slowest.name} is known only to {known}: it is too far away, or too busy"
            " to answer; use a worker that is nearer or less busy"
        )
    elif drift > DRIFT:
        tripped, value, limit = True, drift, DRIFT
        reason = (
            f"the clock of {drifting.name} moved by {format_quantity(drift, Unit.SECONDS)} during"
            " the run; is its machine suspended or overbooked? Use another one"
        )
    yield guard(
        "clock-offset", reason, tripped=tripped, value=value, limit=limit, unit=Unit.SECONDS
    )


def _silences(evidence: Evidence) -> dict[str, float]:
    """The longest time within the window that each source did not report, lost ones left out."""
    try:
        planned = window(evidence)
    except NoDataError:
        return {}
    lost = {worker.name for worker in evidence.manifest.workers if worker.lost}
    found = {}
    for source, values in every_reading(evidence, GENERATOR_STARTED).items():
        if {source, source.rpartition("/")[2]} & lost:
            continue
        begin = min(max(planned.start, _start_of(evidence, source)), planned.end)
        inner = [reading.at for reading in values if begin < reading.at < planned.end]
        found[source] = max(b - a for a, b in pairwise([begin, *inner, planned.end]))
    return found


def _start_of(evidence: Evidence, source: str) -> float:
    """When the load of a source begins, which is after that of the scenario for some."""
    started = evidence.manifest.clock.started or 0.0
    name = source.partition("/")[0]
    own = [load.get("start", 0.0) for load in loads(evidence) if load.get("name") == name]
    return started + (own[0] if own else 0.0)
