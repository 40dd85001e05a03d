"""Scrapes the metrics of the service on the run's clock and writes them to the metrics log."""

from __future__ import annotations

import asyncio
import math
import os
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count
from typing import Final

from harness import names
from harness.observe.command import instance, instances
from harness.observe.exposition import ACCEPT, read_exposition
from harness.observe.fetch import NoAnswer, fetch
from harness.observe.host import memory_limit, usable_cpus
from harness.observe.other_cpu import OtherCpuReader
from harness.observe.process_tree import ProcessTree, ProcessUsage
from harness.observe.target import Service
from harness.runs.clock import RunClock
from harness.runs.metrics import MetricsLog
from harness.runs.openmetrics import Sample, exported, reading

# Metrics of `ProcessTree` and `host` that are added when the service does not expose them.
_OWN: Final = frozenset(
    {names.CPU_SECONDS, names.MEMORY_BYTES, names.START_TIME, names.CPU_COUNT, names.MEMORY_LIMIT}
)
_RESERVED: Final = (*names.ADDED_LABELS, names.PROVIDER)  # of a metric that the harness may add
_INTERVAL_PER_SCRAPE: Final = 50  # shortest interval, in lengths of the fastest scrape
_LONGEST: Final = 10.0  # seconds
_ENOUGH_SCRAPES: Final = 2400  # of a load: each 3 s for two hours, each 10 s from 6 h 40 min on


@dataclass(frozen=True, slots=True)
class _Scrape:
    """One request to one metrics endpoint.

    Attributes:
        at: The middle of the request, seconds since the epoch.
        response_time: Seconds until the whole response had arrived.
        seconds: Length of the scrape in seconds, parsing included.
        answered: Whether there was an HTTP response of any status.
        error: Reason why there are no samples; empty after a successful scrape.
    """

    at: float
    response_time: float
    seconds: float
    answered: bool
    samples: tuple[Sample, ...] = ()
    error: str = ""


class Scraper:
    """Scrapes all metrics endpoints of a service, one scrape at a time.

    A failed scrape is not an error here: the log gets `up` 0, and the judge decides.

    Args:
        service: The service to scrape. If the harness has started it, process and host metrics
            that it does not expose are added with the label `provider="psutil"`. So are, for each
            service on this machine, its waiting for a CPU and the CPU time of other processes.
        log: The log of all samples.
        timeout: Seconds for each step of a request.
        clock: Stamps the samples; None makes one.

    Attributes:
        scrapes: Number of requests so far.
        failures: Number of requests without samples.
        missed: Number of times of `follow` that passed during a scrape.
        last_error: The error of the last failed request; empty without failures.
    """

    def __init__(
        self,
        service: Service,
        log: MetricsLog,
        *,
        timeout: float = 2.0,
        clock: RunClock | None = None,
    ) -> None:
        self._clock = clock or RunClock()
        self._last: dict[str, float] = {}  # time of the last scrape, by instance
        self._latest: dict[str, tuple[Sample, ...]] = {}  # of the last successful one, by URL
        self._families: dict[str, Sample] = {}  # the first sample of each family
        self.scrapes = 0
        self.failures = 0
        self.missed = 0
        self.last_error = ""
        self._log = log
        self._tls = service.tls
        self._timeout = timeout
        self._fastest = math.inf if service.metrics else 0.0
        self._instances = instances(service.metrics)
        self._exporters = frozenset(service.exporters)
        self._own_instance = instance(service.url)
        self._pid = service.pid
        # Supervisors, service and generators.
        self._run = ProcessTree(os.getpid(), *(service.listeners or ()))
        self._tree: ProcessTree | None = None
        if service.pid is not None:
            self._tree = ProcessTree(service.pid)
        elif service.listeners:
            self._tree = ProcessTree(*service.listeners, without=os.getpid())
        self._other_cpu = OtherCpuReader()
        # The metrics of `_OWN` that the service exposes. Until an endpoint has answered they are
        # added; the judge prefers what the service exposes.
        self._exposed: set[str] = set()
        self._lock = asyncio.Lock()

    async def scrape(self, at: float | None = None) -> None:
        """Scrape all endpoints concurrently, after a running scrape has finished.

        Args:
            at: Time of the samples, seconds since the epoch; None uses the middle of each request.

        Raises:
            OSError: The log cannot be written.
        """
        async with self._lock:
            own = asyncio.create_task(asyncio.to_thread(self._own_samples))
            try:
                scrapes = await asyncio.gather(
                    *(
                        asyncio.to_thread(_scrape, url, self._timeout, self._clock, self._tls)
                        for url in self._instances
                    )
                )
            finally:
                own_at, own_samples = await own
            for (url, label), scrape in zip(self._instances.items(), scrapes, strict=True):
                self._note(url, scrape)
                time_of = self._after_the_last(label, scrape.at) if at is None else at
                self._log.add(_labelled(scrape, label), time_of, label)
            missing = [s for s in own_samples if s.name not in self._exposed]
            own_time = self._after_the_last("", own_at) if at is None else at
            self._log.add(missing, own_time, names.PSUTIL)
            self._clock.watch()

    async def follow(self, moments: Iterable[float], stop: asyncio.Event) -> None:
        """Scrape at given times until they are over or `stop` is set.

        Args:
            moments: Ascending times of `time.monotonic`; past ones are skipped.
            stop: Ends the loop after a running scrape has finished.
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
            if not self._lock.locked():  # else a scrape at the edge of the window is running
                await self.scrape()

    @property
    def reads_process(self) -> bool:
        """Whether the harness started the service, and reads what its processes use."""
        return self._pid is not None

    @property
    def samples(self) -> Iterator[Sample]:
        """The samples of the last successful scrape of each endpoint, as the service names them.

        Those of exporters are left out, because they say nothing of the service's libraries. A
        family that is no longer exposed has its first sample: which library a service uses does
        not depend on which scrape was the last.
        """
        return chain(*self._latest.values(), self._families.values())

    @property
    def affordable_interval(self) -> float:
        """Whole seconds between scrapes at which scraping hardly delays the service's requests.

        Requests wait while a service answers a scrape, so the fastest scrape so far may take a
        fiftieth of the interval. The interval is at most ten seconds, for enough samples.
        """
        return min(_LONGEST, max(1.0, math.ceil(self._fastest * _INTERVAL_PER_SCRAPE)))

    def interval_for(self, seconds: float) -> float:
        """Whole seconds between the scrapes of a load.

        A load of hours is scraped less often, but at least each ten seconds: its counters are exact
        at the edges of the window whatever the interval, and its charts show no more points.

        Args:
            seconds: Length of the load.
        """
        return max(self.affordable_interval, min(_LONGEST, seconds // _ENOUGH_SCRAPES))

    def _after_the_last(self, label: str, at: float) -> float:
        """A time at least a millisecond, which is what a log keeps, after the last one."""
        self._last[label] = max(at, self._last.get(label, 0.0) + 0.001)
        return self._last[label]

    def _note(self, url: str, scrape: _Scrape) -> None:
        self.scrapes += 1
        self._fastest = min(self._fastest, scrape.response_time)
        if scrape.error:
            self.failures += 1
            self.last_error = f"{url}: {scrape.error}"
        if url in self._exporters:
            return
        if not scrape.error:
            self._latest[url] = scrape.samples
            for sample in scrape.samples:
                declared = sample.name == names.DECLARED
                name = sample.labels[names.DECLARED_METRIC] if declared else sample.family
                self._families.setdefault(name, sample)
        if scrape.answered:
            self._exposed.update(_OWN.intersection(sample.name for sample in scrape.samples))

    def _own_samples(self) -> tuple[float, list[Sample]]:
        """Time and samples of the harness's own readings; none without a running own process."""
        if self._tree is None:
            return 0.0, []
        before = self._clock.now()
        used = self._tree.read()
        if used is None:
            return before, []
        run = self._run.read()
        others = None if run is None else self._other_cpu.read(run.cpu_seconds)
        values = {names.SERVICE_CPU_WAIT: used.wait_seconds, names.OTHER_CPU: others}
        if self._pid is not None:
            try:
                values |= _process_metrics(self._pid, used)
            except ProcessLookupError:  # it has ended meanwhile
                return before, []
        labels = {names.INSTANCE: self._own_instance, names.PROVIDER: names.PSUTIL}
        known = {name: value for name, value in values.items() if value is not None}
        samples = [reading(name, value, labels) for name, value in known.items()]
        return (before + self._clock.now()) / 2, samples


def _process_metrics(pid: int, used: ProcessUsage) -> dict[str, float | None]:
    """What the processes of a service use and may use; None for what the system does not tell.

    Raises:
        ProcessLookupError: The first of them has ended.
    """
    return {
        names.CPU_SECONDS: used.cpu_seconds,
        names.SERVICE_CPU: used.cpu_seconds,
        names.MEMORY_BYTES: used.memory_bytes,
        names.START_TIME: used.start_time,
        names.CPU_COUNT: usable_cpus(pid),
        names.MEMORY_LIMIT: memory_limit(pid),
        names.SERVICE_SWITCHES: used.switches,
        names.SERVICE_FAULTS: used.faults,
    }


def _scrape(url: str, timeout: float, clock: RunClock, tls: ssl.SSLContext | None) -> _Scrape:
    began, before = clock.now(), time.perf_counter()
    error, answered = "", False
    try:
        answer = fetch(url, timeout, ACCEPT, tls=tls)
    except NoAnswer as no_answer:
        error = str(no_answer)
    else:
        answered = True
        if not 200 <= answer.status < 300:
            error = f"answered {answer.status}"
    response_time = time.perf_counter() - before
    at = (began + clock.now()) / 2
    samples: tuple[Sample, ...] = ()
    if answered and not error:
        try:
            samples = tuple(read_exposition(answer))
        except ValueError as invalid:
            error = str(invalid)
    return _Scrape(at, response_time, time.perf_counter() - before, answered, samples, error)


def _labelled(scrape: _Scrape, label: str) -> Iterable[Sample]:
    """The samples of a scrape with their instance, and those about the scrape itself."""
    own = {names.INSTANCE: label}
    # Before a metric of the service with the same name: the first sample counts.
    yield reading(names.UP, 0.0 if scrape.error else 1.0, own)
    yield reading(names.SCRAPE_DURATION, scrape.seconds, own)
    for sample in scrape.samples:
        reserved = _RESERVED if sample.name in names.OWN_METRICS else names.ADDED_LABELS
        yield sample._replace(labels={**exported(sample.labels, reserved), **own})


def ticks(clock0: float, interval: float) -> Iterator[float]:
    """The times of all whole intervals since `clock0`."""
    return (clock0 + number * interval for number in count())
