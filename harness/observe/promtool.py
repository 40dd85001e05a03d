"""Prometheus' own tool, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from harness.errors import UsageError


def create_blocks(document: Path, data: Path) -> None:
    """Put the samples of an OpenMetrics document into the data of a Prometheus.

    Args:
        document: With times.
        data: The folder that its `--storage.tsdb.path` names; made when there is none.

    Raises:
        UsageError: promtool is not installed, or refuses.
    """
    promtool = shutil.which("promtool")
    if promtool is None:
        raise UsageError("promtool is not installed", "it comes with Prometheus; put it on PATH")
    arguments = ["tsdb", "create-blocks-from", "openmetrics", str(document), str(data)]
    ended = subprocess.run(  # noqa: S603
        [promtool, *arguments], capture_output=True, text=True, errors="replace", check=False
    )
    if ended.returncode:
        said = (ended.stderr or ended.stdout).strip().splitlines()[-1:]
        raise UsageError(f"promtool cannot write to {data}: {''.join(said)}")
