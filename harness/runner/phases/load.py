"""The part of a run with load: warm-up, window and drain, with all that can end it early."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, assert_never

from harness import names
from harness.budgets.model import Budget
from harness.errors import GeneratorError
from harness.load.fleet import Fleet
from harness.observe.scraper import Scraper, ticks
from harness.observe.target import Service, ending, last_output
from harness.runner.listeners import RunLogs
from harness.runner.phases.context import RunPart
from harness.runner.roles import recognise_roles
from harness.runner.start import LoadStart
from harness.runner.stopping import all_decided, certain_breach
from harness.runs.folder import read_evidence
from harness.runs.log import cannot_write
from harness.runs.model import Evidence

# Seconds that requests in flight have when the load is aborted: most answers are still recorded,
# and a service that answers nothing does not keep a decided run waiting.
ABORT_DRAIN = 2.0


@dataclass(frozen=True, slots=True)
class LoadPhase(RunPart):
    """A service, its scraper and the generators, all of them ready.

    Attributes:
        scrape_interval: Seconds; for `options` that give no times of the scrapes.
    """

    start: LoadStart
    service: Service
    scraper: Scraper
    scrape_interval: float
    logs: RunLogs
    fleet: Fleet

    async def run(self) -> None:
        """Load the service until the schedule ends or something ends it early, then drain.

        Raises:
            GeneratorError: A generator died before the load began, or while it drained.
            OSError: run.json or the last samples cannot be written.
        """
        for notice in self.fleet.notices:  # on the locustfile
            self.options.note(f"note: {self.state.mask(notice)}")
        t0 = await self.start.begin()
        self.logs.begin(self.state.begin(self.state.clock.epoch(t0), self.scenario))
        self.state.take_accounts(self.fleet)
        self.state.store()
        await self.fleet.start(t0, t0 + self.scenario.warm_up)
        await self._until_the_end(t0)
        match self.state.manifest.status:
            case "failed" | "interrupted":
                self.state.cut_window(self.state.clock.now())
            case "complete" | "aborted":
                pass  # the window is as planned, or already cut
            case "running":
                raise AssertionError("the load ended without a status")
            case status:
                assert_never(status)
        await self._drain()

    async def _until_the_end(self, t0: float) -> None:
        """Wait for the first event that ends the load, and note which one it was."""
        window_start = t0 + self.scenario.warm_up
        evidence_until = partial(self._evidence_until, window_start)
        schedule = asyncio.create_task(self._scrape_on_schedule(t0))
        breach = asyncio.create_task(certain_breach(self.options.watch, self.fleet, window_start))
        decided = asyncio.create_task(
            all_decided(self.options.decision, evidence_until, self.options.note)
        )
        interrupted = asyncio.create_task(self.start.interrupted.wait())
        ends: set[asyncio.Future[Any]] = {
            *(schedule, breach, decided, interrupted),
            *(self.fleet.died, self.service.died, self.logs.write_error),
        }
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not self._note_failure():
                self._note_end(interrupted, schedule, breach, decided)
            schedule.cancel()
            (error,) = await asyncio.gather(schedule, return_exceptions=True)
            if isinstance(error, Exception):
                raise error
        except OSError as error:  # of a scrape, or of run.json before a decision
            self.state.fail(cannot_write(error))
        finally:
            for task in (schedule, interrupted, breach, decided):
                task.cancel()
            self.state.take_accounts(self.fleet)

    def _note_failure(self) -> bool:
        """Note what failed, in the order in which one failure causes another; whether any did."""
        if self.service.died.done():
            code = self.service.died.result()
            self.state.update_target({"exit_code": code})
            output = last_output(self.state.folder.file(names.TARGET_LOG))
            self.state.fail(f"the service ended during the load: {ending(code)}{output}")
        elif self.fleet.died.done():
            self.state.fail(f"the load generator died: {self.fleet.died.result()}")
        elif self.logs.write_error.done():
            self.state.fail(self.logs.write_error.result())
        else:
            return False
        return True

    def _note_end(
        self,
        interrupted: asyncio.Task[Any],
        schedule: asyncio.Task[None],
        breach: asyncio.Task[tuple[Budget, int]],
        decided: asyncio.Task[int],
    ) -> None:
        """Note the end of a load in which nothing failed."""
        if interrupted.done():
            self.state.interrupt("interrupted by a signal")
        elif schedule.done():
            self.state.complete()
            self.state.end_window_after(self.scenario.duration)
        elif breach.done():
            budget, seconds = breach.result()
            self.state.abort(budget.name, seconds)
        else:
            self.state.complete()
            self.state.end_window_after(decided.result())

    async def _drain(self) -> None:
        """Stop the load, wait for the last answers, and take the final accounts."""
        status = self.state.manifest.status
        drain = min(self.scenario.drain, ABORT_DRAIN) if status == "aborted" else None
        # First no more load, then the last scrape of a window that was cut.
        stopping = asyncio.create_task(self.fleet.stop(drain))
        if status != "complete":
            with suppress(OSError):  # the run is no complete one already
                await self.scraper.scrape()
        try:
            await stopping
        except GeneratorError:
            if status == "complete":
                raise  # it died while it drained; otherwise the reason is known already
        finally:
            self.state.take_accounts(self.fleet)
        self.state.drained()
        if self.service.died.done():
            self.state.update_target({"exit_code": self.service.died.result()})
        if status != "complete":
            return
        if self.start.interrupted.is_set():
            self.state.interrupt("interrupted by a signal while it drained")
        elif self.logs.write_error.done():
            self.state.fail(self.logs.write_error.result())

    async def _scrape_on_schedule(self, t0: float) -> None:
        """Scrape at regular or given times, and exactly at the edges of the window."""
        over = asyncio.Event()
        times = self.options.scrapes
        moments = ticks(t0, self.scrape_interval) if times is None else (t0 + at for at in times)

        async def scrape_edges() -> None:
            for edge in (t0 + self.scenario.warm_up, t0 + self.scenario.seconds):
                await asyncio.sleep(max(0.0, edge - time.monotonic()))
                await self.scraper.scrape()
            over.set()

        await asyncio.gather(self.scraper.follow(moments, over), scrape_edges())

    async def _evidence_until(self, window_start: float, second: int) -> Evidence:
        """The evidence of the run as if it ended after so many seconds of its window."""
        if second > self.scenario.expected:
            self.state.end_window_after(self.scenario.duration)  # it goes on
        await asyncio.sleep(max(0.0, window_start + second - time.monotonic()))
        await self.scraper.scrape()
        recognise_roles(self.state, self.scraper, self.target)
        await self.fleet.wait_reported(window_start + second)
        self.state.take_accounts(self.fleet)
        self.state.store()
        started = self.state.manifest.clock.window_start
        assert started is not None
        return await asyncio.to_thread(read_evidence, self.state.folder, until=started + second)
