"""Times that clients of a locustfile report."""

import json
import subprocess
import sys

# In a process of its own, since importing Locust patches the process.
SCRIPT = """
import json
import harness.load.child.cooperative
from decimal import Decimal
import numpy
from locust import events
from harness.load.child.recording import Recorder
from harness.load.protocol.frames import Decoder, Report, encode

recorder = Recorder(print)
recorder.rebase(recorder.origin, recorder.origin - 10.0)
events.request.add_listener(recorder.on_request)
for milliseconds in (Decimal("0.0125"), numpy.float32(0.0125), 0.0125):
    events.request.fire(
        request_type="RPC", name=type(milliseconds).__name__, response_time=milliseconds,
        response_length=0, exception=None, context={},
    )
cells, slowest = recorder.take_cells(), recorder.take_slowest()
report = Report(0.0, cells, *(0,) * 7, 0.0, 0, None, 0, 0.0, 0, slowest=slowest)
(found,) = Decoder().feed(encode(report))
print(json.dumps([[one.name, round(one.service_time * 1e6, 3)] for one in found.slowest]))
"""


def test_response_times_of_any_kind_of_number_are_recorded_and_reported() -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == [["Decimal", 12.5], ["float32", 12.5], ["float", 12.5]]


# One request in flight whose with-block sets its time, between two others.
SET = """
import json
import harness.load.child.cooperative
from locust import events
from harness.load.child.recording import SENT, Recorder

recorder = Recorder(print)
events.request.add_listener(recorder.on_request)
for milliseconds in (1.0, float("nan"), float("inf"), -float("inf"), 1.0):
    number = recorder.sent(None, recorder.origin)
    events.request.fire(
        request_type="GET", name="/", response_time=milliseconds, response_length=0,
        exception=None, context={SENT: number},
    )
(counts,) = [cell.counts for cell in recorder.take_cells() if cell.what == "service_time"]
print(json.dumps([[bucket / 1e9, count] for bucket, count in counts.items()]))
"""


def test_request_whose_time_is_no_number_has_the_time_until_then_and_spoils_no_other() -> None:
    command = [sys.executable, "-c", SET]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    times = json.loads(done.stdout.splitlines()[-1])
    assert sum(count for _, count in times) == 5
    assert sum(count for seconds, count in times if 0.0009 < seconds <= 0.001) >= 2
    assert all(0 < seconds < 60 for seconds, _ in times)
