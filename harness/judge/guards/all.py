"""All guards over a run: under which conditions its measurements may be trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.judge.guards.contention import cpu_contention
from harness.judge.guards.generator import (
    cgroup_throttled,
    generator_cpu,
    host_steal,
    phase_locked,
)
from harness.judge.guards.lag import canary, loop_lag, receive_times, scheduler_lag
from harness.judge.guards.load import (
    idle_users,
    in_flight_at_end,
    late_iterations,
    load_delivered,
    requests_accounted,
    requests_stored,
    user_errors,
    users_alive,
)
from harness.judge.guards.prometheus import server_agrees, server_coverage
from harness.judge.guards.run import (
    clock_step,
    endpoint_has_requests,
    files_unchanged,
    requests_recorded,
    requests_to_target,
    run_complete,
    settled,
    target_alive,
    window_complete,
)
from harness.judge.guards.service import (
    counter_reset,
    edge_scrapes,
    enough_readings,
    process_restart,
    scrape_coverage,
    series_complete,
)
from harness.judge.guards.workers import clock_offset, late_worker, workers
from harness.judge.measure.measure import MeasuredBudgets
from harness.judge.model import Guard
from harness.runs.model import Evidence

# In the order in which they explain each other: a verdict names the first that tripped.
GUARDS: tuple[Callable[[Evidence, MeasuredBudgets], Iterator[Guard]], ...] = (
    run_complete,
    files_unchanged,
    target_alive,
    window_complete,
    clock_step,
    settled,
    requests_recorded,
    requests_to_target,
    process_restart,
    workers,
    late_worker,
    clock_offset,
    generator_cpu,
    host_steal,
    cgroup_throttled,
    cpu_contention,
    loop_lag,
    canary,
    scheduler_lag,
    receive_times,
    load_delivered,
    late_iterations,
    idle_users,
    phase_locked,
    users_alive,
    requests_accounted,
    requests_stored,
    in_flight_at_end,
    user_errors,
    edge_scrapes,
    scrape_coverage,
    enough_readings,
    counter_reset,
    series_complete,
    server_coverage,
    server_agrees,
    endpoint_has_requests,
)


def guards(evidence: Evidence, measured: MeasuredBudgets) -> tuple[Guard, ...]:
    """Every guard that applies to a run and its budgets, tripped or not.

    Args:
        evidence: The run.
        measured: The budgets, which say which requests and which side must be trusted, and how
            finely; a guard that may explain some verdicts takes away only those.
    """
    if evidence.manifest.never_began:  # the other guards would say the same in other words
        return tuple(run_complete(evidence, measured))
    return tuple(guard for find in GUARDS for guard in find(evidence, measured))
