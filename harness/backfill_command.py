"""The body of `harness backfill`: a stored run becomes part of a Prometheus' data."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from harness.backfill import run_document
from harness.errors import EXIT_PASS
from harness.observe.promtool import create_blocks
from harness.runs.folder import open_folder


def backfill(options: argparse.Namespace) -> int:
    """Write the run as an OpenMetrics document, have promtool make blocks of it.

    Raises:
        RunFolderError: There is no readable run.
        UsageError: promtool is not there, or cannot write the blocks.
    """
    folder = open_folder(options.run_dir)
    with tempfile.TemporaryDirectory(prefix="harness-") as temporary:
        path = Path(temporary) / "run.om"
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(run_document(folder))
        create_blocks(path, options.data_dir)
    sys.stdout.write(f"{folder.path} is stored in {options.data_dir}\n")
    return EXIT_PASS
