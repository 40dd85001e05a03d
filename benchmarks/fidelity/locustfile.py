"""The scenario of every run by Locust, stock or under the harness."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, HttpUser, constant_throughput, events, task

# The pace of a user where there is no schedule: stock Locust's way to keep a rate.
PACE = float(os.environ.get("FIDELITY_PACE", "0"))  # s
# Work after each answer that occupies the generator's core, and a file for the times by its loop.
WORK = float(os.environ.get("FIDELITY_WORK", "0"))  # s
TIMES = os.environ.get("FIDELITY_TIMES", "")
loop_times: list[float] = []
USER = os.environ.get("FIDELITY_USER")
BASE: Any = HttpUser if USER == "HttpUser" else FastHttpUser
if USER == "FastUser":
    import harness

    BASE = harness.FastUser


class Visitor(BASE):  # type: ignore[misc]
    """Gets one page."""

    if PACE:
        wait_time = constant_throughput(1 / PACE)

    def on_start(self) -> None:
        """Spread the users over their pace: users that start together stay synchronized.

        `constant_throughput` counts from its first call, and would compensate for a shorter wait.
        """
        if PACE:
            gevent.sleep(random.uniform(PACE, 2 * PACE))
            self.wait_time()

    @task
    def get(self) -> None:
        """Put the arrival number into the query; only the harness's open model has arrivals."""
        intended = getattr(self, "harness_intended", None)
        query = f"?at={intended!r}" if intended else ""
        self.client.get(f"/{query}", name="/")
        read = time.monotonic()
        if intended:
            loop_times.append(read - intended)
        while time.monotonic() < read + WORK:
            pass


def write_loop_times(**_: object) -> None:
    """Write the seconds from each intended start until this file has the answer."""
    if TIMES:
        Path(TIMES).write_text("\n".join(map(repr, loop_times)))


quitting: Any = events.quitting
quitting.add_listener(write_loop_times)
