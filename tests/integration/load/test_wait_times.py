"""Wait times in the open model: users wait within tasks, not between them."""

import json
import subprocess
import sys
from pathlib import Path

WAITS = {
    "between(1, 2), between(1, 2)": False,
    "between(1, 2), between(1, 3)": True,
    "constant(1), constant(1.0)": False,
    "constant(1), between(1, 2)": True,
    "constant_pacing(2), constant_throughput(0.5)": False,
    "constant(0), User.wait_time": False,
    "User.wait_time, constant(1)": True,
    "lambda self: 1, User.wait_time": True,
    "constant(3)": False,
}
# In a process of its own, since importing Locust patches the process.
SCRIPT = """
import json, sys
from locust import *
from harness.budgets.workload import ClosedWorkload, OpenWorkload, Stage, UserStage
from harness.load.child.locustfile.classes import have_different_waits
from harness.load.child.locustfile.load import load
from harness.load.protocol.frames import Setup
class_of = lambda wait: type("Some", (User,), {"wait_time": wait, "abstract": True})
different = [have_different_waits(map(class_of, eval(f"[{w}]"))) for w in json.loads(sys.argv[1])]
notices = {}
for workload in (ClosedWorkload((UserStage(1, 60),)), OpenWorkload((Stage(10, 1),), max_users=10)):
    found = notices[type(workload).__name__] = []
    load(Setup(sys.argv[2], "http://x", workload), on_notice=found.append)
print(json.dumps([different, notices]))
"""
LOCUSTFILE = """
from locust import HttpUser, between, task
class Browser(HttpUser):
    weight = 3
    wait_time = between(1, 2)
    @task
    def one(self): pass
class Buyer(Browser):
    weight = 1
    wait_time = between(10, 20)
"""


def test_different_wait_times_are_noted_in_the_open_model(tmp_path: Path) -> None:
    locustfile = tmp_path / "load.py"
    locustfile.write_text(LOCUSTFILE)
    command = [sys.executable, "-c", SCRIPT, json.dumps(list(WAITS)), str(locustfile)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    different, notices = json.loads(done.stdout)
    assert dict(zip(WAITS, different, strict=True)) == WAITS
    text = (
        "the user classes have different wait times, which the open model does not use: "
        "arrivals are divided by weight alone (Browser 75%, Buyer 25%). Change the weights, "
        "or replace `rate` by `users`"
    )
    assert notices == {"ClosedWorkload": [], "OpenWorkload": [text]}


# Each of ten tasks waits 7 s by a clock that only waits move.
WAITING = """
import json
import harness.load.child.cooperative
import gevent, time
from locust import User, constant, events, task
from locust.env import Environment
from harness.budgets.workload import OpenWorkload, Stage
from harness.load.child.open_model import OpenModel
from harness.load.child.recording import INTENDED, Recorder

sleep, slept, shifts = gevent.sleep, [], []
t0 = now = time.monotonic()
time.monotonic = lambda: now

def wait(seconds=0.0):
    global now
    slept.append(seconds)
    now += seconds
    sleep(0)

gevent.sleep = wait

class Caller(User):
    wait_time = constant(7)
    @task
    def pause(self):
        due = self.__dict__[INTENDED]
        self.wait()
        shifts.append(round(self.__dict__.pop(INTENDED) - due, 3))
        self.wait()

model = OpenModel(OpenWorkload((Stage(10, 1),), arrivals="even", max_users=1), Recorder(print))
model.install([Caller], None)
gevent.spawn(Caller(Environment(events=events)).run)
sleep(0)
now = t0 + 2.0  # all are due
model.start(t0)
while model.sent < 10 or model.busy:
    sleep(0)
print(json.dumps([slept, shifts]))
"""


def test_user_of_the_open_model_waits_within_a_task_as_the_task_says_and_not_after_it() -> None:
    command = [sys.executable, "-c", WAITING]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    slept, shifts = json.loads(done.stdout)
    assert slept == [7] * 20
    assert shifts == [7] * 10  # the first request is due after the wait that comes before it
