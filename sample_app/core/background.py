"""Background work: measured, and its failures logged, since nobody waits for the result."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import ParamSpec

from sample_app.telemetry.tasks import TaskMetrics

P = ParamSpec("P")
_log = logging.getLogger("sample_app.background")


class Background:
    """Runs named tasks; hand `run` to FastAPI's `BackgroundTasks`."""

    def __init__(self, metrics: TaskMetrics) -> None:
        self._metrics = metrics

    async def run(
        self, task: str, work: Callable[P, Awaitable[None]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Run `work`; a failure is counted and logged, not raised: the answer has gone out."""
        try:
            with self._metrics.measured(task):
                await work(*args, **kwargs)
        except Exception:  # noqa: BLE001 - whatever it is, it must not vanish
            _log.exception("background task failed", extra={"task": task})
