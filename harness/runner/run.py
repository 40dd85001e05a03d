"""One run: the target, the load and the scraper on one clock, stored in the run folder."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from harness import names
from harness.budgets.lint.metrics import unknown_labels
from harness.budgets.model import Plan, Scenario, Target
from harness.errors import HarnessError, UnjudgedError
from harness.load.early import EarlyProcesses, early_processes
from harness.load.fleet import Fleet, early_of, fleet, workers_of
from harness.observe.host import unread, usable_cpus
from harness.observe.port_owner import unseen
from harness.observe.scraper import Scraper
from harness.observe.target import Service, serve
from harness.runner.listeners import RunLogs, listener, open_logs
from harness.runner.manifest import RunState, new_manifest, target_facts
from harness.runner.mask import mask_of
from harness.runner.options import RunOptions
from harness.runner.phases.context import OpenFleet, RunContext
from harness.runner.phases.diagnosis import Breaches, DiagnosisPhase, receive_traces
from harness.runner.phases.load import LoadPhase
from harness.runner.phases.restart import recorded_restart
from harness.runner.roles import recognise_roles
from harness.runner.start import start_of
from harness.runs.folder import RunFolder, unusable
from harness.runs.log import cannot_write
from harness.runs.model import Manifest

# A notice of a run whose status is that of its load.
AFTER_LOAD: Final = (
    "interrupted by a signal after the load: a diagnosis has what was recorded until then"
)

T = TypeVar("T")
StartEarly = Callable[[Mapping[Path, int]], AbstractAsyncContextManager[EarlyProcesses]]


async def gather(
    plan: Plan,
    scenario: Scenario,
    folder: RunFolder,
    options: RunOptions,
    *,
    open_fleet: OpenFleet = fleet,
    start_early: StartEarly = early_processes,
) -> Manifest:
    """Run a scenario, and store the evidence that the judge needs in the run folder.

    A run that cannot be finished (the service or a generator dies, a signal comes) is stored as
    failed, aborted or interrupted, with the evidence up to then. So is a run whose evidence could
    not be written.

    Args:
        plan: The whole of budgets.yaml.
        scenario: The scenario, with the changes of the command line.
        folder: A new run folder.
        options: What acts on the run or follows it.
        open_fleet: Starts the generators, with the parameters of `harness.load.fleet.fleet`.
        start_early: Starts processes of generators while the service starts.

    Returns:
        The manifest as run.json should have it, also where run.json could not be written.

    Raises:
        ScenarioError: The locustfile cannot be run.
        UsageError: The folder cannot be written; no load was made.
        KeyboardInterrupt: INT or TERM came before the load began, or a second time.
    """
    target = plan.target or Target(url=options.url or "")
    scenario = replace(scenario, workers=_workers(scenario, target, options))
    mask = mask_of(plan.text, os.environ)
    state = RunState(folder, new_manifest(plan, scenario), options.observer, mask=mask)
    breaches = Breaches(plan, scenario, state)
    with (
        _stored(state),
        open_logs(folder, state.clock, mask) as logs,
        receive_traces(target, options, folder, mask) as (target, traces),
    ):
        context = RunContext(scenario, options, state, target, open_fleet)
        async with (
            start_of(options.start, lambda: state.begun, remote=bool(options.pool)) as start,
            recorded_restart(context, breaches, start),
            start_early(early_of(scenario, folder.path, options.pool, usable_cpus())) as early,
            _meanwhile(partial(_prepare, options)) as lines,
            serve(target, folder.file(names.TARGET_LOG), options.url) as service,
        ):
            start.served()
            scraper = await _first_scrape(context, plan, service, logs)
            async with _accounted(_generators(context, service, logs, early), state) as load:
                interval = await _scrape_interval(context, scraper)
                for line in await lines:
                    options.note(line)
                await LoadPhase(context, start, service, scraper, interval, logs, load).run()
                await _last_scrape(context, scraper)  # while the generators end
                diagnosis = DiagnosisPhase(context, breaches, service, start.interrupted, traces)
                wanted = await diagnosis.is_wanted()
            if wanted:
                await diagnosis.run()
        logs.metrics.close()
        if state.is_over and start.interrupted.is_set():
            state.note(AFTER_LOAD)
        for notice in (*_last_notices(state, logs, service), *(traces.notices() if traces else ())):
            state.note(notice)
    return state.manifest


def was_interrupted(manifest: Manifest) -> bool:
    """Whether a signal came during a run, also after its load."""
    return manifest.status == "interrupted" or AFTER_LOAD in manifest.notices


async def _first_scrape(
    context: RunContext, plan: Plan, service: Service, logs: RunLogs
) -> Scraper:
    """Scrape the service before the first request, and note what its metrics tell."""
    state, target = context.state, context.target
    state.update_target(target_facts(target, service, state.mask))
    scraper = Scraper(service, logs.metrics, clock=state.clock)
    await scraper.scrape()
    families = recognise_roles(state, scraper, target)
    for text in unknown_labels(plan.budgets_of(context.scenario.name), families):
        context.options.note(f"note: {text}")
    return scraper


def _generators(
    context: RunContext, service: Service, logs: RunLogs, early: EarlyProcesses
) -> AbstractAsyncContextManager[Fleet]:
    scenario, options, state = context.scenario, context.options, context.state
    return context.open_fleet(
        *(scenario, service.url, state.folder.path),
        listener(scenario, state, logs, options),
        pool=options.pool,
        on_progress=options.tell,
        ca_file=context.target.ca_file,
        start_process=early.start,
    )


async def _scrape_interval(context: RunContext, scraper: Scraper) -> float:
    """Seconds between scrapes; their mean distance where their times are given."""
    await scraper.scrape()  # the second one shows how long a scrape takes
    options, scenario = context.options, context.scenario
    if options.scrapes is not None:
        interval = scenario.duration / (len(options.scrapes) + 1)
    else:
        interval = context.target.scrape_interval or scraper.interval_for(scenario.seconds)
    context.state.update_target({"scrape_interval": interval})
    return interval


async def _last_scrape(context: RunContext, scraper: Scraper) -> None:
    """Scrape the service after its last answer, for its final counts."""
    state = context.state
    await scraper.scrape()
    recognise_roles(state, scraper, context.target)
    state.update_target({"scrape_error": state.mask(scraper.last_error)})


def _last_notices(state: RunState, logs: RunLogs, service: Service) -> Iterator[str]:
    """What is known of a run at its end only; texts may be empty."""
    yield logs.metrics.unfinished
    yield unread() or (unseen(state.manifest.target["url"]) if service.listeners == () else "")
    clock = state.manifest.clock
    if clock.window_start is not None and clock.window_end is not None:
        yield logs.gaps.notice(clock.window_end - clock.window_start)
    yield from logs.elsewhere.notices(state.manifest.target["url"])


@contextmanager
def _stored(state: RunState) -> Iterator[None]:
    """Store the manifest before and after the run, with the reason why the run ended early.

    Errors that leave a run without a verdict end here; the manifest has them.
    """
    try:
        state.store()
        yield
    except UnjudgedError as error:
        state.fail(error.text)
    except HarnessError as error:
        state.fail(error.text)
        raise type(error)(state.mask(error.message), state.mask(error.hint)) from error
    except OSError as error:
        state.fail(cannot_write(error))
        if not state.begun:
            raise unusable(state.folder.path, error) from error
    except (KeyboardInterrupt, asyncio.CancelledError):
        if not state.is_over:  # else a diagnosis was interrupted, which nothing judges
            when = "a second time" if state.begun else "before the load began"
            state.interrupt(f"interrupted {when}")
        raise
    finally:
        try:
            state.seal()
            state.store()  # last: until then run.json says that the run was never finished
        except OSError as error:
            state.note(cannot_write(error))


@asynccontextmanager
async def _accounted(
    generators: AbstractAsyncContextManager[Fleet], state: RunState
) -> AsyncIterator[Fleet]:
    """The generators of a run, with their final accounts in its manifest.

    When one has died, the others report until their processes have ended.
    """
    running = None
    try:
        async with generators as running:
            yield running
    finally:
        if running:
            state.take_accounts(running)


@asynccontextmanager
async def _meanwhile(function: Callable[[], T]) -> AsyncIterator[Awaitable[T]]:
    """The result of a function that runs in a thread while the context is entered further."""
    task = asyncio.create_task(asyncio.to_thread(function))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _prepare(options: RunOptions) -> Sequence[str]:
    """Do what takes a moment and needs no service; returns the announcement."""
    import scipy.special  # noqa: F401  for the judge: 0.1 s, which the load must not wait for

    return options.announcement()


def _workers(scenario: Scenario, target: Target, options: RunOptions) -> int:
    """Processes for each load."""
    if options.pool:
        return options.pool.workers
    started_by_us = target.command is not None and options.url is None
    return workers_of(scenario, usable_cpus(), service_too=started_by_us)
