"""Runs promtool, which comes with Prometheus."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from harness.errors import UsageError


def create_blocks(document: Path, data: Path) -> None:
    """Write the samples of an OpenMetrics document into the data folder of a Prometheus.

    Args:
        document: An OpenMetrics document with timestamps.
        data: The folder of `--storage.tsdb.path`; created if absent.

    Raises:
        UsageError: promtool is not installed, or fails.
    """
    promtool = shutil.which("promtool")
    if promtool is None:
        raise UsageError("promtool is not installed", "it comes with Prometheus; put it on PATH")
    arguments = ["tsdb", "create-blocks-from", "openmetrics", str(document), str(data)]
    ended = subprocess.run(  # noqa: S603
        [promtool, *arguments], capture_output=True, text=True, errors="replace", check=False
    )
    if ended.returncode:
        last_line = (ended.stderr or ended.stdout).strip().splitlines()[-1:]
        raise UsageError(
            f"promtool cannot write to {data}: {''.join(last_line)}",
            "name a folder that can be written: that of Prometheus's --storage.tsdb.path",
        )
