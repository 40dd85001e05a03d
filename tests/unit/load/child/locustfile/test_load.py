"""What the arguments of a locustfile leave of its user classes."""

import json
import subprocess
import sys
from pathlib import Path

LOCUSTFILE = """
from locust import FastHttpUser, task

class Reads(FastHttpUser):
    @task
    def read(self): ...

class Writes(FastHttpUser):
    @task
    def write(self): ...
"""
# In a process of its own, since importing Locust patches the process.
SCRIPT = """
import json, resource, sys
import harness.load.child.cooperative
from harness.budgets.workload import OpenWorkload, Stage
from harness.load.child.agent import pool_of
from harness.load.child.locustfile.load import load
from harness.load.protocol.frames import Setup

resource.setrlimit(resource.RLIMIT_CPU, (10, 10))  # instead of an endless loop
workload = OpenWorkload((Stage(10, 1),), max_users=20, when_exhausted="grow", min_users=1)
classes = load(Setup(sys.argv[1], "http://h", workload, arguments=tuple(sys.argv[2:]))).user_classes
print(json.dumps([[one.__name__ for one in classes], pool_of(workload, classes)[0]]))
"""


def test_user_class_that_gets_the_weight_zero_gets_no_users(tmp_path: Path) -> None:
    file = tmp_path / "load.py"
    file.write_text(LOCUSTFILE)
    config = json.dumps({"user_class_name": "Writes", "weight": 0})
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(file), "--config-users", config],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [["Reads"], 1]
