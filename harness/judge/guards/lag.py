"""Guards on the generator's lateness, which adds to every latency; a slow service trips none.

Each takes away only the verdicts that all lags together may explain, see `impact`.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.judge.guards.impact import (
    LAGS,
    allowed_lag,
    explained_by_lag,
    off_by,
    timed,
    too_long_by_lag,
)
from harness.judge.guards.readings import read_generator
from harness.judge.measure.measure import MeasuredBudgets
from harness.judge.measure.series import listed
from harness.judge.model import Guard, guard
from harness.names import GENERATOR_CANARY, GENERATOR_LOOP_LAG, SCHEDULER_LAG
from harness.runs.model import Evidence
from harness.units import Unit, format_quantity

# The lags often come together. Those that are at least half of the largest one are to blame.
TO_BLAME = 0.5


def loop_lag(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """The generator's event loop woke in time; blocking code of a user prevents that."""
    advice = "code of the locustfile blocks the loop, or the generator's core is shared"
    yield from _lag(evidence, measured, GENERATOR_LOOP_LAG, "generator-loop-lag", advice)


def canary(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """The generator saw in time that an answer had come, however many came with it."""
    advice = "answers wait for each other in the generator; lower the rate, or use more workers"
    yield from _lag(evidence, measured, GENERATOR_CANARY, "generator-canary", advice)


def scheduler_lag(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """Iterations were emitted when they were due."""
    advice = "lower the rate, or give the generator a core of its own"
    yield from _lag(evidence, measured, SCHEDULER_LAG, "scheduler-lag", advice)


def _lag(
    evidence: Evidence, measured: MeasuredBudgets, what: str, name: str, advice: str
) -> Iterator[Guard]:
    generator = read_generator(evidence)
    lag, limits = generator.lag(what), [allowed_lag(one.budget) for one in timed(measured)]
    if lag is None or not limits:
        return
    most = max(generator.lag(other) or 0.0 for other in LAGS)
    explained = explained_by_lag(measured, generator) if lag >= TO_BLAME * most > 0 else ()
    over_limit = lag > min(limits)
    reason = f"the generator was at most {format_quantity(lag, Unit.SECONDS)} late in 99% of cases"
    if explained:
        hanging = listed(
            off_by(one, too_long_by_lag(one, generator))
            for one in measured
            if one.name in explained
        )
        reason += f", and the verdict on {hanging} may be due to that; {advice}"
    elif over_limit:
        reason += "; no verdict on latency depends on that"
    yield guard(
        name,
        reason,
        tripped=bool(explained),
        value=lag,
        # There is no limit where a small lag explains a small breach, or a large lag none.
        limit=min(limits) if over_limit == bool(explained) else None,
        unit=Unit.SECONDS,
        scope="latency",
        budgets=explained or None,
    )
