"""A search for the capacity of a service: one run after the other, each at a rate of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from harness import names
from harness.budgets.model import Budget, Plan, Scenario
from harness.budgets.presets import in_run
from harness.errors import TargetError, UnjudgedError
from harness.experiments.recovery import RecoveryProbe
from harness.judge.capacity.model import CapacityEnd, CapacitySearch, CapacityStep
from harness.judge.capacity.search import SearchRange, next_rate
from harness.judge.capacity.step import judged_in_search, scenario_at, step_of, with_abort
from harness.judge.judge import judge
from harness.judge.stopping.abort import AbortWatch
from harness.judge.stopping.decided import DecisionWatch
from harness.report.run.markdown import summary_markdown
from harness.report.run.results import results_json
from harness.runner.folder import new_run_folder, store_report
from harness.runner.options import RunOptions
from harness.runner.run import gather, was_interrupted
from harness.runner.signals import run_loop
from harness.runner.start import LoadStart
from harness.runs.folder import RunFolder, read_evidence
from harness.runs.model import Manifest, Progress

_STARTS = 2.0  # seconds for the start of the service and the end of a run, before any was measured


class CapacityObserver(Protocol):
    """Follows a search."""

    def show(self, progress: Progress) -> None:
        """Take the progress of a step, about once a second."""

    def stepped(self, number: int, step: CapacityStep) -> None:
        """Take a finished step and its number, from 1."""

    def tell(self, line: str) -> None:
        """Take a line for a person."""


@dataclass(frozen=True, slots=True)
class CapacityDesign:
    """What is searched.

    Attributes:
        scenario: With one load at a constant rate.
        range: Where the first search looks.
        seconds: Longest duration of each search.
        repeat: Number of searches.
        url: Of a service that already runs; None starts the target anew for each step.
    """

    scenario: Scenario
    range: SearchRange
    seconds: float
    repeat: int = 1
    url: str | None = None


class StepRunner(Protocol):
    """Makes the steps of a search."""

    @property
    def expected(self) -> float:
        """Seconds that a step takes, at its planned end."""

    def run(self, rate: float, deadline: float) -> CapacityStep | None:
        """Run and judge a step; None when a signal interrupted it.

        Args:
            rate: Of the step, per second.
            deadline: Until when it may go on while a budget is undecided, of `time.monotonic`.

        Raises:
            UnjudgedError: The service could not be started or has not recovered.
        """


def search_capacity(
    runner: StepRunner, design: CapacityDesign
) -> tuple[tuple[CapacitySearch, ...], UnjudgedError | None]:
    """Search for the capacity, as often as the design says.

    The second search and those after it begin near the result of the first.

    Args:
        runner: Makes the steps.
        design: What is searched.

    Returns:
        The searches, the last of which may have ended early, and the error that ended it.

    Raises:
        ScenarioError: The locustfile cannot be run.
        UsageError: A folder cannot be written.
    """
    searches: list[CapacitySearch] = []
    limits, error = design.range, None
    while len(searches) < design.repeat:
        search, error = _search(runner, limits, design.seconds)
        searches.append(search)
        if search.end in {"interrupted", "error"}:
            break
        limits = range_after(search, limits)
    return tuple(searches), error


def range_after(search: CapacitySearch, limits: SearchRange) -> SearchRange:
    """Where the search after this one looks: first near its result.

    Args:
        search: That has ended.
        limits: Where it looked.
    """
    if (lower := search.bracket.lower) is None:
        return limits
    factor = 1 + 4 * limits.within
    return replace(limits, start=max(limits.least, lower / factor), factor=factor)


@dataclass(slots=True)
class OngoingSearch:
    """A search that goes on.

    Attributes:
        limits: Where it looks.
        seconds: Longest duration of its steps together.
        steps: So far.
        spent: Seconds that the steps took.
        end: Why it ended by itself or by its time; None while it goes on.
    """

    limits: SearchRange
    seconds: float
    steps: list[CapacityStep] = field(default_factory=list)
    spent: float = 0.0
    end: CapacityEnd | None = None

    @property
    def left(self) -> float:
        """Seconds that further steps may take."""
        return self.seconds - self.spent

    def next(self, expected: float) -> float | CapacityEnd:
        """The rate of the next step, or why the search ends.

        Args:
            expected: Seconds that the step takes.
        """
        rate = next_rate(self.limits, [(step.rate, step.result) for step in self.steps])
        if not isinstance(rate, str) and expected > self.left and self.steps:
            return "time"
        return rate

    def add(self, step: CapacityStep, seconds: float) -> None:
        """Add a step that took so many seconds, its start included."""
        self.steps.append(step)
        self.spent += seconds

    def ended(self, end: CapacityEnd = "interrupted", reason: str = "") -> CapacitySearch:
        """The search; `end` and `reason` are what ended it from outside."""
        if self.end is not None:
            return CapacitySearch(tuple(self.steps), self.end)
        return CapacitySearch(tuple(self.steps), end, reason)


def _search(
    runner: StepRunner, limits: SearchRange, seconds: float
) -> tuple[CapacitySearch, UnjudgedError | None]:
    """One search, until it ends by itself, by its time, by a signal or by an error."""
    search = OngoingSearch(limits, seconds)
    try:
        while True:
            rate = search.next(runner.expected)
            if isinstance(rate, str):
                return search.ended(rate), None
            begun = time.monotonic()
            step = _run(runner, rate, begun + search.left, again=bool(search.steps))
            if step is None:
                return search.ended("interrupted"), None
            search.add(step, time.monotonic() - begun)
    except KeyboardInterrupt:
        return search.ended("interrupted"), None
    except UnjudgedError as error:
        return search.ended("error", error.message), error


def _run(runner: StepRunner, rate: float, deadline: float, *, again: bool) -> CapacityStep | None:
    """Run a step, and `again` where the service started before and does not now."""
    try:
        return runner.run(rate, deadline)
    except UnjudgedError:
        if not again:
            raise
        return runner.run(rate, deadline)


@dataclass(slots=True)
class CapacitySteps:
    """Makes the steps of all searches by runs of the scenario.

    A target with a command is started anew for each step, so no step meets the queue that another
    one has left. A running service has to recover before the next step.

    Attributes:
        plan: The whole of budgets.yaml.
        folder: Gets a run folder for each step.
        budgets: Those that are judged.
        number: Of the last step, from 1.
        overhead: Seconds that the last step took besides its warm-up and its window.
        probe: Of a running service; None when the target is started for each step.
    """

    plan: Plan
    design: CapacityDesign
    folder: Path
    observer: CapacityObserver
    budgets: tuple[Budget, ...] = field(init=False)
    number: int = 0
    overhead: float = _STARTS
    probe: RecoveryProbe | None = field(init=False)

    def __post_init__(self) -> None:
        name = self.design.scenario.name
        self.budgets, _ = judged_in_search(self.plan.budgets_of(name))
        target = self.plan.target
        url = self.design.url or (target.url if target and target.command is None else None)
        self.probe = RecoveryProbe(target, url) if url else None

    @property
    def expected(self) -> float:
        """Seconds that a step takes, at its planned end, as long as the last one beside that."""
        return self.design.scenario.warm_up + self.design.scenario.expected + self.overhead

    def run(self, rate: float, deadline: float) -> CapacityStep | None:
        """Run and judge a step, as `StepRunner.run` says."""
        begun = time.monotonic()
        if self.probe:
            self.probe.wait(self.observer.tell)
        scenario, folder = self._prepared(rate, deadline, begun)
        manifest = run_loop(self._gathered(scenario, folder))
        return self._judged(manifest, scenario, folder, rate, begun)

    async def run_within(
        self, rate: float, deadline: float, start: LoadStart
    ) -> CapacityStep | None:
        """As `run`, within an event loop, of which `start` handles the signals."""
        begun = time.monotonic()
        if self.probe:
            await asyncio.to_thread(self.probe.wait, self.observer.tell)
        scenario, folder = self._prepared(rate, deadline, begun)
        manifest = await self._gathered(scenario, folder, start)
        return self._judged(manifest, scenario, folder, rate, begun)

    def _prepared(self, rate: float, deadline: float, begun: float) -> tuple[Scenario, RunFolder]:
        """The scenario and the folder of the next step, which began at `begun`."""
        self.number += 1
        longest = deadline - begun - self.overhead - self.design.scenario.warm_up
        scenario = scenario_at(
            self.design.scenario, rate, self.number, self.budgets, float(int(longest))
        )
        return scenario, new_run_folder(
            self.folder / f"step-{self.number:02d}", self.plan, scenario
        )

    def _gathered(
        self, scenario: Scenario, folder: RunFolder, start: LoadStart | None = None
    ) -> Coroutine[None, None, Manifest]:
        """Run a step."""
        watched = with_abort(self.budgets)
        options = RunOptions(
            url=self.design.url,
            start=start,
            watch=AbortWatch(watched, scenario.expected, None, scenario.duration),
            decision=DecisionWatch(self.budgets, scenario) if scenario.planned else None,
            show=self.observer.show,
        )
        return gather(self.plan, scenario, folder, options)

    def _judged(
        self, manifest: Manifest, scenario: Scenario, folder: RunFolder, rate: float, begun: float
    ) -> CapacityStep | None:
        """The step by its run; None when a signal interrupted it."""
        if was_interrupted(manifest):
            return None
        if manifest.clock.started is None:
            raise TargetError(f"step {self.number} could not be run: {manifest.reason}")
        evidence = read_evidence(folder, manifest=manifest)
        budgets = in_run(self.budgets, manifest.roles)
        judgement = judge(budgets, evidence, self.plan.off_in(scenario.name))
        code = judgement.exit_code
        store_report(folder, names.RESULTS_FILE, results_json(judgement, evidence, exit_code=code))
        store_report(folder, names.SUMMARY_FILE, summary_markdown(judgement, evidence))
        step = step_of(judgement, evidence, rate, folder.path.name)
        self.overhead = max(0.0, time.monotonic() - begun - scenario.warm_up - step.seconds)
        self.observer.stepped(self.number, step)
        return step
