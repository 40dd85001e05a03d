"""How fast the users of the open model are started; Locust is imported by a process of its own."""

import json
import subprocess
import sys

CLASSES = """
import json
from locust import FastHttpUser, HttpUser, SequentialTaskSet, TaskSet, User, task
from harness import FastUser
from harness.budgets.workload import OpenWorkload, Stage
from harness.load.child.agent import pool_of

def call(user):
    pass

class Plain(HttpUser):
    tasks = [call]

class Fast(FastHttpUser):
    @task
    def call(self):
        pass

class Faster(FastUser):
    tasks = {call: 3}

class Logs(Plain):
    def on_start(self):
        pass

class Inherits(Logs):
    pass

class Makes(Fast):
    def __init__(self, environment):
        super().__init__(environment)

class Runs(Fast):
    def run(self):
        super().run()

class Steps(SequentialTaskSet):
    @task
    def call(self):
        pass

class Walks(FastHttpUser):
    tasks = [Steps]

class Entered(TaskSet):
    tasks = [call]
    def on_start(self):
        pass

class Enters(HttpUser):
    @task
    class Around(TaskSet):
        tasks = {Entered: 1, call: 2}

class Around(TaskSet):
    tasks = [call]

Around.tasks.append(Around)

class Rounds(User):
    tasks = [Around]

class Late(User):
    pass

workload = OpenWorkload((Stage(50.0, 65.0),), max_users=250)
alone = [Plain, Fast, Faster, Walks, Rounds, Late, Logs, Inherits, Makes, Runs, Enters]
groups = [[one] for one in alone] + [[Plain, Fast], [Plain, Logs]]
pools = {"+".join(one.__name__ for one in group): pool_of(workload, group) for group in groups}
print(json.dumps(pools))
"""


def test_users_are_started_in_a_ramp_only_when_code_runs_before_their_first_task() -> None:
    command = [sys.executable, "-c", CLASSES]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    pools = json.loads(result.stdout)
    assert {users for users, _ in pools.values()} == {250}
    rates = {name: rate for name, (_, rate) in pools.items()}
    ramps = ("Logs", "Inherits", "Makes", "Runs", "Enters", "Plain+Logs")
    assert rates == dict.fromkeys(rates, 10_000.0) | dict.fromkeys(ramps, 100.0)
