"""`harness run`: start the target, load it, judge it, report."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime

from harness import names
from harness.budgets.model import Plan
from harness.commands.parts import outputs
from harness.commands.parts.inputs import choose_scenario, past_run, read_plan, worker_pool_of
from harness.commands.parts.option_types import (
    address,
    count,
    listen_address,
    quantity,
    run_id,
    workers,
)
from harness.commands.parts.options import (
    baseline_option,
    budgets_option,
    grafana_options,
    load_options,
    out_option,
    prometheus_options,
    report_options,
    scenario_argument,
    url_option,
)
from harness.commands.parts.progress import LiveView
from harness.commands.parts.serve_metrics import served
from harness.commands.parts.servers import servers_of
from harness.commands.parts.verdict import judge_and_report
from harness.errors import UsageError
from harness.judge.stopping.abort import AbortWatch
from harness.judge.stopping.decided import DecisionWatch
from harness.load.fleet import logs
from harness.observe.host import host_facts
from harness.runner.run import gather
from harness.runner.warm_up import settle
from harness.runs.calibration import Calibration
from harness.runs.folder import create_folder
from harness.units import Unit


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness run`."""
    scenario_argument(parser)
    budgets_option(parser)
    out_option(parser, "the run folder (default: runs/<utc>-<scenario>)")
    url_option(parser, "test a service that already runs; the target is not started")
    load_options(parser)
    parser.add_argument(
        "--max-duration",
        type=quantity(Unit.SECONDS),
        metavar="TIME",
        help="end, or go on, until every budget is decided, for TIME at most",
    )
    _worker_options(parser)
    _serve_option(parser)
    prometheus_options(parser)
    baseline_option(parser)
    grafana_options(parser, "where the run is marked on the dashboards")
    report_options(parser)


def run(options: argparse.Namespace) -> int:
    """Start the target, load it, judge it, report.

    Raises:
        UsageError: The options do not fit budgets.yaml, or a report cannot be written.
        ScenarioError: The locustfile cannot be run.
    """
    plan = _plan_with_target(options)
    scenario = choose_scenario(plan, options)
    pool, servers, past = worker_pool_of(scenario, options), servers_of(options), past_run(options)
    budgets = plan.budgets_of(scenario.name)
    noise = Calibration.load(plan.source, host_facts()).noises_of(scenario.name)
    watch = AbortWatch(budgets, scenario.duration, noise)
    decision = DecisionWatch(budgets, scenario) if scenario.planned is not None else None
    title = f"{plan.service}, scenario {scenario.name}"
    with served(plan, scenario, options) as live_metrics:
        logs_ = logs(scenario).values()
        folder = create_folder(options.out, scenario.name, datetime.now(UTC), logs=logs_)
        folder.write(names.BUDGETS_FILE, plan.text)
        with LiveView(outputs.stderr(), quiet=options.quiet, title=title) as live:
            running = gather(
                *(plan, scenario, folder),
                url=options.url,
                show=live.show,
                watch=watch,
                decision=decision,
                listener=live_metrics,
                pool=pool,
                tell=outputs.tell,
            )
            asyncio.run(running)
        if scenario.auto_warm_up:
            settle(folder)
        return judge_and_report(
            *(budgets, plan.source, folder, options),
            past=past,
            servers=servers,
            live_metrics=live_metrics,
            store=True,
        )


def _plan_with_target(options: argparse.Namespace) -> Plan:
    plan = read_plan(options.budgets)
    if plan.target is None and not options.url:
        raise UsageError(
            f"{plan.source} has no target", "add a `target:` section, or name a service with --url"
        )
    return plan


def _worker_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        type=workers,
        metavar="N|auto",
        help="Locust processes on this machine; auto: as many as there are cores to spare",
    )
    group = parser.add_argument_group("workers on other machines")
    group.add_argument(
        "--expect-workers", type=count, metavar="N", help="wait for N Locust workers, no more"
    )
    group.add_argument(
        "--bind",
        type=address,
        metavar="ADDRESS[:PORT]",
        help="where they connect to (default: 0.0.0.0:5557); keep it in a private network",
    )
    group.add_argument(
        "--run-id", type=run_id, metavar="ID", help="what each must name (default: made up)"
    )
    group.add_argument(
        "--on-worker-loss",
        choices=["stop", "continue"],
        help="stop: the run ends, inconclusive (default); continue: with those that are left",
    )


def _serve_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--serve-metrics",
        type=listen_address,
        metavar="[ADDRESS:]PORT",
        help="serve what is measured to Prometheus during the run (ADDRESS: 127.0.0.1)",
    )
