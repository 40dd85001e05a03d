"""Scrapes the service's metrics on the run's clock and writes them to the metrics log."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Final
from urllib.parse import urlsplit

from harness import names
from harness.observe.command import instance
from harness.observe.exposition import ACCEPT, parse_exposition
from harness.observe.fetch import NoAnswer, fetch
from harness.observe.host import memory_limit, usable_cpus
from harness.observe.other_cpu import Neighbours
from harness.observe.process_tree import ProcessTree
from harness.observe.target import Service
from harness.runs.metrics import MetricsLog
from harness.runs.openmetrics import Sample, reading

# What `ProcessTree` and `host` can say when the service's own metrics do not.
_OURS: Final = frozenset(
    {names.CPU_SECONDS, names.MEMORY_BYTES, names.START_TIME, names.CPU_COUNT, names.MEMORY_LIMIT}
)
_QUIET: Final = 50  # of an interval between scrapes, the part that one may take
_LONGEST: Final = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class _Scrape:
    """One request to one metrics endpoint.

    Attributes:
        at: The middle of the request, seconds since the epoch.
        took: Seconds until the answer was there.
        seconds: How long it took, reading included.
        answered: Whether there was an HTTP answer, whatever it said.
        error: Why there are no samples; empty when the scrape is good.
    """

    at: float
    took: float
    seconds: float
    answered: bool
    samples: tuple[Sample, ...] = ()
    error: str = ""


class Scraper:
    """Scrapes every metrics endpoint of a service, never two times at once.

    A scrape that fails is no error here: it leaves `up` 0 in the log, and the judge decides.

    Args:
        service: What is scraped. When its process is ours, process and host metrics that its
            expositions lack are added, labelled `provider="psutil"`, and how it and others use the
            machine's CPUs.
        log: Where all samples go.
        timeout: Seconds for each step of a request.

    Attributes:
        scrapes: Requests made so far.
        failures: Requests that yielded no samples.
        missed: Moments of `follow` that passed while a scrape was still under way.
        last_error: Of the last request that failed; empty when none has.
    """

    def __init__(self, service: Service, log: MetricsLog, *, timeout: float = 2.0) -> None:
        self.scrapes = 0
        self.failures = 0
        self.missed = 0
        self.last_error = ""
        self._log = log
        self._timeout = timeout
        self._quickest = math.inf if service.metrics else 0.0
        self._instances = _instances(service.metrics)
        self._own_instance = instance(service.url)
        self._pid = service.pid
        self._tree = None if service.pid is None else ProcessTree(service.pid)
        self._everything = ProcessTree(os.getpid())  # supervisors, service and generators included
        self._neighbours = Neighbours()
        # Of `_OURS`, what the expositions have shown. None until an endpoint has answered: before,
        # nobody knows what they lack, and the same metric must not come from two providers.
        self._exposed: set[str] | None = None if service.metrics else set()
        self._lock = asyncio.Lock()

    async def scrape(self, at: float | None = None) -> None:
        """Scrape all endpoints at once, after a scrape that is under way.

        Args:
            at: The time that the samples get, seconds since the epoch; None is the true one, the
                middle of each request.

        Raises:
            OSError: The log cannot be written.
        """
        async with self._lock:
            own = asyncio.create_task(asyncio.to_thread(self._own_samples))
            try:
                scrapes = await asyncio.gather(
                    *(asyncio.to_thread(_scrape, url, self._timeout) for url in self._instances)
                )
            finally:
                own_at, own_samples = await own
            for (url, place), scrape in zip(self._instances.items(), scrapes, strict=True):
                self._note(url, scrape)
                self._log.add(_labelled(scrape, place), scrape.at if at is None else at)
            if self._exposed is not None:
                lacking = [s for s in own_samples if s.name not in self._exposed]
                self._log.add(lacking, own_at if at is None else at)

    async def follow(self, moments: Iterable[float], stop: asyncio.Event) -> None:
        """Scrape at these moments until they are over or `stop` is set.

        Args:
            moments: Of `time.monotonic`, ascending; those that have passed are left out.
            stop: Ends the loop; a scrape that is under way is finished first.
        """
        began = time.monotonic()
        for moment in moments:
            left = moment - time.monotonic()
            if left < 0:
                self.missed += moment > began
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), left)
                return
            if not self._lock.locked():  # else a scrape at the window's edge serves this moment
                await self.scrape()

    @property
    def affordable_interval(self) -> float:
        """Whole seconds between scrapes that leave the service alone for nearly all of the time.

        What a service does for a scrape, its requests wait for. So the quickest scrape so far may
        take a fiftieth of the interval; a longer one than ten seconds would show nothing.
        """
        return min(_LONGEST, max(1.0, math.ceil(self._quickest * _QUIET)))

    def _note(self, url: str, scrape: _Scrape) -> None:
        self.scrapes += 1
        self._quickest = min(self._quickest, scrape.took)
        if scrape.error:
            self.failures += 1
            self.last_error = f"{url}: {scrape.error}"
        if scrape.answered:
            self._exposed = self._exposed or set()
            self._exposed.update(_OURS.intersection(sample.name for sample in scrape.samples))

    def _own_samples(self) -> tuple[float, list[Sample]]:
        """What we know of the process, and when; nothing when it is gone or not ours."""
        if self._tree is None:
            return 0.0, []
        before = time.time()
        used = self._tree.read()
        if used is None:
            return before, []
        values: dict[str, float] = {
            names.CPU_SECONDS: used.cpu_seconds,
            names.MEMORY_BYTES: used.memory_bytes,
            names.START_TIME: used.start_time,
            names.CPU_COUNT: usable_cpus(self._pid),
            names.MEMORY_LIMIT: memory_limit(self._pid),
        }
        if used.wait_seconds is not None:
            values[names.SERVICE_CPU_WAIT] = used.wait_seconds
        ours = self._everything.read()
        if ours is not None and (others := self._neighbours.read(ours.cpu_seconds)) is not None:
            values[names.OTHER_CPU] = others
        labels = {names.INSTANCE: self._own_instance, names.PROVIDER: "psutil"}
        samples = [reading(name, value, labels) for name, value in values.items()]
        return (before + time.time()) / 2, samples


def _scrape(url: str, timeout: float) -> _Scrape:
    began, before = time.time(), time.perf_counter()
    error, answered, text = "", False, ""
    try:
        answer = fetch(url, timeout, ACCEPT)
    except NoAnswer as nothing:
        error = str(nothing)
    else:
        answered = True
        if not 200 <= answer.status < 300:
            error = f"answered {answer.status}"
    took = time.perf_counter() - before
    at = began + took / 2
    samples: tuple[Sample, ...] = ()
    if answered and not error:
        try:
            text = answer.body.decode()
            samples = tuple(parse_exposition(text))
        except ValueError as unreadable:
            error = str(unreadable)
    return _Scrape(at, took, time.perf_counter() - before, answered, samples, error)


def _labelled(scrape: _Scrape, place: str) -> Iterable[Sample]:
    """The samples of a scrape with their instance, and how the scrape itself went."""
    own = {names.INSTANCE: place}
    for sample in scrape.samples:
        labels: Mapping[str, str] = sample.labels
        if names.INSTANCE in labels:
            labels = {names.EXPORTED_INSTANCE: labels[names.INSTANCE], **labels}
        yield sample._replace(labels={**labels, **own})
    yield reading(names.UP, 0.0 if scrape.error else 1.0, own)
    yield reading(names.SCRAPE_DURATION, scrape.seconds, own)


def ticks(clock0: float, interval: float) -> Iterator[float]:
    """Every whole interval of a clock whose zero is the moment `clock0`."""
    return (clock0 + number * interval for number in count())


def _instances(urls: Iterable[str]) -> dict[str, str]:
    """An instance label for each url: host and port, and the path where two would be the same."""
    places = {url: instance(url) for url in urls}
    times = Counter(places.values())
    return {
        url: place if times[place] == 1 else place + urlsplit(url).path
        for url, place in places.items()
    }
