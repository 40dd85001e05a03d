"""What is known of a run besides what is measured in it: the manifest's facts."""

from __future__ import annotations

import os
from dataclasses import asdict
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from harness.budgets.model import Load, OpenWorkload, Plan, Scenario, Target
from harness.calibration import Calibration
from harness.observe.host import git_facts, host_facts
from harness.observe.target import Service


def facts(plan: Plan, scenario: Scenario) -> dict[str, Any]:
    """What is known of a run before it begins.

    Raises:
        UsageError: What was calibrated on this machine is damaged.
    """
    return {
        "harness_version": version("harness"),
        "service": plan.service,
        "scenario": {
            "name": scenario.name,
            "loads": [_load_facts(load) for load in scenario.loads],
            "warm_up": scenario.warm_up,
            "duration": scenario.duration,
            "settles": scenario.settles,
            "planned": scenario.planned,
            "drain": scenario.drain,
            "workers": scenario.workers,
            "trace_ratio": scenario.trace_ratio,
        },
        "noise": Calibration.load(plan.source).noises_of(scenario.name),
        "versions": {name: version(name) for name in ("harness", "locust", "gevent")},
        "host": host_facts(),
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
