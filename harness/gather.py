"""One run: the target, the load and the scraper, side by side on one clock, into the run folder."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from harness import names
from harness.budgets.model import Load, OpenWorkload, Plan, Scenario, Target
from harness.errors import GeneratorError, HarnessError, UnjudgedError
from harness.load.frames import Report, readings
from harness.load.generator import Generator, generator
from harness.load.progress import Meter
from harness.observe.host import git_facts, host_facts
from harness.observe.scraper import Scraper
from harness.observe.target import Service, ending, serve
from harness.runs.folder import RunFolder
from harness.runs.latency import LatencyLog
from harness.runs.metrics import MetricsLog
from harness.runs.model import Clock, Manifest, Progress, Requests, Status

LEAD = 0.5  # seconds between the decision to start and the first arrival


@dataclass(slots=True)
class _Account:
    """What the manifest says of the run, at any moment."""

    status: Status = "running"
    reason: str = ""
    created: float = field(default_factory=time.time)
    started: float | None = None
    window_start: float | None = None
    window_end: float | None = None
    drained: float | None = None
    target: dict[str, Any] = field(default_factory=dict)
    requests: Requests = field(default_factory=Requests)
    user_errors: tuple[str, ...] = ()

    def manifest(self, facts: dict[str, Any]) -> Manifest:
        clock = Clock(
            created=self.created,
            started=self.started,
            window_start=self.window_start,
            window_end=self.window_end,
            drained=self.drained,
        )
        return Manifest(
            **facts,
            status=self.status,
            reason=self.reason,
            clock=clock,
            target=self.target,
            requests=self.requests,
            user_errors=self.user_errors,
        )


@dataclass(frozen=True, slots=True)
class _Run:
    """What the parts of a run share."""

    target: Target
    scenario: Scenario
    folder: RunFolder
    url: str | None
    show: Callable[[Progress], None]
    interrupted: asyncio.Event
    unwritable: asyncio.Future[str]
    account: _Account
    store: Callable[[], None]


async def gather(
    plan: Plan,
    scenario: Scenario,
    folder: RunFolder,
    *,
    url: str | None,
    show: Callable[[Progress], None],
) -> None:
    """Run a scenario and leave everything that judging needs in the folder.

    A run that cannot be finished (the service or the generator dies, a signal comes) is stored as
    failed or interrupted, with what it has.

    Args:
        plan: The whole of budgets.yaml.
        scenario: The scenario, with the command line's changes.
        folder: A new run folder.
        url: A service that already runs; None starts the target.
        show: Called about once a second.

    Raises:
        ScenarioError: The locustfile cannot be run.
    """
    account = _Account()
    facts = _facts(plan, scenario)

    def store() -> None:
        folder.write_manifest(account.manifest(facts))

    store()
    target = plan.target or Target(url=url or "")
    try:
        async with _signals(account) as interrupted:
            unwritable: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            await _with_everything(
                _Run(target, scenario, folder, url, show, interrupted, unwritable, account, store)
            )
    except UnjudgedError as error:
        _fail(account, f"{error.message}\n{error.hint}".strip())
    except HarnessError as error:
        _fail(account, error.message)
        raise
    finally:
        store()


async def _with_everything(run: _Run) -> None:
    """Open and start all there is, in order; close and stop it in reverse."""
    folder, account = run.folder, run.account
    async with serve(run.target, folder.file(names.TARGET_LOG), run.url) as service:
        account.target = _target_facts(run, service)
        with (
            LatencyLog(folder.file(names.LATENCY_FILE)) as latency,
            MetricsLog(folder.file(names.METRICS_FILE)) as metrics,
        ):
            scraper = Scraper(service, metrics)
            await scraper.scrape()  # the baseline: nothing was asked of the service yet
            record = _recorder(run, latency, metrics)
            log = folder.file(names.GENERATOR_LOG)
            async with generator(
                run.scenario.loads[0],
                service.url,
                log,
                record,
                drain=run.scenario.drain,
                trace_ratio=run.scenario.trace_ratio,
            ) as load:
                await _load(run, service, scraper, latency, load)
            await scraper.scrape()  # everything was answered: the service's final account
            account.target["scrape_error"] = scraper.last_error


def _recorder(run: _Run, latency: LatencyLog, metrics: MetricsLog) -> Callable[[Report], None]:
    """What is done with each report of the generator."""
    meter = Meter(run.scenario)
    account = run.account

    def record(report: Report) -> None:
        at = _epoch(report.at)
        started = account.started or at
        try:
            latency.write(report.cells)
            metrics.add_readings(readings(report), at)
        except OSError as error:
            if not run.unwritable.done():
                run.unwritable.set_result(f"cannot write {error.filename}: {error.strerror}")
        run.show(meter.progress(report, at - started))

    return record


async def _load(
    run: _Run, service: Service, scraper: Scraper, latency: LatencyLog, load: Generator
) -> None:
    """Warm up, measure and drain, until the schedule ends or something ends it early."""
    account, scenario = run.account, run.scenario
    t0 = time.monotonic() + LEAD
    window = t0 + scenario.warm_up, t0 + scenario.warm_up + scenario.duration
    account.started = _epoch(t0)
    account.window_start = account.started + scenario.warm_up
    account.window_end = account.window_start + scenario.duration
    latency.begin(account.window_start)
    run.store()
    await load.start(t0, window[0])
    schedule = asyncio.create_task(_scrape_on_schedule(scraper, t0, window))
    try:
        await _until_the_end(run, service, load, schedule)
    finally:
        account.requests, account.user_errors = load.requests, load.user_errors
    if account.status != "complete":
        _cut_window(account)
    # In the order of need: first no more load, then the service's account of the cut window.
    stopping = asyncio.create_task(load.stop())
    if account.status != "complete":
        await scraper.scrape()
    try:
        account.requests = await stopping
    except GeneratorError:
        if account.status == "complete":
            raise  # it died while it drained; otherwise the reason is known already
    account.drained, account.user_errors = time.time(), load.user_errors


async def _until_the_end(
    run: _Run, service: Service, load: Generator, schedule: asyncio.Task[None]
) -> None:
    """Wait for the end of the schedule, or for what comes before it, and note which it was."""
    account = run.account
    interrupted = asyncio.create_task(run.interrupted.wait())
    broken = load.died
    ends: set[asyncio.Future[Any]] = {
        *(schedule, interrupted, broken, service.died, run.unwritable)
    }
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    if service.died.done():
        code = service.died.result()
        account.target["exit_code"] = code
        _fail(account, f"the service ended during the load: {ending(code)}")
    elif broken.done():
        _fail(account, f"the load generator died: {broken.result()}")
    elif run.unwritable.done():
        _fail(account, run.unwritable.result())
    elif interrupted.done():
        account.status, account.reason = "interrupted", "interrupted by a signal"
    else:
        account.status = "complete"
    schedule.cancel()
    interrupted.cancel()
    (unscraped, _) = await asyncio.gather(schedule, interrupted, return_exceptions=True)
    if isinstance(unscraped, OSError):
        _fail(account, f"cannot write {names.METRICS_FILE}: {unscraped.strerror}")


def _cut_window(account: _Account) -> None:
    """The load ended early: the window ends now, or never began."""
    now = time.time()
    if account.window_start is None or now <= account.window_start:
        account.window_start = account.window_end = None
    else:
        account.window_end = min(now, account.window_end or now)


async def _scrape_on_schedule(scraper: Scraper, t0: float, window: tuple[float, float]) -> None:
    """Scrape at each whole second of the load and exactly at the edges of the window."""
    over = asyncio.Event()

    async def at_edges() -> None:
        for edge in window:
            await asyncio.sleep(max(0.0, edge - time.monotonic()))
            await scraper.scrape()
        over.set()

    await asyncio.gather(scraper.every(t0, over), at_edges())


def _fail(account: _Account, reason: str) -> None:
    account.status, account.reason = "failed", reason


def _epoch(moment: float) -> float:
    """A moment of the monotonic clock as seconds since the epoch."""
    return moment + time.time() - time.monotonic()


@asynccontextmanager
async def _signals(account: _Account) -> AsyncIterator[asyncio.Event]:
    """INT or TERM sets the event while the load runs; before it, or a second time, it cancels."""
    interrupted = asyncio.Event()
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if account.started is None or interrupted.is_set():
            task.cancel()
        interrupted.set()

    numbers = signal.SIGINT, signal.SIGTERM
    for number in numbers:
        loop.add_signal_handler(number, on_signal)
    try:
        yield interrupted
    except asyncio.CancelledError:
        if not interrupted.is_set():
            raise
        account.status, account.reason = "interrupted", "interrupted before the load began"
        raise KeyboardInterrupt from None
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _target_facts(run: _Run, service: Service) -> dict[str, Any]:
    return {
        "url": _without_password(service.url),
        "command": run.target.command if service.started_by_us else None,
        "metrics": [_without_password(url) for url in service.metrics],
        "ours": service.started_by_us,
        "exit_code": None,
    }


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _load_facts(load: Load) -> dict[str, Any]:
    model = "open" if isinstance(load.workload, OpenWorkload) else "closed"
    return {
        "name": load.name,
        "locustfile": os.fsencode(load.locustfile).decode(errors="replace"),
        "workload": {"model": model, **asdict(load.workload)},
        "start": load.start,
        "tags": load.tags,
        "exclude_tags": load.exclude_tags,
    }


def _facts(plan: Plan, scenario: Scenario) -> dict[str, Any]:
    """What is known of a run before it begins."""
    return {
        "harness_version": version("harness"),
        "service": plan.service,
        "scenario": {
            "name": scenario.name,
            "loads": [_load_facts(load) for load in scenario.loads],
            "warm_up": scenario.warm_up,
            "duration": scenario.duration,
        },
        "versions": {name: version(name) for name in ("harness", "locust", "gevent")},
        "host": host_facts(),
        "git": git_facts(plan.source.parent),
    }
