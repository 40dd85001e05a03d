"""`harness worker`: generate load for a `harness run --expect-workers` on another machine."""

from __future__ import annotations

import argparse
import os

from harness.budgets.limits import WAIT
from harness.commands.parts import outputs
from harness.commands.parts.option_types import address, quantity, run_id
from harness.commands.parts.options import worker_secret_option
from harness.errors import UsageError
from harness.load.join import await_master, become_worker
from harness.load.protocol.master import RUN_ID
from harness.load.worker_secret import MAKE, SECRET, read_secret


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness worker`."""
    parser.add_argument(
        "--master",
        type=address,
        required=True,
        metavar="ADDRESS[:PORT]",
        help="address of the machine that judges (default PORT: 5557)",
    )
    worker_secret_option(parser)
    parser.add_argument(
        "--run-id",
        type=run_id,
        metavar="ID",
        help=f"id of the run (default: environment variable {RUN_ID})",
    )
    parser.add_argument(
        "--timeout",
        type=quantity(WAIT),
        default=300.0,
        metavar="TIME",
        help="longest wait for the master (default: 5m)",
    )


def worker(options: argparse.Namespace) -> int:
    """Generate load for a run on another machine: wait for its master, run its locustfile, end.

    Raises:
        UsageError: There is no secret, or it cannot be used.
        GeneratorError: No master answers, or it cannot prove that it has the secret.
    """
    secret = read_secret(options.worker_secret_file, os.environ)
    if secret is None:
        raise UsageError(
            "a worker needs the secret of its master",
            f"copy the secret's file here and give --worker-secret-file, or set {SECRET}; "
            f"make one with: {MAKE}",
        )
    host, port = options.master
    outputs.print_line(f"waiting for the master at {host}:{port}")
    await_master(host, port, secret, options.timeout)
    become_worker(host, port, secret, options.run_id or os.environ.get(RUN_ID, ""), os.environ)
