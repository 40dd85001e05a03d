"""Users of the closed model that are stopped; Locust is imported by a process of its own."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.untraced

STOP = """
import gevent
from gevent import monkey
monkey.patch_all()
from locust import User, task
from locust.env import Environment
from harness.load.child.closed_model import stop_users_without_waiting

counts = {"begun": 0, "ended": 0, "stopped": 0}

class One(User):
    def on_start(self):
        counts["begun"] += 1
        gevent.sleep(0.01)
        counts["ended"] += 1
    def on_stop(self):
        counts["stopped"] += 1
    @task
    def work(self):
        gevent.sleep(0.01)

stop_users_without_waiting()
environment = Environment(user_classes=[One], stop_timeout=60)
runner = environment.create_local_runner()
runner.spawn_users({"One": 3})
BEFORE
runner.stop_users({"One": 3})
gevent.sleep(0.1)
print(*counts.values(), runner.user_count)
"""


@pytest.mark.parametrize(
    ("before", "counts"),
    [
        pytest.param("", "0 0 0 0", id="before they begin"),
        pytest.param("gevent.sleep(0)", "3 3 3 0", id="as they begin"),
        pytest.param("gevent.sleep(0.1)", "3 3 3 0", id="during their tasks"),
    ],
)
def test_user_that_is_stopped_has_not_begun_or_ends_what_it_has_begun(
    before: str, counts: str
) -> None:
    command = [sys.executable, "-c", STOP.replace("BEFORE", before)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.stdout.strip() == counts, result.stderr
