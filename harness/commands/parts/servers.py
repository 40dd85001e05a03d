"""The servers of the options: Prometheus, which measures, and Grafana, which shows the run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError, why_unreadable
from harness.judge.model import Judgement
from harness.observe.grafana import Grafana
from harness.observe.prometheus import Prometheus, tls_context
from harness.report.parts.words import headline, scenario_name
from harness.runs.model import Manifest

TAG = "harness"


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers of a run; None for a server without an option."""

    prometheus: Prometheus | None = None
    grafana: Grafana | None = None


def servers_of(options: argparse.Namespace) -> Servers:
    """Both servers; a query checks before the load that Prometheus answers.

    Raises:
        UsageError: Options are missing or cannot be read, or Prometheus does not answer.
    """
    servers = Servers(prometheus_of(options), grafana_of(options))
    if options.grafana_url is not None and servers.grafana is None:
        raise UsageError(
            "--grafana-url needs a token, with which the run is marked",
            "add --grafana-token-file FILE",
        )
    if servers.prometheus:
        servers.prometheus.probe()
    return servers


def prometheus_of(options: argparse.Namespace) -> Prometheus | None:
    """The Prometheus server of the options, with its credentials; None without one.

    Raises:
        UsageError: A file cannot be read, or --prometheus is missing.
    """
    if options.prometheus is None:
        for name in ("match", "token_file", "header", "ca", "cert", "key"):
            if getattr(options, f"prometheus_{name}"):
                raise UsageError(
                    f"--prometheus-{name.replace('_', '-')} needs a server",
                    "add --prometheus URL",
                )
        return None
    headers = dict(options.prometheus_header)
    if options.prometheus_token_file:
        headers["Authorization"] = f"Bearer {read_token(options.prometheus_token_file)}"
    tls = tls_context(options.prometheus_ca, options.prometheus_cert, options.prometheus_key)
    return Prometheus(options.prometheus, headers, tls, dict(options.prometheus_match))


def grafana_of(options: argparse.Namespace) -> Grafana | None:
    """The Grafana server that gets annotations and dashboards; None without a token.

    Raises:
        UsageError: The token cannot be read, or --grafana-url is missing.
    """
    if options.grafana_token_file is None:
        return None
    if options.grafana_url is None:
        raise UsageError("--grafana-token-file needs a server", "add --grafana-url URL")
    return Grafana(options.grafana_url, read_token(options.grafana_token_file))


def import_dashboards(server: Grafana, files: Mapping[str, str]) -> list[str]:
    """Import the dashboards among rendered files; return their names.

    Raises:
        UsageError: The server refuses a dashboard.
    """
    dashboards = [path for path in files if path.endswith(".json") and "/" not in path]
    for path in dashboards:
        server.import_dashboard(files[path])
    return dashboards


def annotate_run(server: Grafana, manifest: Manifest, judgement: Judgement) -> None:
    """Mark the window of a run with its outcome.

    Raises:
        UsageError: The server refuses the annotation.
    """
    start, end = manifest.clock.window_start, manifest.clock.window_end
    if start is None or end is None:
        return
    scenario = scenario_name(manifest)
    text = f"{judgement.outcome.upper()}: {scenario}: {headline(judgement, manifest)}"
    tags = [TAG, manifest.service, scenario, judgement.outcome]
    server.annotate(text, tags, start, end)


def read_token(path: Path) -> str:
    """Read a token from a file.

    Raises:
        UsageError: The file cannot be read, or does not contain a token.
    """
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read the token in {path}: {why_unreadable(error)}",
            "correct the option that names the file",
        ) from error
    if not token or not token.isprintable() or " " in token:
        raise UsageError(f"{path} does not contain a token", "write only the token into it")
    return token
