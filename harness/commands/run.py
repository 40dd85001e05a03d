"""`harness run`: start the service, load it, judge its budgets, write reports."""

from __future__ import annotations

import argparse
from functools import partial

from harness.budgets.limits import DURATION
from harness.budgets.model import Plan, Scenario
from harness.commands.parts import outputs
from harness.commands.parts.inputs import (
    choose_scenario,
    past_run,
    read_plan,
    with_metrics,
    worker_pool_of,
)
from harness.commands.parts.option_types import (
    address,
    listen_address,
    quantity,
    run_id,
    worker_count,
)
from harness.commands.parts.options import (
    baseline_option,
    budgets_option,
    diagnosis_of_options,
    diagnosis_options,
    grafana_options,
    load_options,
    metrics_option,
    out_option,
    prometheus_options,
    report_options,
    scenario_argument,
    url_option,
    worker_secret_option,
    workers_option,
)
from harness.commands.parts.progress import LiveView
from harness.commands.parts.report_files import require_writable_copies
from harness.commands.parts.samples import hardly_decided, out_of_reach
from harness.commands.parts.serve_metrics import LiveMetrics, served
from harness.commands.parts.servers import servers_of
from harness.errors import ScenarioError, UsageError
from harness.judge.stopping.abort import AbortWatch
from harness.judge.stopping.decided import DecisionWatch
from harness.load.protocol.master import WorkerPool
from harness.observe.host import host_facts
from harness.runner.folder import new_run_folder
from harness.runner.options import RunOptions
from harness.runner.run import gather
from harness.runner.signals import run_loop
from harness.runs.calibration import Calibration
from harness.runs.folder import RunFolder
from harness.runs.model import Manifest
from harness.units import Unit, format_quantity


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness run`."""
    scenario_argument(parser)
    budgets_option(parser)
    out_option(parser, "run folder (default: runs/<utc>-<scenario>)")
    url_option(parser, "test a service that already runs instead of starting the target")
    metrics_option(parser)
    load_options(parser)
    parser.add_argument(
        "--max-duration",
        type=quantity(DURATION),
        metavar="TIME",
        help="go on while a budget is undecided, at most TIME (default: that of the scenario,"
        " otherwise three times the duration)",
    )
    _worker_options(parser)
    diagnosis_options(
        parser,
        when="the load goes on after its end, not judged, with all traces and a profile",
        length="it goes on",
    )
    _serve_option(parser)
    prometheus_options(parser)
    baseline_option(parser)
    grafana_options(parser, "Grafana server on whose dashboards the run is marked")
    report_options(parser)


def run(options: argparse.Namespace) -> int:
    """Start the service, load it, judge its budgets and write reports.

    Raises:
        UsageError: The options do not fit budgets.yaml, or a report cannot be written.
        ScenarioError: The locustfile cannot be run.
    """
    plan = _plan_with_target(options)
    scenario = choose_scenario(plan, options, goes_on=True)
    servers, past = servers_of(options), past_run(options)
    require_writable_copies(options)
    budgets = plan.budgets_of(scenario.name)
    noise = Calibration.load(plan.source, host_facts()).noises_of(scenario.name)
    watch = AbortWatch(budgets, scenario.expected, noise, scenario.duration)
    with (
        worker_pool_of(scenario, options) as pool,
        served(plan, scenario, options) as live_metrics,
    ):
        folder = new_run_folder(options.out, plan, scenario)
        try:
            manifest = _measure(
                *(plan, scenario, folder, options),
                watch=watch,
                pool=pool,
                live_metrics=live_metrics,
            )
            from harness.commands.parts.verdict import judge_and_report  # see `_announcement`

            return judge_and_report(
                *(budgets, plan.source, folder, options),
                past=past,
                servers=servers,
                off=plan.off_in(scenario.name),
                live_metrics=live_metrics,
                made=manifest,
            )
        except ScenarioError as error:
            from harness.commands.parts.verdict import report_refusal

            report_refusal(budgets, folder, options, error)
            raise
        except KeyboardInterrupt:
            outputs.print_line(
                f"interrupted; `harness check {folder.path}` judges what was measured"
            )
            raise


def _measure(
    plan: Plan,
    scenario: Scenario,
    folder: RunFolder,
    options: argparse.Namespace,
    *,
    watch: AbortWatch,
    pool: WorkerPool | None,
    live_metrics: LiveMetrics | None,
) -> Manifest:
    """Load the service and store the evidence; returns the manifest."""
    title = f"{plan.service}, scenario {scenario.name}"
    with LiveView(outputs.stderr(), quiet=options.quiet, title=title) as live:
        run_options = RunOptions(
            url=options.url,
            pool=pool,
            watch=watch,
            decision=_decision(plan, scenario),
            observer=live_metrics,
            diagnosis=diagnosis_of_options(options),
            show=live.show,
            tell=outputs.print_line,
            note=live.print_line,
            announcement=partial(_announcement, plan, scenario),
        )
        return run_loop(gather(plan, scenario, folder, run_options))


def _decision(plan: Plan, scenario: Scenario) -> DecisionWatch | None:
    """Ends the run when every budget is decided; None for a run of a fixed length."""
    if scenario.planned is None:
        return None
    return DecisionWatch(plan.budgets_of(scenario.name), scenario)


def _announcement(plan: Plan, scenario: Scenario) -> list[str]:
    """How long the load may last, and which budgets will hardly be decided or met."""
    # For `judge_and_report`: 0.25 s, during which the service and the generators start.
    import harness.commands.parts.verdict  # noqa: F401
    from harness.report.html.run_page import prepare_page

    prepare_page()
    expected, longest = (
        format_quantity(seconds, Unit.SECONDS) for seconds in (scenario.expected, scenario.duration)
    )
    lines = []
    if scenario.planned is not None:
        lines.append(f"measures {expected}, up to {longest} while a budget is undecided")
    return lines + hardly_decided(plan, scenario) + out_of_reach(plan, scenario)


def _plan_with_target(options: argparse.Namespace) -> Plan:
    plan = with_metrics(read_plan(options.budgets), options)
    if plan.target is None and not options.url:
        raise UsageError(f"{plan.source} has no target", "add a `target:` section, or use --url")
    return plan


def _worker_options(parser: argparse.ArgumentParser) -> None:
    workers_option(parser)
    group = parser.add_argument_group("workers on other machines")
    group.add_argument(
        "--expect-workers",
        type=worker_count,
        metavar="N",
        help="wait for exactly N of `harness worker`",
    )
    group.add_argument(
        "--bind",
        type=address,
        metavar="ADDRESS[:PORT]",
        help="address that workers connect to (default: 127.0.0.1:5557); any other needs a secret",
    )
    worker_secret_option(group)
    group.add_argument(
        "--run-id",
        type=run_id,
        metavar="ID",
        help="id that each worker must send (default: random)",
    )
    group.add_argument(
        "--on-worker-loss",
        choices=["stop", "continue"],
        help="stop: end the run as inconclusive (default); continue: use the remaining workers",
    )


def _serve_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--serve-metrics",
        type=listen_address,
        metavar="[ADDRESS:]PORT",
        help="serve the metrics of the run to Prometheus (default ADDRESS: 127.0.0.1)",
    )
