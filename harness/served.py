"""The run as Prometheus may scrape it, for as long as the command lasts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from harness.budgets.model import Plan, Scenario
from harness.exposed import Exposed
from harness.observe.endpoint import endpoint


@contextmanager
def served(plan: Plan, scenario: Scenario, options: argparse.Namespace) -> Iterator[Exposed | None]:
    """Serve a run to Prometheus, if asked for, until the verdict was scraped as well.

    Raises:
        UsageError: The port is taken.
    """
    if options.serve_metrics is None:
        yield None
        return
    exposed = Exposed(plan, scenario)
    host, port = options.serve_metrics

    def tell(seconds: float) -> None:
        if not options.quiet:
            line = f"waiting up to {seconds:.0f} s until the verdict is scraped (Ctrl-C ends that)"
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    with endpoint(host, port, exposed.samples) as shown:
        yield exposed
        with suppress(KeyboardInterrupt):
            shown.wait(tell)
