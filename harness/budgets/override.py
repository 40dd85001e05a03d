"""A scenario with what the command line changes of it."""

from __future__ import annotations

from dataclasses import replace

from harness.budgets.model import OpenWorkload, Scenario, Stage
from harness.budgets.scenarios import closed
from harness.errors import UsageError


def override(
    scenario: Scenario,
    *,
    rate: float | None = None,
    users: int | None = None,
    duration: float | None = None,
    warm_up: float | None = None,
) -> Scenario:
    """Apply `--rate`, `--users`, `--duration` and `--warm-up`.

    `rate` makes the workload open at a constant rate, `users` makes it closed. Stages keep their
    length, so `duration` and `warm_up` can only change a workload without several stages.

    Raises:
        UsageError: The options contradict each other or the scenario.
    """
    if rate is not None and users is not None:
        raise UsageError("--rate and --users exclude each other", "give one of them")
    (load,) = scenario.loads
    workload = load.workload
    staged = isinstance(workload, OpenWorkload) and len(workload.stages) > 1
    if staged and rate is None and users is None and (duration, warm_up) != (None, None):
        raise UsageError(
            f"the stages of scenario {scenario.name!r} set how long it lasts",
            "give --rate or --users as well, or change the stages in budgets.yaml",
        )
    warm_up = scenario.warm_up if warm_up is None else warm_up
    duration = scenario.duration if duration is None else duration
    seconds = warm_up + duration
    if users is not None:
        workload = closed(users, max(warm_up / 2, 1.0), seconds, workload.seed)
    elif rate is not None and isinstance(workload, OpenWorkload):
        workload = replace(workload, stages=(Stage(rate, seconds),))
    elif rate is not None:
        workload = OpenWorkload((Stage(rate, seconds),), seed=workload.seed)
    elif isinstance(workload, OpenWorkload) and not staged:
        workload = replace(workload, stages=(Stage(workload.stages[0].rate, seconds),))
    loads = (replace(load, workload=workload),)
    return replace(scenario, loads=loads, warm_up=warm_up, duration=duration)
