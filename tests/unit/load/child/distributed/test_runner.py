"""Who is rejected as no worker of the harness. In a process of its own: Locust changes it."""

import json
import subprocess
import sys

PROGRAM = """
import json
from types import SimpleNamespace
import gevent
from locust.env import Environment
from locust.rpc import Message
from harness.load.child.distributed import runner, sockets
from harness.load.generator import STARTUP

now = 0.0
runner.time = SimpleNamespace(monotonic=lambda: now)
runner.gevent = SimpleNamespace(sleep=lambda _: gevent.sleep(0.001))
sockets.install("0123456789abcdef" * 4)
made = runner.GatedMasterRunner(Environment(), "127.0.0.1", 0)
notices = []
made.on_notice = notices.append
made.handle_message("slow", Message("client_ready", None, "slow"))
seen = []
for now in (STARTUP - 1.0, STARTUP + 60.0):
    gevent.sleep(0.1)
    seen.append(list(notices))
print(json.dumps(seen))
"""


def test_worker_has_as_long_for_its_first_frame_as_a_single_generator_for_its_start() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    in_time, late = json.loads(done.stdout)
    assert in_time == []
    (notice,) = late
    assert notice.startswith("a worker (slow) was rejected: it did not get its locustfile")
