"""One run: the target, the load and the scraper on one clock, stored in the run folder."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import replace

from harness import names
from harness.budgets.lint.metrics import unknown_labels
from harness.budgets.model import Plan, Scenario, Target
from harness.errors import HarnessError, UnjudgedError
from harness.load.fleet import Fleet, fleet, workers_of
from harness.observe.host import unread, usable_cpus
from harness.observe.scraper import Scraper
from harness.observe.target import serve
from harness.runner.diagnosis import DiagnosisPhase, receive_traces
from harness.runner.listeners import listener, open_logs
from harness.runner.load_phase import LoadPhase
from harness.runner.manifest import RunState, new_manifest, target_facts
from harness.runner.mask import mask_of
from harness.runner.options import RunOptions
from harness.runner.roles import recognise_roles
from harness.runner.start import start_of
from harness.runs.folder import RunFolder, unusable
from harness.runs.log import cannot_write
from harness.runs.model import Manifest


async def gather(
    plan: Plan,
    scenario: Scenario,
    folder: RunFolder,
    options: RunOptions,
    *,
    open_fleet: Callable[..., AbstractAsyncContextManager[Fleet]] = fleet,
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
    with (
        _stored(state),
        open_logs(folder, state.clock, mask) as logs,
        receive_traces(target, options, folder, mask) as (target, traces),
    ):
        async with (
            start_of(options.start, lambda: state.begun) as start,
            serve(target, folder.file(names.TARGET_LOG), options.url) as service,
        ):
            start.served()
            state.update_target(target_facts(target, service, mask))
            scraper = Scraper(service, logs.metrics, clock=state.clock)
            await scraper.scrape()  # the baseline, before the first request
            families = recognise_roles(state, scraper, target)
            for text in unknown_labels(plan.budgets_of(scenario.name), families):
                options.note(f"note: {text}")
            generators = open_fleet(
                *(scenario, service.url, folder.path),
                listener(scenario, state, logs, options),
                pool=options.pool,
                on_progress=options.tell,
                ca_file=target.ca_file,
            )
            async with generators as load:
                await scraper.scrape()  # the second one shows how long a scrape takes
                interval = _scrape_interval(scenario, target, scraper, options)
                state.update_target({"scrape_interval": interval})
                await LoadPhase(
                    *(scenario, options, state, start, service, target),
                    *(scraper, interval, logs, load),
                ).run()
            await scraper.scrape()  # after the last answer: the final counts of the service
            recognise_roles(state, scraper, target)
            state.update_target({"scrape_error": mask(scraper.last_error)})
            await DiagnosisPhase(
                *(plan, scenario, options, state, service, target, start.interrupted),
                *(traces, open_fleet),
            ).run()
        logs.metrics.close()
        state.note(logs.metrics.unfinished)
        state.note(unread())
        for notice in traces.notices() if traces else ():
            state.note(notice)
    return state.manifest


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
        when = "a second time" if state.begun else "before the load began"
        state.interrupt(f"interrupted {when}")
        raise
    finally:
        try:
            state.seal()
            state.store()  # last: until then run.json says that the run was never finished
        except OSError as error:
            state.note(cannot_write(error))


def _workers(scenario: Scenario, target: Target, options: RunOptions) -> int:
    """Processes for each load."""
    if options.pool:
        return options.pool.workers
    started_by_us = target.command is not None and options.url is None
    return workers_of(scenario, usable_cpus(), service_too=started_by_us)


def _scrape_interval(
    scenario: Scenario, target: Target, scraper: Scraper, options: RunOptions
) -> float:
    """Seconds between scrapes; their mean distance where their times are given."""
    if options.scrapes is not None:
        return scenario.duration / (len(options.scrapes) + 1)
    return target.scrape_interval or scraper.affordable_interval
