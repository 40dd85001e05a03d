"""Every planted regression by the name that switches it on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sample_app.regressions import (
    blocking_call,
    cache_stampede,
    chatty_cache,
    cold_cache,
    connection_leak,
    cpu_burn,
    error_burst,
    json_twice,
    lock_contention,
    log_flood,
    lost_index_order,
    memory_leak,
    missing_index,
    n_plus_one,
    no_compression,
    no_metrics,
    pool_held_during_call,
    serial_calls,
    slow_background_task,
    slow_query,
    slow_start,
    small_pool,
    unbounded_page,
    unbounded_retry,
    wide_rows,
)
from sample_app.regressions.planting import Plant, Replace
from sample_app.settings import Settings

REGRESSIONS: Final[Mapping[str, Plant]] = {
    module.__name__.rpartition(".")[2]: module.plant
    for module in (
        n_plus_one,
        missing_index,
        cold_cache,
        cache_stampede,
        small_pool,
        connection_leak,
        blocking_call,
        slow_query,
        error_burst,
        unbounded_page,
        no_compression,
        slow_background_task,
        memory_leak,
        cpu_burn,
        lock_contention,
        slow_start,
        unbounded_retry,
        serial_calls,
        chatty_cache,
        wide_rows,
        lost_index_order,
        log_flood,
        json_twice,
        pool_held_during_call,
        no_metrics,
    )
}


def plant(settings: Settings, replace: Replace = setattr) -> Settings:
    """Plant the regressions in `settings.regressions`, before the application is created.

    Returns:
        The settings for the application.

    Raises:
        ValueError: A name is not known.
    """
    for name in filter(None, (name.strip() for name in settings.regressions.split(","))):
        if name not in REGRESSIONS:
            known = ", ".join(REGRESSIONS)
            message = f"SAMPLE_APP_REGRESSIONS: there is no regression {name!r}; known: {known}"
            raise ValueError(message)
        settings = REGRESSIONS[name](settings, replace)
    return settings
