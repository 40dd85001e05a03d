"""The manifest of a run: what is known before it, and what becomes known while it goes on."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from harness.budgets.model import Load, OpenWorkload, Plan, Scenario, Target
from harness.load.fleet import Fleet
from harness.observe.host import git_facts, host_facts
from harness.observe.target import Service
from harness.runs.calibration import Calibration
from harness.runs.model import Clock, Manifest, Requests, Status, Worker


@dataclass(slots=True)
class RunState:
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
    notices: tuple[str, ...] = ()
    workers: tuple[Worker, ...] = ()
    aborted_by: str = ""

    def manifest(self, facts: dict[str, Any]) -> Manifest:
        """It all, with what `known_facts` knew before the run."""
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
            notices=self.notices,
            workers=self.workers,
            aborted_by=self.aborted_by,
        )

    def take(self, load: Fleet) -> None:
        """What the generators have told so far."""
        self.requests = load.requests
        self.user_errors, self.notices = load.user_errors, load.notices
        self.workers = load.workers


def known_facts(plan: Plan, scenario: Scenario) -> dict[str, Any]:
    """What is known of a run before it begins.

    Raises:
        UsageError: What was calibrated on this machine is damaged.
    """
    host = host_facts()
    return {
        "harness_version": version("harness"),
        "service": plan.service,
        "scenario": {
            "name": scenario.name,
            "loads": [_load_facts(load) for load in scenario.loads],
            "warm_up": scenario.warm_up,
            "duration": scenario.duration,
            "settles": scenario.auto_warm_up,
            "planned": scenario.planned,
            "drain": scenario.drain,
            "workers": scenario.workers,
            "trace_ratio": scenario.trace_ratio,
        },
        "noise": Calibration.load(plan.source, host).noises_of(scenario.name),
        "versions": {name: version(name) for name in ("harness", "locust", "gevent")},
        "host": host,
        "git": git_facts(plan.target.directory if plan.target else plan.source.parent),
    }


def target_facts(target: Target, service: Service) -> dict[str, Any]:
    """The service as it was tested."""
    return {
        "url": _without_password(service.url),
        "command": target.command if service.started_by_us else None,
        "metrics": [_without_password(url) for url in service.metrics],
        "ours": service.started_by_us,
        "exit_code": None,
    }


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


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
