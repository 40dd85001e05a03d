"""What every part of a run works with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from harness.budgets.model import Scenario, Target
from harness.load.fleet import Fleet
from harness.runner.manifest import RunState
from harness.runner.options import RunOptions

OpenFleet = Callable[..., AbstractAsyncContextManager[Fleet]]


@dataclass(frozen=True, slots=True)
class RunContext:
    """What every part of a run works with.

    Attributes:
        scenario: With the changes of the command line.
        options: What acts on the run or follows it.
        state: The manifest, as far as it is known, and the run folder.
        target: The service, with what the harness adds to its environment.
        open_fleet: Starts the generators, with the parameters of `harness.load.fleet.fleet`.
    """

    scenario: Scenario
    options: RunOptions
    state: RunState
    target: Target
    open_fleet: OpenFleet


@dataclass(frozen=True, slots=True)
class RunPart:
    """A part of a run, with its context at hand."""

    context: RunContext

    @property
    def scenario(self) -> Scenario:
        """That of the context."""
        return self.context.scenario

    @property
    def options(self) -> RunOptions:
        """Those of the context."""
        return self.context.options

    @property
    def state(self) -> RunState:
        """That of the context."""
        return self.context.state

    @property
    def target(self) -> Target:
        """That of the context."""
        return self.context.target
