"""Serves samples to whoever scrapes them, by HTTP, while a run lasts and shortly after."""

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

MOST_WAIT: Final = 60.0  # s; the interval of a Prometheus that was told nothing else
_REMEMBERED: Final = 4  # scrapes; a person who looks in between must not pass for the interval


class Endpoint(Collector):
    """What is served; remembers when it was read.

    Args:
        read: The samples at this moment; called in a thread of the server.
    """

    def __init__(self, read: Callable[[], Iterable[Sample]]) -> None:
        self._read = read
        self._moments: deque[float] = deque(maxlen=_REMEMBERED)
        self._waiting = False
        self._read_since = False
        self._again = threading.Event()

    def collect(self) -> Iterator[Metric]:
        """The families of one scrape, as prometheus_client asks for them."""
        families: dict[str, Metric] = {}
        for one in self._read():
            if one.family not in families:
                meaning = MEANINGS[one.name if one.kind == "counter" else one.family]
                families[one.family] = Metric(one.family, meaning, one.kind)
            families[one.family].add_sample(one.name, dict(one.labels), one.value)
        self._moments.append(time.monotonic())
        self._read_since = self._waiting
        yield from families.values()

    def sent(self) -> None:
        """Told when an answer has left: only then may the process end."""
        if self._read_since:
            self._again.set()

    def wait(self, tell: Callable[[float], None]) -> None:
        """Wait for the next scrape, if somebody scrapes regularly; not longer than that takes.

        Args:
            tell: Called with the longest wait in seconds before a wait begins.
        """
        self._waiting = True
        seconds = awaited(tuple(self._moments), time.monotonic())
        if seconds > 0:
            tell(seconds)
            self._again.wait(seconds)


class _Answer(list[bytes]):
    """A body that tells when the server is done with it (PEP 3333, `close`)."""

    def __init__(self, body: Iterable[bytes], sent: Callable[[], None]) -> None:
        super().__init__(body)
        self.close = sent


@contextmanager
def endpoint(host: str, port: int, read: Callable[[], Iterable[Sample]]) -> Iterator[Endpoint]:
    """Serve samples on a port for the length of the context, on any path.

    Args:
        host: Address or name to listen on.
        port: To listen on.
        read: The samples at a moment; called in a thread of the server.

    Raises:
        UsageError: It cannot listen there.
    """
    shown = Endpoint(read)
    registry = CollectorRegistry()
    registry.register(shown)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise UsageError(
            f"cannot serve metrics at {host}:{port}: {error.strerror}",
            "choose another port or address with --serve-metrics",
        ) from error
    app = server.get_app()
    assert app is not None
    server.set_app(lambda environ, start: _Answer(app(environ, start), shown.sent))
    try:
        yield shown
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def awaited(moments: Sequence[float], now: float) -> float:
    """For how many seconds the next scrape is worth waiting for.

    Args:
        moments: When the last ones came, ascending.
        now: On the same clock.

    Returns:
        0 when nobody comes regularly, at intervals of up to `MOST_WAIT`.
    """
    interval = max((after - before for before, after in pairwise(moments)), default=0.0)
    if not 0 < interval <= MOST_WAIT:
        return 0.0
    return max(0.0, min(moments[-1] + 1.5 * interval + 1.0 - now, MOST_WAIT))
