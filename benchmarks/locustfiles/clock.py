"""Ends a run of stock Locust after the seconds of CLOCK_SECONDS, from its start.

`--run-time` counts from before the imports, so a run on a busy machine is too short.
"""

import os
from typing import Any

import gevent
from locust import events


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def start(environment: Any, **_: object) -> None:
    """Stop the users and quit."""

    def end() -> None:
        gevent.sleep(float(os.environ["CLOCK_SECONDS"]))
        environment.runner.quit()

    gevent.spawn(end)
