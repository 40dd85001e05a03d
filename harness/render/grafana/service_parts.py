"""The rows of the parts of a service: database, pool, cache, tasks, process, event loop.

A panel exists if a metric of the service plays its role.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.budgets.dialects.model import MetricRole, Recognition, RoleMetric
from harness.budgets.model import Budget, Gauge, Rate
from harness.budgets.presets import CATALOGUE
from harness.render.grafana.panels import GrafanaPanel, Query, chosen
from harness.render.grafana.service_terms import (
    events_of,
    matchers_of,
    mean_by,
    of_mean,
    of_metric,
    of_quantiles,
    rate_of,
    series_of,
    sum_by,
    time_lines,
)


def database(budgets: tuple[Budget, ...], found: Recognition) -> Iterable[GrafanaPanel]:
    """Queries: number and time."""
    counted, times = found[MetricRole.DATABASE_OPERATIONS], found[MetricRole.DATABASE_TIME]
    if counted:
        by = _divided_by(counted)
        yield GrafanaPanel(
            "Queries per second by operation"
            if "operation" in counted.labels
            else "Queries per second",
            "ops",
            "Database operations per second.",
            (Query(sum_by(by, events_of(counted)), _legend(by)),),
        )
    if times:
        by = _divided_by(times)
        each = "By operation: the" if "operation" in times.labels else "The"
        yield GrafanaPanel(
            "Mean query time",
            "s",
            f"{each} time of all queries divided by their number.",
            (Query(mean_by(times, by), _legend(by)), Query(mean_by(times, "job"), "all")),
            budgets=chosen(budgets, of_mean(times)),
        )
    if times and times.shape == "histogram":
        yield GrafanaPanel(
            "Query time",
            "s",
            "Quantiles over all operations, interpolated between the buckets.",
            time_lines(times),
            budgets=chosen(budgets, of_quantiles(times)),
        )


def pool(budgets: tuple[Budget, ...], found: Recognition) -> Iterable[GrafanaPanel]:
    """The connection pool: use and waiting time."""
    used, most = found[MetricRole.POOL_USED], found[MetricRole.POOL_LIMIT]
    if used:
        yield _connections(used, most)
    if used and most:
        share = CATALOGUE["pool_utilization"].make(found)
        yield GrafanaPanel(
            "Used share of the pool",
            "percentunit",
            "Connections in use divided by their limit, of each instance at the time of a scrape. "
            "Short peaks fall between scrapes.",
            (
                Query(
                    f"sum by (instance) ({series_of(used)}) / sum by (instance) "
                    f"({series_of(most)})",
                    "{{instance}}",
                ),
            ),
            budgets=chosen(budgets, lambda indicator: indicator == share),
        )
    if wait := found[MetricRole.POOL_WAIT]:
        yield GrafanaPanel(
            "Wait for a connection",
            "s",
            "Time until the pool hands out a connection. A value above 0 means that the pool is "
            "too small, or that connections are held for too long.",
            time_lines(wait),
            budgets=chosen(budgets, of_quantiles(wait)),
        )
    pending, late = found[MetricRole.POOL_PENDING], found[MetricRole.POOL_TIMEOUTS]
    if pending or late:
        yield GrafanaPanel(
            "Waiting requests and timeouts",
            "short",
            "Requests that wait for a connection, and timeouts per second.",
            (
                *((Query(f"sum({series_of(pending)})", "waiting"),) if pending else ()),
                *((Query(f"sum({events_of(late)})", "timeouts/s"),) if late else ()),
            ),
        )


def _connections(used: RoleMetric, most: RoleMetric | None) -> GrafanaPanel:
    state = used.labels.get("state")
    lines = [Query(f"sum({series_of(used)})", "in use")]
    if state:
        every = RoleMetric(used.dialect, used.metric, used.shape)
        lines = [Query(sum_by(state, series_of(every)), _legend(state))]
    if most:
        lines.append(Query(f"sum({series_of(most)})", "max"))
    limit = ", and their limit" if most else ""
    by_state = " by state" if state else ""
    return GrafanaPanel(
        "Connections", "short", f"Connections of the pool{by_state}{limit}.", tuple(lines)
    )


def cache(budgets: tuple[Budget, ...], found: Recognition) -> Iterable[GrafanaPanel]:
    """The cache: hits, times, size."""
    hits, gets = found[MetricRole.CACHE_HITS], found[MetricRole.CACHE_GETS]
    if hits and gets:
        yield from _look_ups(hits, gets, budgets, found)
    if times := found[MetricRole.CACHE_TIME]:
        by = _divided_by(times)
        yield GrafanaPanel(
            "Mean time of an operation",
            "s",
            "By operation." if "operation" in times.labels else "Of all operations.",
            (Query(mean_by(times, by), _legend(by)),),
            budgets=chosen(budgets, of_mean(times)),
        )
    puts, evictions = found[MetricRole.CACHE_PUTS], found[MetricRole.CACHE_EVICTIONS]
    if puts or evictions:
        yield GrafanaPanel(
            "Stored and evicted values per second",
            "ops",
            "Values stored, and evicted for lack of space, per second.",
            (
                *((Query(f"sum({events_of(puts)})", "stored"),) if puts else ()),
                *((Query(f"sum({events_of(evictions)})", "evicted"),) if evictions else ()),
            ),
        )
    if size := found[MetricRole.CACHE_SIZE]:
        by = _divided_by(size)
        yield GrafanaPanel(
            "Stored values",
            "short",
            "By cache.",
            (Query(sum_by(by, series_of(size)), _legend(by)),),
        )


def _look_ups(
    hits: RoleMetric, gets: RoleMetric, budgets: tuple[Budget, ...], found: Recognition
) -> Iterator[GrafanaPanel]:
    by = _divided_by(gets)
    share = CATALOGUE["cache_hit_ratio"].make(found)
    found_by, asked_by = sum_by(by, events_of(hits)), sum_by(by, events_of(gets))
    found_in_all, asked = f"sum({events_of(hits)})", f"sum({events_of(gets)})"
    yield GrafanaPanel(
        "Hit ratio",
        "percentunit",
        "Look-ups that found a value divided by all look-ups, by cache and in total.",
        (
            Query(f"({found_by} or 0 * {asked_by}) / {asked_by}", _legend(by)),
            Query(f"({found_in_all} or 0 * {asked}) / {asked}", "all"),
        ),
        budgets=chosen(budgets, lambda indicator: indicator == share),
    )
    if result := gets.labels.get("result"):
        yield GrafanaPanel(
            "Look-ups per second",
            "ops",
            "Per second, by result.",
            (Query(sum_by(result, events_of(gets)), _legend(result)),),
            stacked=True,
        )


def tasks(budgets: tuple[Budget, ...], found: Recognition) -> Iterable[GrafanaPanel]:
    """Background tasks: number, time, outcome."""
    if times := found[MetricRole.TASK_TIME]:
        by = _divided_by(times)
        yield GrafanaPanel(
            "Tasks per second",
            "ops",
            "Tasks that ended, per second.",
            (Query(sum_by(by, events_of(times)), _legend(by)),),
        )
        yield GrafanaPanel(
            "Mean time of a task",
            "s",
            "By task.",
            (Query(mean_by(times, by), _legend(by)),),
            budgets=chosen(budgets, of_mean(times)),
        )
    counters = {MetricRole.TASK_FAILURES: "failed/s", MetricRole.TASK_RETRIES: "retried/s"}
    gauges = {MetricRole.TASKS_WAITING: "waiting", MetricRole.TASKS_RUNNING: "running"}
    lines = [
        Query(f"sum({events_of(one)})", legend)
        for role, legend in counters.items()
        if (one := found[role])
    ]
    lines += [
        Query(f"sum({series_of(one)})", legend)
        for role, legend in gauges.items()
        if (one := found[role])
    ]
    if lines:
        yield GrafanaPanel(
            "Failures, retries, queue",
            "short",
            "Tasks that failed finally or were retried, per second; waiting tasks, running tasks.",
            tuple(lines),
        )


def process(budgets: tuple[Budget, ...], found: Recognition) -> Iterable[GrafanaPanel]:
    """The processes: CPU, memory, restarts."""
    cpu, memory, start = (
        one if (one := found[role]) is not None and one.metric in found.exposed else None
        for role in (MetricRole.CPU, MetricRole.MEMORY, MetricRole.START_TIME)
    )
    if cpu:
        of_cpu = of_metric(cpu, Rate)
        yield GrafanaPanel(
            "CPU",
            "short",
            "CPU cores that each process uses.",
            (Query(rate_of(cpu.metric, matchers_of(cpu)), "{{instance}}"),),
            budgets=chosen(budgets, lambda i: of_cpu(i) and getattr(i, "to", None) is None),
        )
    if memory:
        yield GrafanaPanel(
            "Memory",
            "bytes",
            "Resident memory of each process. Steady growth is a leak.",
            (Query(series_of(memory), "{{instance}}"),),
            budgets=chosen(budgets, of_metric(memory, Gauge)),
        )
    if start:
        yield GrafanaPanel(
            "Restarts",
            "short",
            "Starts of each process in the last hour.",
            (Query(f"changes({series_of(start)}[1h])", "{{instance}}"),),
        )


def loop(budgets: tuple[Budget, ...], found: Recognition) -> Iterable[GrafanaPanel]:
    """The event loop: its lag."""
    lag = found[MetricRole.LOOP_LAG]
    if lag is None:
        return
    preset = CATALOGUE["event_loop_lag"].make(found)
    gauge = lag.shape == "gauge"
    yield GrafanaPanel(
        "Event loop lag",
        "s",
        "Delay of the event loop. While the loop is blocked, no request is answered.",
        (Query(series_of(lag), "{{instance}}"),) if gauge else time_lines(lag),
        budgets=chosen(budgets, (lambda i: i == preset) if gauge else of_quantiles(lag)),
    )


def _divided_by(metric: RoleMetric) -> str:
    """The label that divides a metric into parts."""
    labels = metric.labels
    return labels.get("operation") or labels.get("name") or "instance"


def _legend(label: str) -> str:
    return f"{{{{{label}}}}}"
