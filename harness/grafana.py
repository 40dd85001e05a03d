"""Dashboards and runs are shown in the Grafana that the command line names."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from harness.asked import read_token
from harness.errors import UsageError
from harness.judge.model import Judgement
from harness.observe.grafana import Grafana
from harness.report.wording import headline, scenario_name
from harness.runs.model import Manifest

TAG = "harness"


def grafana_of(options: argparse.Namespace) -> Grafana | None:
    """The server that is told; None without a token.

    Raises:
        UsageError: The token cannot be read, or its server is not named.
    """
    if options.grafana_token_file is None:
        return None
    if options.grafana_url is None:
        raise UsageError(
            "--grafana-token-file is about a server that is not named", "add --grafana-url URL"
        )
    return Grafana(options.grafana_url, read_token(options.grafana_token_file))


def import_dashboards(server: Grafana, files: Mapping[str, str]) -> list[str]:
    """Store the dashboards among rendered files; their names.

    Raises:
        UsageError: The server does not take one.
    """
    dashboards = [path for path in files if path.endswith(".json") and "/" not in path]
    for path in dashboards:
        server.import_dashboard(files[path])
    return dashboards


def annotate_run(server: Grafana, manifest: Manifest, judgement: Judgement) -> None:
    """Mark the window of a run with its outcome.

    Raises:
        UsageError: The server does not take it.
    """
    start, end = manifest.clock.window_start, manifest.clock.window_end
    if start is None or end is None:
        return
    scenario = scenario_name(manifest)
    text = f"{judgement.outcome.upper()}: {scenario}: {headline(judgement, manifest)}"
    tags = [TAG, manifest.service, scenario, judgement.outcome]
    server.annotate(text, tags, start, end)
