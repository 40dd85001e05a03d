"""The manifest of a run: its content before the run, and its changes until the end."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, assert_never
from urllib.parse import urlsplit, urlunsplit

from harness.budgets.model import Load, Plan, Scenario, Target
from harness.budgets.workload import ClosedWorkload, OpenWorkload, ShapeWorkload, Workload
from harness.load.fleet import Fleet
from harness.observe.command import instances
from harness.observe.host import git_facts, host_facts
from harness.observe.target import Service
from harness.runner.mask import Mask, mask_of, masked_arguments
from harness.runner.options import RunObserver
from harness.runs.calibration import Calibration
from harness.runs.clock import RunClock
from harness.runs.digests import digests, sealed
from harness.runs.folder import RunFolder
from harness.runs.model import Clock, Manifest, Worker
from harness.units import Unit, format_quantity


class RunState:
    """The manifest of a run that goes on.

    Args:
        folder: The run folder, where `store` writes run.json.
        manifest: The manifest before the run.
        observer: Gets each manifest that is stored.
        clock: Of the run; None makes one.
        mask: Hides values of environment variables in every text from outside.

    Attributes:
        clock: Of the run.
        folder: The run folder.
        manifest: The manifest as of now.
    """

    def __init__(
        self,
        folder: RunFolder,
        manifest: Manifest,
        observer: RunObserver | None = None,
        clock: RunClock | None = None,
        mask: Mask = str,
    ) -> None:
        self.clock = clock or RunClock()
        self.manifest = manifest
        self.folder = folder
        self.mask = mask
        self._observer = observer
        self._notes: tuple[str, ...] = ()

    @property
    def begun(self) -> bool:
        """Whether the load has begun, or is about to."""
        return self.manifest.clock.started is not None

    @property
    def is_over(self) -> bool:
        """Whether the load that is judged has ended by itself, with its last answer."""
        ended = self.manifest.status in {"complete", "aborted"}
        return ended and self.manifest.clock.drained is not None

    def store(self) -> None:
        """Write run.json.

        Raises:
            OSError: It cannot be written.
        """
        self._set_clock(step=round(self.clock.step, 3))
        self.folder.write_manifest(sealed(self.manifest))
        if self._observer:
            self._observer.set_manifest(self.folder.path.resolve().name, self.manifest)

    def begin(self, started: float, scenario: Scenario) -> float:
        """Note the start of the load, in epoch seconds, and return the start of the window.

        Until it is known that the run goes on, the window ends as planned.
        """
        window_start = started + scenario.warm_up
        window_end = window_start + scenario.expected
        self._set_clock(started=started, window_start=window_start, window_end=window_end)
        return window_start

    def complete(self) -> None:
        """Note that the load ended as planned."""
        self._set(status="complete")

    def fail(self, reason: str) -> None:
        """Note that the run could not be finished."""
        self._set(status="failed", reason=_encodable(self.mask(reason)))

    def interrupt(self, reason: str) -> None:
        """Note that a signal ended the run."""
        self._set(status="interrupted", reason=reason)

    def abort(self, budget: str, seconds: int) -> None:
        """Note that the breach of a budget was certain after so many seconds of the window."""
        after = format_quantity(seconds, Unit.SECONDS)
        reason = f"the breach of {budget} was certain after {after} of the window"
        self._set(status="aborted", aborted_by=budget, reason=reason)
        self.end_window_after(seconds)

    def end_window_after(self, seconds: float) -> None:
        """Let the window end after so many seconds of it."""
        assert self.manifest.clock.window_start is not None
        self._set_clock(window_end=self.manifest.clock.window_start + seconds)

    def cut_window(self, end: float) -> None:
        """End the window at this moment; there is no window when it had not begun by then."""
        clock = self.manifest.clock
        if clock.window_start is None or end <= clock.window_start:
            self._set_clock(window_start=None, window_end=None)
        else:
            self._set_clock(window_end=min(end, clock.window_end or end))

    def drained(self) -> None:
        """Note that the last answer was recorded or given up just now."""
        self._set_clock(drained=self.clock.now())

    def update_target(self, facts: dict[str, Any]) -> None:
        """Add facts about the service, or replace them."""
        self._set(target={**self.manifest.target, **facts})

    def seal(self) -> None:
        """Note size and content of each evidence file, all of them complete and closed."""
        self._set(files=digests(self.folder.path))

    def note(self, notice: str) -> None:
        """Add a notice for the reader of the reports; an empty one adds nothing."""
        if notice:
            text = _encodable(notice)
            self._notes += (text,)
            self._set(notices=(*self.manifest.notices, text))

    def take_accounts(self, fleet: Fleet) -> None:
        """Replace what the generators reported before by what they have reported by now."""
        self._set(
            requests=fleet.requests,
            user_errors=tuple(map(self.mask, fleet.user_errors)),
            consequences=tuple(map(self.mask, fleet.consequences)),
            locustfile_exit_code=fleet.exit_code,
            notices=(*map(self.mask, fleet.notices), *self._notes),
            workers=tuple(self._with_epoch(worker) for worker in fleet.workers),
        )

    def _with_epoch(self, worker: Worker) -> Worker:
        """A worker with the time of its loss on the run's clock; before, it is a monotonic one."""
        if worker.lost_at is None:
            return worker
        return worker.model_copy(update={"lost_at": self.clock.epoch(worker.lost_at)})

    def _set(self, **changes: object) -> None:
        self.manifest = self.manifest.model_copy(update=changes)

    def _set_clock(self, **moments: float | None) -> None:
        self._set(clock=self.manifest.clock.model_copy(update=moments))


def new_manifest(plan: Plan, scenario: Scenario) -> Manifest:
    """The manifest of a run before it begins.

    Raises:
        UsageError: The calibration of this machine is damaged.
    """
    clock = Clock(created=time.time())
    host = host_facts()
    return Manifest(
        harness_version=version("harness"),
        service=plan.service,
        scenario={
            "name": scenario.name,
            "loads": [_load_facts(load, mask_of(plan.text, os.environ)) for load in scenario.loads],
            "warm_up": scenario.warm_up,
            "duration": scenario.duration,
            "settles": scenario.auto_warm_up,
            "planned": scenario.planned,
            "early": scenario.early,
            "drain": scenario.drain,
            "workers": scenario.workers,
            "trace_ratio": scenario.trace_ratio,
            "locustfile_exit_code": scenario.locustfile_exit_code,
        },
        target={},
        clock=clock,
        noise=Calibration.load(plan.source, host).noises_of(scenario.name),
        versions={name: version(name) for name in ("harness", "locust", "gevent")},
        host=host,
        git=git_facts(plan.target.directory if plan.target else plan.source.parent),
    )


def target_facts(target: Target, service: Service, mask: Mask = str) -> dict[str, Any]:
    """The service as it is tested, without passwords and values of environment variables.

    `exporters` are the instances of other processes, where there are any.
    """
    labels = instances(service.metrics)
    others = [labels[url] for url in service.metrics if url in service.exporters]
    return {
        "url": _without_password(service.url, mask),
        "command": mask(target.command or "") if service.started_by_us else None,
        "metrics": [_without_password(url, mask) for url in service.metrics],
        "ours": service.started_by_us,
        "exit_code": None,
        **({"exporters": others} if others else {}),
    }


def _load_facts(load: Load, mask: Mask) -> dict[str, Any]:
    return {
        "name": load.name,
        "locustfile": _encodable(str(load.locustfile)),
        "workload": {"model": _model_of(load.workload), **asdict(load.workload)},
        "start": load.start,
        "tags": load.tags,
        "exclude_tags": load.exclude_tags,
        "arguments": [_encodable(mask(text)) for text in masked_arguments(load.arguments)],
    }


def _encodable(text: str) -> str:
    """A text for run.json; a path or an argument that is not UTF-8 has lone surrogates."""
    return text.encode("utf-8", "replace").decode()


def _model_of(workload: Workload) -> str:
    match workload:
        case OpenWorkload():
            return "open"
        case ClosedWorkload() | ShapeWorkload():
            return "closed"
        case _:
            assert_never(workload)


def _without_password(url: str, mask: Mask) -> str:
    """A URL without user and password; host and path stay, by which its series are found."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host, query=mask(parts.query)))
