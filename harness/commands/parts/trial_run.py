"""The short run by which the bounds of a new budgets.yaml are proposed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness import names
from harness.commands.parts import outputs
from harness.commands.parts.progress import LiveView
from harness.errors import TargetError
from harness.init.bounds import MeasuredValue

if TYPE_CHECKING:
    from harness.budgets.model import Plan, Scenario
    from harness.judge.model import Verdict
    from harness.runs.folder import RunFolder
    from harness.runs.model import Manifest


@dataclass(frozen=True, slots=True)
class TrialRun:
    """What the short run gave.

    Attributes:
        values: By budget.
        failed: Failed requests and all requests, by request.
        seconds: Mean time of an answer; None without one.
        disturbed: How other processes may have made the times longer; empty when they did not.
    """

    values: Mapping[str, MeasuredValue]
    failed: Mapping[str, tuple[int, int]]
    seconds: float | None
    disturbed: str


def trial_run(text: str, path: Path, locustfile: str, folder: Path, url: str | None) -> TrialRun:
    """Load the service for some seconds, and measure what the budgets need.

    Args:
        text: A budgets.yaml whose bounds nothing breaches.
        path: Where budgets.yaml will be; the service is started in its folder.
        locustfile: The text of the locustfile.
        folder: An existing folder for the locustfile and the run.
        url: Of a service that runs already; None starts the command.

    Raises:
        TargetError: The service cannot be loaded.
        ScenarioError: The locustfile cannot be run.
    """
    from harness.budgets.parse.parse import parse_plan
    from harness.judge.guards.contention import contention
    from harness.judge.judge import judge
    from harness.report.run.endpoints import endpoints
    from harness.runner.folder import new_run_folder
    from harness.runs.folder import read_evidence
    from harness.runs.model import Distribution

    load = len(list(folder.glob("run-*")))
    file = folder / "locustfile.py"
    file.write_text(locustfile, encoding="utf-8")
    plan = parse_plan(text, path, os.environ, datetime.now(UTC).date())
    scenario = next(iter(plan.scenarios.values()))
    loads = tuple(replace(one, locustfile=file) for one in scenario.loads)
    scenario = replace(scenario, loads=loads)
    run = new_run_folder(folder / f"run-{load}", plan, scenario)
    manifest = _gather(plan, scenario, run, url)
    if manifest.status == "interrupted":
        raise KeyboardInterrupt
    if manifest.status != "complete":
        reason = manifest.reason.partition("\nhint: ")[0]  # it may name a file of this short run
        hint = "the service must stand a light load; try its command, or look at its output"
        raise TargetError(f"the short run failed: {reason}", hint)
    evidence = read_evidence(run, manifest=manifest)
    judgement = judge(plan.budgets_of(scenario.name), evidence)
    values = {one.name: _measured(one) for one in judgement.verdicts}
    failed = {one.request: (one.errors, one.count) for one in endpoints(evidence.latency)}
    answered = Distribution.merge(
        times
        for key, times in evidence.latency.items()
        if (key.what, key.outcome) == (names.SERVICE_TIME, names.OK)
    )
    shared = contention(evidence)
    disturbed = shared.text if shared is not None and shared.disturbs else ""
    return TrialRun(values, failed, answered.mean, disturbed)


def _measured(verdict: Verdict) -> MeasuredValue:
    value = verdict.value if verdict.bucket is None else verdict.bucket[1]
    problem = "" if verdict.has_data else verdict.reason
    return MeasuredValue(value, verdict.upper, problem, verdict.bucket)


def _gather(plan: Plan, scenario: Scenario, run: RunFolder, url: str | None) -> Manifest:
    from harness.runner.options import RunOptions
    from harness.runner.run import gather
    from harness.runner.signals import run_loop

    title = f"{plan.service}, short run"
    with LiveView(outputs.stderr(), quiet=False, title=title) as live:
        options = RunOptions(url=url, show=live.show, tell=outputs.print_line, note=live.print_line)
        return run_loop(gather(plan, scenario, run, options))
