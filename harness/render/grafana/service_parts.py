"""The rows of the parts of a service: database, pool, cache, tasks, process, event loop."""

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
    """Queries: number and time."""
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
        "By operation: the time of all queries divided by their number.",
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
    """The connection pool: use and waiting time."""
    state = f"{{{{{names.POOL_STATE}}}}}"
    used = f'{names.POOL_COUNT}{{{ALL}, {names.POOL_STATE}="used"}}'
    share = Utilization(
        Selector(names.POOL_COUNT, {names.POOL_STATE: "used"}), Selector(names.POOL_MAX), "max"
    )
    yield GrafanaPanel(
        "Connections",
        "short",
        "Connections of the pool by state, and their limit.",
        (
            Query(sum_by(names.POOL_STATE, f"{names.POOL_COUNT}{{{ALL}}}"), state),
            Query(f"sum({names.POOL_MAX}{{{ALL}}})", "max"),
        ),
    )
    yield GrafanaPanel(
        "Pool in use",
        "percentunit",
        "Connections in use divided by their limit, of each instance at the time of a scrape. "
        "Short peaks fall between scrapes.",
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
        "Time until the pool hands out a connection. A value above 0 means that the pool is too "
        "small, or that connections are held for too long.",
        quantile_lines(names.POOL_WAIT),
        budgets=chosen(budgets, of_quantiles(names.POOL_WAIT)),
    )
    yield GrafanaPanel(
        "Waiting and timed out",
        "short",
        "Requests that wait for a connection, and time-outs per second.",
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
        "Look-ups that found a value divided by all look-ups, by cache and in total.",
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
        "Stored and evicted",
        "ops",
        "Values stored, and evicted for lack of space, per second.",
        (
            Query(f"sum({rate_of(names.CACHE_PUTS)})", "stored"),
            Query(f"sum({rate_of(names.CACHE_EVICTIONS)})", "evicted"),
        ),
    )
    yield GrafanaPanel(
        "Stored values",
        "short",
        "By cache.",
        (Query(sum_by(by, f"{names.CACHE_SIZE}{{{ALL}}}"), legend),),
    )


def tasks(budgets: tuple[Budget, ...]) -> Iterable[GrafanaPanel]:
    """Background tasks: number, time, outcome."""
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
        "Tasks that failed finally or were retried, per second; waiting tasks, running tasks.",
        (
            Query(f"sum({rate_of(names.TASK_FAILURES)})", "failed/s"),
            Query(f"sum({rate_of(names.TASK_RETRIES)})", "retried/s"),
            Query(f"sum({names.TASK_QUEUE}{{{ALL}}})", "waiting"),
            Query(f"sum({names.TASK_ACTIVE}{{{ALL}}})", "running"),
        ),
    )


def process(budgets: tuple[Budget, ...]) -> Iterable[GrafanaPanel]:
    """The processes: CPU, memory, restarts."""
    yield GrafanaPanel(
        "CPU",
        "short",
        "CPU cores that each process uses.",
        (Query(rate_of(names.CPU_SECONDS), "{{instance}}"),),
        budgets=chosen(
            budgets,
            lambda i: of_metric(names.CPU_SECONDS, Rate)(i) and getattr(i, "to", None) is None,
        ),
    )
    yield GrafanaPanel(
        "Memory",
        "bytes",
        "Resident memory of each process. Steady growth is a leak.",
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
    """The event loop: its lag."""
    yield GrafanaPanel(
        "Event loop lag",
        "s",
        "Delay of the event loop. While the loop is blocked, no request is answered.",
        quantile_lines(names.LOOP_LAG),
        budgets=chosen(budgets, of_quantiles(names.LOOP_LAG)),
    )
