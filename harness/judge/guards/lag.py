"""Guards on the generator's lateness, which adds to every latency; a slow service trips none.

Each takes away only the verdicts that all lags together may explain, see `impact`.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.judge.guards.impact import explained_by_lag, off_by, timed
from harness.judge.guards.lateness import LAGS, allowed_lag
from harness.judge.guards.readings import GeneratorReading, read_generator
from harness.judge.measure.measure import Measured, MeasuredBudgets
from harness.judge.measure.requests import request_counts, total_of
from harness.judge.measure.series import listed
from harness.judge.model import Guard, guard
from harness.names import GENERATOR_CANARY, GENERATOR_LOOP_LAG, RECEIVE_LAG, SCHEDULER_LAG
from harness.runs.model import Distribution, Evidence
from harness.units import Unit, format_quantity

# The lags often come together. Those that are at least half of the largest one are to blame.
TO_BLAME = 0.5
# Of an endpoint's answers, the share timed by the event loop from which on it is named. The kernel
# begins to stamp some time after the first connection asks for it.
MIXED = 0.01


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


def receive_times(evidence: Evidence, _: MeasuredBudgets) -> Iterator[Guard]:
    """Which answers the kernel timed, and how much later the generator read them. Never trips."""
    counts = request_counts(evidence)
    lags = {key: d for key, d in evidence.latency.items() if key.what == RECEIVE_LAG}
    answers = total_of(counts.values()).total
    every = Distribution.merge(lags.values())
    if not every.count or not answers:
        return
    share = every.count / answers
    ends = (format_quantity(every.quantile(q) or 0.0, Unit.SECONDS) for q in (0.5, 0.99))
    reason = "answers timed by the kernel: {}; the generator read them {} (p50) to {} (p99) later"
    reason = reason.format(format_quantity(share, Unit.RATIO), *ends)
    others = []
    for name, count in counts.items():
        by_kernel = sum(d.count for key, d in lags.items() if key.request == name)
        if count.total - by_kernel > MIXED * count.total:
            by_loop = format_quantity(1 - by_kernel / count.total, Unit.RATIO)
            others.append(f"{name} ({by_loop})")
    if others:
        reason += f"; by its event loop: {listed(others)}"
    yield guard("receive-times", reason, tripped=False, value=share, unit=Unit.RATIO)


def _lag(
    evidence: Evidence, measured: MeasuredBudgets, what: str, name: str, advice: str
) -> Iterator[Guard]:
    generator = read_generator(evidence)
    lag, limits = generator.lag(what), [allowed_lag(one.budget) for one in timed(measured)]
    if lag is None or not limits:
        return
    most = max(generator.lag(other) or 0.0 for other in LAGS)
    found = _explained(evidence, measured, generator) if lag >= TO_BLAME * most > 0 else ()
    explained = tuple(one.name for one, _ in found)
    over_limit = lag > min(limits)
    reason = f"the generator was at most {format_quantity(lag, Unit.SECONDS)} late in 99% of cases"
    if explained:
        hanging = listed(off_by(one, off) for one, off in found)
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


def _explained(
    evidence: Evidence, measured: MeasuredBudgets, generator: GeneratorReading
) -> tuple[tuple[Measured, float | None], ...]:
    """As `explained_by_lag`, which is the same for all lags and computed once."""
    known = evidence.kept.get(explained_by_lag.__name__)
    if known is None or known[0] is not measured:
        known = measured, explained_by_lag(measured, generator)
        evidence.kept[explained_by_lag.__name__] = known
    found: tuple[tuple[Measured, float | None], ...] = known[1]
    return found
