"""The rows of what stands behind a service's answers: database, cache, tasks, process."""

from __future__ import annotations

from collections.abc import Iterable

from harness import names
from harness.budgets.model import Budget, Gauge, Rate, Ratio, Selector, Utilization
from harness.render.grafana.panels import GrafanaPanel, Query, chosen
from harness.render.grafana.service_terms import (
    ALL,
    mean_by,
    of_mean,
    of_metric,
    of_quantiles,
    quantile_lines,
    rate_of,
    sum_by,
)


def database(budgets: tuple[Budget, ...]) -> Iterable[GrafanaPanel]:
    """Queries: how many, how long."""
    operation = names.DB_OPERATION
    rate = sum_by(operation, rate_of(f"{names.DB_DURATION}_count"))
    yield GrafanaPanel(
        "Queries by operation",
        "ops",
        "Database operations per second.",
        (Query(rate, f"{{{{{operation}}}}}"),),
    )
    yield GrafanaPanel(
        "Mean query time",
        "s",
        "By operation: the time of all queries over their number.",
        (
            Query(mean_by(names.DB_DURATION, operation), f"{{{{{operation}}}}}"),
            Query(mean_by(names.DB_DURATION, "job"), "all"),
        ),
        budgets=chosen(budgets, of_mean(names.DB_DURATION)),
    )
    yield GrafanaPanel(
        "Query time",
        "s",
        "Quantiles over all operations, interpolated between the buckets.",
        quantile_lines(names.DB_DURATION),
        budgets=chosen(budgets, of_quantiles(names.DB_DURATION)),
    )


def pool(budgets: tuple[Budget, ...]) -> Iterable[GrafanaPanel]:
    """The connection pool: how full, how long one waits."""
    state = f"{{{{{names.POOL_STATE}}}}}"
    used = f'{names.POOL_COUNT}{{{ALL}, {names.POOL_STATE}="used"}}'
    share = Utilization(
        Selector(names.POOL_COUNT, {names.POOL_STATE: "used"}), Selector(names.POOL_MAX), "max"
    )
    yield GrafanaPanel(
        "Connections",
        "short",
        "Connections of the pool by state, and how many there may be.",
        (
            Query(sum_by(names.POOL_STATE, f"{names.POOL_COUNT}{{{ALL}}}"), state),
            Query(f"sum({names.POOL_MAX}{{{ALL}}})", "max"),
        ),
    )
    yield GrafanaPanel(
        "Pool in use",
        "percentunit",
        "Connections in use over those that there may be, of each instance at the moment of a "
        "scrape. Short peaks fall between scrapes.",
        (
            Query(
                f"sum by (instance) ({used}) / sum by (instance) ({names.POOL_MAX}{{{ALL}}})",
                "{{instance}}",
            ),
        ),
        budgets=chosen(budgets, lambda indicator: indicator == share),
    )
    yield GrafanaPanel(
        "Wait for a connection",
        "s",
        "From asking the pool until it gives one. More than nothing means that it is too small, or "
        "that connections are held for too long.",
        quantile_lines(names.POOL_WAIT),
        budgets=chosen(budgets, of_quantiles(names.POOL_WAIT)),
    )
    yield GrafanaPanel(
        "Waiting and timed out",
        "short",
        "Requests that wait for a connection now, and time-outs per second.",
        (
            Query(f"sum({names.POOL_PENDING}{{{ALL}}})", "waiting"),
            Query(f"sum({rate_of(names.POOL_TIMEOUTS)})", "time-outs/s"),
        ),
    )


def cache(budgets: tuple[Budget, ...]) -> Iterable[GrafanaPanel]:
    """The cache: hits, times, size."""
    by, legend = names.CACHE_NAME, f"{{{{{names.CACHE_NAME}}}}}"
    hits = rate_of(names.CACHE_GETS, f'{ALL}, {names.CACHE_RESULT}="hit"')
    every = Ratio(
        Selector(names.CACHE_GETS, {names.CACHE_RESULT: "hit"}), Selector(names.CACHE_GETS)
    )
    yield GrafanaPanel(
        "Hit ratio",
        "percentunit",
        "Look-ups that found a value over all of them, by cache and together.",
        (
            Query(f"{sum_by(by, hits)} / {sum_by(by, rate_of(names.CACHE_GETS))}", legend),
            Query(f"sum({hits}) / sum({rate_of(names.CACHE_GETS)})", "all"),
        ),
        budgets=chosen(budgets, lambda indicator: indicator == every),
    )
    yield GrafanaPanel(
        "Look-ups",
        "ops",
        "Per second, by result.",
        (
            Query(
                sum_by(names.CACHE_RESULT, rate_of(names.CACHE_GETS)),
                f"{{{{{names.CACHE_RESULT}}}}}",
            ),
        ),
        stacked=True,
    )
    yield GrafanaPanel(
        "Mean time of an operation",
        "s",
        "By operation.",
        (
            Query(
                mean_by(names.CACHE_DURATION, names.CACHE_OPERATION),
                f"{{{{{names.CACHE_OPERATION}}}}}",
            ),
        ),
        budgets=chosen(budgets, of_mean(names.CACHE_DURATION)),
    )
    yield GrafanaPanel(
        "Stored and thrown out",
        "ops",
        "Values stored, and evicted for want of space, per second.",
        (
            Query(f"sum({rate_of(names.CACHE_PUTS)})", "stored"),
            Query(f"sum({rate_of(names.CACHE_EVICTIONS)})", "evicted"),
        ),
    )
    yield GrafanaPanel(
        "Values held",
        "short",
        "By cache.",
        (Query(sum_by(by, f"{names.CACHE_SIZE}{{{ALL}}}"), legend),),
    )


def tasks(budgets: tuple[Budget, ...]) -> Iterable[GrafanaPanel]:
    """Background tasks: how many, how long, how they end."""
    by, legend = names.TASK_NAME, f"{{{{{names.TASK_NAME}}}}}"
    yield GrafanaPanel(
        "Background tasks",
        "ops",
        "Tasks that ended, per second.",
        (Query(sum_by(by, rate_of(f"{names.TASK_DURATION}_count")), legend),),
    )
    yield GrafanaPanel(
        "Mean time of a task",
        "s",
        "By task.",
        (Query(mean_by(names.TASK_DURATION, by), legend),),
        budgets=chosen(budgets, of_mean(names.TASK_DURATION)),
    )
    yield GrafanaPanel(
        "Failures, retries, queue",
        "short",
        "Tasks that failed for good or were tried again, per second; those that wait, and those "
        "that run now.",
        (
            Query(f"sum({rate_of(names.TASK_FAILURES)})", "failed/s"),
            Query(f"sum({rate_of(names.TASK_RETRIES)})", "tried again/s"),
            Query(f"sum({names.TASK_QUEUE}{{{ALL}}})", "waiting"),
            Query(f"sum({names.TASK_ACTIVE}{{{ALL}}})", "running"),
        ),
    )


def process(budgets: tuple[Budget, ...]) -> Iterable[GrafanaPanel]:
    """The processes: CPU, memory, restarts."""
    yield GrafanaPanel(
        "CPU",
        "short",
        "Cores that each process keeps busy.",
        (Query(rate_of(names.CPU_SECONDS), "{{instance}}"),),
        budgets=chosen(
            budgets,
            lambda i: of_metric(names.CPU_SECONDS, Rate)(i) and getattr(i, "to", None) is None,
        ),
    )
    yield GrafanaPanel(
        "Memory",
        "bytes",
        "Resident memory of each process. What only grows is a leak.",
        (Query(f"{names.MEMORY_BYTES}{{{ALL}}}", "{{instance}}"),),
        budgets=chosen(budgets, of_metric(names.MEMORY_BYTES, Gauge)),
    )
    yield GrafanaPanel(
        "Restarts",
        "short",
        "Starts of each process in the last hour.",
        (Query(f"changes({names.START_TIME}{{{ALL}}}[1h])", "{{instance}}"),),
    )


def loop(budgets: tuple[Budget, ...]) -> Iterable[GrafanaPanel]:
    """The event loop: how late it is."""
    yield GrafanaPanel(
        "Event loop lag",
        "s",
        "How late the loop wakes. While something blocks it, nobody is answered.",
        quantile_lines(names.LOOP_LAG),
        budgets=chosen(budgets, of_quantiles(names.LOOP_LAG)),
    )
