"""Arrivals go to the users that have waited longest, and none is lost with a killed user."""

import json
import subprocess
import sys

# In a process of its own, since importing Locust patches the process.
SCRIPT = """
import json
import locust, gevent
from types import SimpleNamespace
from harness.load.child.pools import Pool

pool = Pool("Some", None, print)
served, state = [], []

def user(name, within_sequence=False, times=1):
    for _ in range(times):
        due, place = pool.get(SimpleNamespace(), within_sequence=within_sequence)
        served.append([name, due, place])

def note():
    state.append([pool.idle, pool.waiting, pool.spare])

users = {name: gevent.spawn(user, name, name == "c") for name in "abcd"}
gevent.sleep(0)
note()
for place in range(2):
    pool.put(place / 10, place)
note()  # assigned, not taken
gevent.sleep(0)
note()
users["b"].kill()  # idle
users["d"].kill(block=False)
pool.put(0.2, 2)  # assigned to d, which is killed before it gets it
gevent.sleep(0)
note()  # waits for another user
users["e"] = gevent.spawn(user, "e", times=2)
gevent.sleep(0)
note()
users["f"] = gevent.spawn(user, "f")
gevent.sleep(0)
users["e"].kill(block=False)
pool.put(0.3, 3)  # assigned to e, and then to f
gevent.sleep(0.01)
note()
pool.put(0.4, 4)
pool.put(0.5, 5)
dues = pool.clear()
note()
print(json.dumps([served, state, dues]))
"""


def test_each_arrival_goes_to_one_living_user_in_order() -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    served, state, dues = json.loads(done.stdout)
    assert served == [["c", 0.0, 0], ["a", 0.1, 1], ["e", 0.2, 2], ["f", 0.3, 3]]
    assert state == [[4, 0, 4], [4, 2, 2], [2, 0, 2], [0, 1, 0], [1, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert dues == [0.4, 0.5]
