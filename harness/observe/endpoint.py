"""A metrics endpoint that serves samples by HTTP during a run and shortly after."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Final

from prometheus_client import CollectorRegistry, Metric, start_http_server
from prometheus_client.registry import Collector

from harness.errors import UsageError
from harness.names import MEANINGS
from harness.runs.openmetrics import Sample

LONGEST_WAIT: Final = 60.0  # s; the default interval of Prometheus
_KEPT: Final = 4  # scrapes; an additional request by hand must not change the interval


class MetricsServer(Collector):
    """Serves samples, and keeps the times of the last scrapes.

    Args:
        read: Returns the current samples; called in a thread of the server.
    """

    def __init__(self, read: Callable[[], Iterable[Sample]]) -> None:
        self._read = read
        self._times: deque[float] = deque(maxlen=_KEPT)
        self._waiting = False
        self._scraped_since = False
        self._sent_since = threading.Event()

    def collect(self) -> Iterator[Metric]:
        """The families of one scrape, for prometheus_client."""
        families: dict[str, Metric] = {}
        for sample in self._read():
            if sample.family not in families:
                meaning = MEANINGS[sample.name if sample.kind == "counter" else sample.family]
                families[sample.family] = Metric(sample.family, meaning, sample.kind)
            families[sample.family].add_sample(sample.name, dict(sample.labels), sample.value)
        self._times.append(time.monotonic())
        self._scraped_since = self._waiting
        yield from families.values()

    def sent(self) -> None:
        """Record that a response was sent; the process must not end before."""
        if self._scraped_since:
            self._sent_since.set()

    def wait(self, tell: Callable[[float], None]) -> None:
        """Wait for the next scrape if there are regular ones, at most for their interval.

        Args:
            tell: Called before a wait with its longest time in seconds.
        """
        self._waiting = True
        seconds = scrape_wait(tuple(self._times), time.monotonic())
        if seconds > 0:
            tell(seconds)
            self._sent_since.wait(seconds)


class _Body(list[bytes]):
    """A response body that calls `sent` when the server has sent it (PEP 3333, `close`)."""

    def __init__(self, body: Iterable[bytes], sent: Callable[[], None]) -> None:
        super().__init__(body)
        self.close = sent


@contextmanager
def metrics_server(
    host: str, port: int, read: Callable[[], Iterable[Sample]]
) -> Iterator[MetricsServer]:
    """Serve samples for the length of the context, on any path.

    Args:
        host: Address or name to listen on.
        port: Port to listen on.
        read: Returns the current samples; called in a thread of the server.

    Raises:
        UsageError: The address cannot be bound to.
    """
    metrics = MetricsServer(read)
    registry = CollectorRegistry()
    registry.register(metrics)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise UsageError(
            f"cannot serve metrics at {host}:{port}: {error.strerror}",
            "choose another port or address with --serve-metrics",
        ) from error
    app = server.get_app()
    assert app is not None
    server.set_app(lambda environ, start: _Body(app(environ, start), metrics.sent))
    try:
        yield metrics
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def scrape_wait(times: Sequence[float], now: float) -> float:
    """Seconds within which the next scrape is expected.

    Args:
        times: Times of the last scrapes, ascending.
        now: The current time of the same clock.

    Returns:
        0 without regular scrapes at intervals of up to `LONGEST_WAIT`.
    """
    interval = max((after - before for before, after in pairwise(times)), default=0.0)
    if not 0 < interval <= LONGEST_WAIT:
        return 0.0
    return max(0.0, min(times[-1] + 1.5 * interval + 1.0 - now, LONGEST_WAIT))
