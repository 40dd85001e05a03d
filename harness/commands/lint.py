"""`harness lint`: validate budgets.yaml without load."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.budgets.dialects.recognise import recognise_target
from harness.budgets.lint.plan import lint as find
from harness.commands.parts.inputs import (
    read_plan,
    require_ca_file,
    require_locustfile,
    require_python,
    with_metrics,
)
from harness.commands.parts.options import budgets_option, metrics_option, url_option
from harness.commands.parts.outputs import print_line, write
from harness.commands.parts.samples import locustfile_texts, sample_advice
from harness.errors import EXIT_PASS, EXIT_USAGE
from harness.runs.calibration import path_of

if TYPE_CHECKING:
    from harness.budgets.lint.plan import Advice, Finding
    from harness.budgets.model import Plan


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness lint`."""
    budgets_option(parser)
    url_option(
        parser, "running service: check that its metrics exist and its buckets fit the bounds"
    )
    metrics_option(parser)


def lint(options: argparse.Namespace) -> int:
    """Validate budgets.yaml and, with --url, check it against the metrics of the service.

    Raises:
        UsageError: budgets.yaml is not valid, a locustfile is missing or has a syntax error, the
            target's `ca_file` cannot be used, or the service does not answer.
    """
    plan = with_metrics(read_plan(options.budgets), options)
    for scenario in plan.scenarios.values():
        require_locustfile(scenario)
        require_python(scenario)
    require_ca_file(plan)
    families = None
    if options.url:
        from harness.observe.metric_families import fetch_families

        families = fetch_families(options.url, plan.target)
        print_line(recognise_target(families, plan.target).summary)
    advice, notices = _advice(plan, options)
    for notice in notices:
        print_line(f"note: {notice}")
    findings = find(plan, families, advice, locustfile_texts(plan.scenarios.values()))
    return _report(findings, plan, options.budgets)


def _report(findings: Sequence[Finding], plan: Plan, path: Path) -> int:
    """Print the findings and their number; return the exit code."""
    for finding in findings:
        write(f"{path}:{finding.line}: {finding.level}: {finding.path}: {finding.message}\n")
    errors = sum(finding.level == "error" for finding in findings)
    write(
        f"{path}: budgets: {len(plan.budgets)}, scenarios: {len(plan.scenarios)}, "
        f"errors: {errors}, warnings: {len(findings) - errors}\n"
    )
    return EXIT_USAGE if errors else EXIT_PASS


def _advice(plan: Plan, options: argparse.Namespace) -> tuple[list[Advice], list[str]]:
    """Advice and notices on samples, and from the calibration of this machine if there is one."""
    advice, notices = sample_advice(plan)
    if path_of(options.budgets).exists():
        from harness.experiments.advice import lint_advice  # takes a second to import

        known, further = lint_advice(plan, options.budgets)
        advice, notices = advice + known, notices + further
    return advice, notices
