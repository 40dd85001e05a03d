"""One run: the target, the load and the scraper, side by side on one clock, into the run folder."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from harness import names
from harness.budgets.model import Budget, Plan, Scenario, Target
from harness.errors import GeneratorError, HarnessError, UnjudgedError
from harness.load.fleet import Fleet, fleet, workers_of
from harness.load.progress import Meter
from harness.load.protocol.frames import Report, readings
from harness.load.protocol.master import WorkerPool
from harness.load.recorded import slow_requests, with_source
from harness.observe.host import usable_cpus
from harness.observe.scraper import Scraper, ticks
from harness.observe.target import Service, ending, serve
from harness.runner.manifest import RunState, known_facts, target_facts
from harness.runner.signals import interruptible
from harness.runner.stopping import Decision, Watch, all_decided, certain_breach
from harness.runs.cells import Cell
from harness.runs.folder import RunFolder, read_evidence
from harness.runs.latency import LatencyLog
from harness.runs.metrics import MetricsLog
from harness.runs.model import Evidence, Manifest, Progress
from harness.runs.slowest import SlowestLog
from harness.units import Unit, format_quantity

LEAD = 0.5  # seconds between the decision to start and the first arrival
# Seconds that requests in flight have when the load is aborted: most answers are still recorded,
# and a service that answers nothing does not keep a decided run waiting.
ABORT_DRAIN = 2.0


class Start(Protocol):
    """When the load of a run begins that goes on side by side with another.

    Attributes:
        interrupted: Set when the load is to end early.
    """

    interrupted: asyncio.Event

    def served(self) -> None:
        """Told once the service answers."""

    async def begin(self) -> float:
        """Asked once everything is ready: the first moment of the load, of `time.monotonic`."""


class Listener(Protocol):
    """Follows a run while it goes on, e.g. to serve it to Prometheus."""

    def know(self, run: str, manifest: Manifest) -> None:
        """Take the name of the run's folder, and what is known of the run by now."""

    def hear(self, cells: Iterable[Cell], readings: Mapping[str, float], source: str) -> None:
        """Take what a generator recorded since its last report, and its readings by metric."""


class _AtOnce:
    """The start of a run by itself."""

    def __init__(self, interrupted: asyncio.Event) -> None:
        self.interrupted = interrupted

    def served(self) -> None:
        return

    async def begin(self) -> float:
        return time.monotonic() + LEAD


@dataclass(frozen=True, slots=True)
class _Run:
    """What the parts of a run share."""

    target: Target
    scenario: Scenario
    folder: RunFolder
    url: str | None
    show: Callable[[Progress], None]
    watch: Watch | None
    decision: Decision | None
    listener: Listener | None
    pool: WorkerPool | None
    tell: Callable[[str], None]
    start: Start
    unwritable: asyncio.Future[str]
    account: RunState
    store: Callable[[], None]
    scrapes: Sequence[float] | None


async def gather(
    plan: Plan,
    scenario: Scenario,
    folder: RunFolder,
    *,
    url: str | None,
    show: Callable[[Progress], None],
    watch: Watch | None = None,
    decision: Decision | None = None,
    listener: Listener | None = None,
    pool: WorkerPool | None = None,
    tell: Callable[[str], None] = lambda _: None,
    start: Start | None = None,
    scrapes: Sequence[float] | None = None,
) -> None:
    """Run a scenario and leave everything that judging needs in the folder.

    A run that cannot be finished (the service or the generator dies, a signal comes) is stored as
    failed, aborted or interrupted, with what it has.

    Args:
        plan: The whole of budgets.yaml.
        scenario: The scenario, with the command line's changes.
        folder: A new run folder.
        url: A service that already runs; None starts the target.
        show: Called about once a second.
        watch: Asked each second of the window whether to stop the load; None never does.
        decision: Shown the run now and then, and ends it once all is decided; None never does.
        listener: Shows the run to whoever scrapes it meanwhile.
        pool: Where the workers of other machines connect; None starts processes here.
        tell: Called with a line for a person while they are waited for.
        start: Says when the load begins and ends early; None begins at once, and INT and TERM end
            it.
        scrapes: When the metrics are read besides at the edges of the window, seconds after the
            load's begin; None is at regular intervals.

    Raises:
        ScenarioError: The locustfile cannot be run.
        KeyboardInterrupt: INT or TERM came before the load began, or a second time.
    """
    account = RunState()
    target = plan.target or Target(url=url or "")
    ours = target.command is not None and url is None
    here = workers_of(scenario, usable_cpus(), service_too=ours)
    scenario = replace(scenario, workers=pool.workers if pool else here)
    known = known_facts(plan, scenario)

    def store() -> None:
        manifest = account.manifest(known)
        folder.write_manifest(manifest)
        if listener:
            listener.know(folder.path.resolve().name, manifest)

    store()
    try:
        async with _started(start, account) as begins:
            unwritable: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            await _with_everything(
                _Run(
                    *(target, scenario, folder, url, show, watch, decision, listener),
                    *(pool, tell, begins, unwritable, account, store, scrapes),
                )
            )
    except UnjudgedError as error:
        _fail(account, f"{error.message}\n{error.hint}".strip())
    except HarnessError as error:
        _fail(account, error.message)
        raise
    except (KeyboardInterrupt, asyncio.CancelledError):
        when = "before the load began" if account.started is None else "a second time"
        account.status, account.reason = "interrupted", f"interrupted {when}"
        raise
    finally:
        store()


@asynccontextmanager
async def _started(start: Start | None, account: RunState) -> AsyncIterator[Start]:
    """The given start, or that of a run by itself."""
    if start is not None:
        yield start
        return
    async with interruptible(lambda: account.started is not None) as interrupted:
        yield _AtOnce(interrupted)


async def _with_everything(run: _Run) -> None:
    """Open and start all there is, in order; close and stop it in reverse."""
    folder, account = run.folder, run.account
    async with serve(run.target, folder.file(names.TARGET_LOG), run.url) as service:
        run.start.served()
        account.target = target_facts(run.target, service)
        with (
            LatencyLog(folder.file(names.LATENCY_FILE)) as latency,
            MetricsLog(folder.file(names.METRICS_FILE)) as metrics,
            SlowestLog(folder.file(names.SLOWEST_FILE)) as slowest,
        ):
            scraper = Scraper(service, metrics)
            await scraper.scrape()  # the baseline: nothing was asked of the service yet
            record = _recorder(run, latency, metrics, slowest)
            async with fleet(
                *(run.scenario, service.url, folder.path, record),
                pool=run.pool,
                on_progress=run.tell,
            ) as load:
                await scraper.scrape()  # the second one shows what a scrape takes
                account.target["scrape_interval"] = _scrape_interval(run, scraper)
                await _load(run, service, scraper, latency, load)
            await scraper.scrape()  # everything was answered: the service's final account
            account.target["scrape_error"] = scraper.last_error


def _recorder(
    run: _Run, latency: LatencyLog, metrics: MetricsLog, slowest: SlowestLog
) -> Callable[[Report], None]:
    """What is done with each report of a generator."""
    meter = Meter(run.scenario)
    account = run.account

    def record(report: Report) -> None:
        at = _epoch(report.at)
        started = account.started or at
        labels = {names.SOURCE: report.source} if report.source else None
        cells, numbers = with_source(report), readings(report)
        try:
            latency.write(cells)
            metrics.add_readings(numbers, at, labels)
            slowest.write(slow_requests(report, _epoch))
        except OSError as error:
            if not run.unwritable.done():
                run.unwritable.set_result(f"cannot write {error.filename}: {error.strerror}")
        if run.watch:
            run.watch.add(report.cells)
        if run.listener:
            run.listener.hear(cells, numbers, report.source)
        if progress := meter.progress(report, at - started):
            decides = run.decision or run.watch
            run.show(progress._replace(budgets=decides.states() if decides else ()))

    return record


async def _load(
    run: _Run, service: Service, scraper: Scraper, latency: LatencyLog, load: Fleet
) -> None:
    """Warm up, measure and drain, until the schedule ends or something ends it early."""
    account, scenario = run.account, run.scenario
    t0 = await run.start.begin()
    window = t0 + scenario.warm_up, t0 + scenario.warm_up + scenario.duration
    account.started = _epoch(t0)
    account.window_start = account.started + scenario.warm_up
    account.window_end = account.window_start + scenario.duration
    latency.begin(account.window_start)
    account.take(load)
    run.store()
    await load.start(t0, window[0])
    schedule = asyncio.create_task(_scrape_on_schedule(run, scraper, t0, window))
    breach = asyncio.create_task(certain_breach(run.watch, load, window[0]))
    look = partial(_until_now, run, scraper, load, window[0])
    decided = asyncio.create_task(all_decided(run.decision, look))
    try:
        await _until_the_end(run, service, load, _Ends(schedule, breach, decided))
    finally:
        breach.cancel()
        decided.cancel()
        account.take(load)
    if account.status in {"failed", "interrupted"}:
        _cut_window(account, time.time())
    # In the order of need: first no more load, then the service's account of the cut window.
    aborted = account.status == "aborted"
    stopping = asyncio.create_task(load.stop(min(scenario.drain, ABORT_DRAIN) if aborted else None))
    if account.status != "complete":
        await scraper.scrape()
    try:
        await stopping
    except GeneratorError:
        if account.status == "complete":
            raise  # it died while it drained; otherwise the reason is known already
    finally:
        account.take(load)
    account.drained = time.time()
    if service.died.done():
        account.target["exit_code"] = service.died.result()
    if run.start.interrupted.is_set() and account.status == "complete":
        account.status, account.reason = "interrupted", "interrupted by a signal while it drained"
    if run.unwritable.done() and account.status == "complete":
        _fail(account, run.unwritable.result())


def _scrape_interval(run: _Run, scraper: Scraper) -> float:
    """Seconds between scrapes; their mean distance where they keep no interval."""
    if run.scrapes is not None:
        return run.scenario.duration / (len(run.scrapes) + 1)
    return run.target.scrape_interval or scraper.affordable_interval


async def _until_now(
    run: _Run, scraper: Scraper, load: Fleet, window_start: float, second: int
) -> Evidence:
    """The run as it would be judged if it ended after so many seconds of its window."""
    await asyncio.sleep(max(0.0, window_start + second - time.monotonic()))
    await scraper.scrape()
    await load.wait_reported(window_start + second)
    run.account.take(load)
    run.store()
    assert run.account.window_start is not None
    until = run.account.window_start + second
    return await asyncio.to_thread(read_evidence, run.folder, until=until)


@dataclass(frozen=True, slots=True)
class _Ends:
    """What ends a run that goes well: the first of these."""

    schedule: asyncio.Task[None]
    breach: asyncio.Task[tuple[Budget, int]]
    decided: asyncio.Task[int]


async def _until_the_end(run: _Run, service: Service, load: Fleet, planned: _Ends) -> None:
    """Wait for the end of the schedule, or for what comes before it, and note which it was."""
    account = run.account
    interrupted = asyncio.create_task(run.start.interrupted.wait())
    broken = load.died
    ends: set[asyncio.Future[Any]] = {
        *(planned.schedule, planned.breach, planned.decided),
        *(interrupted, broken, service.died, run.unwritable),
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
    elif planned.schedule.done():
        account.status = "complete"
    elif planned.breach.done():
        _abort(account, *planned.breach.result())
    else:
        assert account.window_start is not None
        account.status = "complete"
        _cut_window(account, account.window_start + planned.decided.result())
    planned.schedule.cancel()
    interrupted.cancel()
    (unscraped, _) = await asyncio.gather(planned.schedule, interrupted, return_exceptions=True)
    if isinstance(unscraped, OSError):
        _fail(account, f"cannot write {names.METRICS_FILE}: {unscraped.strerror}")
    elif isinstance(unscraped, Exception):
        raise unscraped


def _abort(account: RunState, budget: Budget, seconds: int) -> None:
    """A budget is breached for certain: the window ends with the last second known of."""
    assert account.window_start is not None
    account.status, account.aborted_by = "aborted", budget.name
    after = format_quantity(seconds, Unit.SECONDS)
    account.reason = f"the breach of {budget.name} was certain after {after} of the window"
    _cut_window(account, account.window_start + seconds)


def _cut_window(account: RunState, end: float) -> None:
    """The load ended early: the window ends then, or never began."""
    if account.window_start is None or end <= account.window_start:
        account.window_start = account.window_end = None
    else:
        account.window_end = min(end, account.window_end or end)


async def _scrape_on_schedule(
    run: _Run, scraper: Scraper, t0: float, window: tuple[float, float]
) -> None:
    """Scrape at intervals of the load and exactly at the edges of the window."""
    over = asyncio.Event()
    interval = run.account.target["scrape_interval"]
    moments = ticks(t0, interval) if run.scrapes is None else (t0 + at for at in run.scrapes)

    async def at_edges() -> None:
        for edge in window:
            await asyncio.sleep(max(0.0, edge - time.monotonic()))
            await scraper.scrape()
        over.set()

    await asyncio.gather(scraper.follow(moments, over), at_edges())


def _fail(account: RunState, reason: str) -> None:
    account.status, account.reason = "failed", reason


def _epoch(moment: float) -> float:
    """A moment of the monotonic clock as seconds since the epoch."""
    return moment + time.time() - time.monotonic()
