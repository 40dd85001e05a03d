"""The generator without what only Linux has: timerfd, and as many open files as its limit says."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.untraced

LIKE_MACOS = """
from gevent import monkey
monkey.patch_all()
import fcntl, gevent.event, resource, sys, time
from harness.load.child import prepare, timer
from harness.load.child.locustfile import load

def refused(*_):
    raise {error}

sys.platform = "darwin"
rung = gevent.event.Event()
due = time.monotonic() + 0.05
timer.Alarm(rung.set).set(due)
print(rung.wait(10) and time.monotonic() >= due - 0.005)

resource.getrlimit = lambda _: (256, resource.RLIM_INFINITY)
resource.setrlimit = refused
load._allow_open_files()
resource.getrlimit = lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
fcntl.fcntl = refused
prepare.preallocate()
print("ready")
"""


def test_generator_gets_ready_without_timerfd_and_with_fewer_open_files() -> None:
    error = "OSError(22, 'Invalid argument')"
    command = [sys.executable, "-c", LIKE_MACOS.replace("{error}", error)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (result.stdout.split(), result.stderr) == (["True", "ready"], "")
