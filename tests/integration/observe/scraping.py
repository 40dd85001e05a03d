"""A log of metrics that a test reads while it is open, what is scraped, and who scrapes it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from harness.observe.scraper import Scraper
from harness.observe.target import Service
from harness.runs.clock import RunClock
from harness.runs.metrics import MetricsLog, read_metrics
from harness.runs.model import Series
from tests.servers import PATIENCE

if TYPE_CHECKING:
    from tests.integration.observe.conftest import Endpoint


class Log(MetricsLog):
    """A log whose series a test can read while it is open."""

    def series(self) -> dict[tuple[str, ...], Series]:
        return {
            (one.name, *(f"{k}={v}" for k, v in sorted(one.labels.items()))): one
            for one in read_metrics(self.path)
        }

    def values(self, name: str) -> list[tuple[float, ...]]:
        return [tuple(one.values) for one in read_metrics(self.path) if one.name == name]


def service(
    *urls: str,
    pid: int | None = None,
    url: str = "http://127.0.0.1:1",
    listeners: tuple[int, ...] | None = None,
    exporters: tuple[str, ...] = (),
) -> Service:
    died: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    every = (*urls, *exporters)
    return Service(url, every, died, pid, listeners=listeners, exporters=exporters)


def patient(scraped: Service, log: MetricsLog, clock: RunClock | None = None) -> Scraper:
    """A scraper that waits for each answer as long as a busy machine may need."""
    return Scraper(scraped, log, timeout=PATIENCE, clock=clock)


def label(endpoint: Endpoint) -> str:
    return "instance=" + endpoint.url.removeprefix("http://")
