"""FastUser behaves like FastHttpUser: compared in a table of calls, and under load."""

import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.budgets.workload import ClosedWorkload, OpenWorkload, Stage, UserStage
from tests.integration.load.conftest import Loads, Server
from tests.integration.load.test_request_counts import BODY, MIXED, MIXED_KINDS
from tests.servers import PATIENCE

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HERE.parents[2])}
OPEN = OpenWorkload((Stage(150, 1.0),), max_users=25)
CLOSED = ClosedWorkload((UserStage(10, 0.25, 0), UserStage(10, 60)))


def results_of(name: str) -> dict[str, Any]:
    """The result of each call with a class of users, against a separate server."""
    command = [sys.executable, str(HERE / "http_server.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        try:
            calls = [sys.executable, str(HERE / "http_calls.py"), name, f"http://127.0.0.1:{port}"]
            done = subprocess.run(  # noqa: PLW1510
                calls, capture_output=True, env=ENVIRONMENT, text=True, timeout=300
            )
        finally:
            process.terminate()
    assert done.returncode == 0, done.stderr
    # Not the same digits elsewhere, as in the length of an answer.
    text = re.sub(rf"(?<=127\.0\.0\.1:){port}|{port}(?=echo)", "PORT", done.stdout)
    # What a resolver says that gets no answer from the network.
    text = text.replace(
        "-3, 'Temporary failure in name resolution'", "-2, 'Name or service not known'"
    )
    results: dict[str, Any] = json.loads(text)
    return results


def test_all_kinds_of_calls_have_the_results_of_fast_http_user() -> None:
    with ThreadPoolExecutor() as both:
        expected, actual = both.map(results_of, ("FastHttpUser", "FastUser"))
    assert list(expected) == list(actual)
    assert len(expected) > 300
    assert {call: actual[call] for call in expected if actual[call] != expected[call]} == {}, (
        "run http_calls.py with FastHttpUser for the expected results"
    )
    assert {event["exception"] for call in actual.values() for event in call["events"]} > {"None"}


@pytest.mark.traced
@pytest.mark.parametrize(
    "workload", [pytest.param(OPEN, marks=pytest.mark.slow), CLOSED], ids=["open", "closed"]
)
async def test_counts_of_fast_users_match_the_server(
    loads: Loads, server: Server, workload: OpenWorkload | ClosedWorkload
) -> None:
    locustfile = "from harness import FastUser\n" + MIXED.format(base="FastUser")
    scenario = loads.scenario(locustfile, workload)
    outcome = await loads.run(
        scenario,
        1.0,
        until=lambda _: set(loads.reported()) >= MIXED_KINDS and loads.reported().total() > 50,
    )
    log = server.log()
    served = log["counts"]
    account, recorded = outcome.requests, outcome.recorded()
    assert outcome.reports[-1].response_bytes == BODY * sum(served.values())
    assert outcome.reports[-1].request_bytes == log["received"]
    assert account.started == account.recorded == sum(served.values()) > 50
    assert account.in_flight == account.lost == 0
    assert sum(recorded.values()) == account.recorded
    assert outcome.recorded("service_time") == recorded
    by_path = {
        "GET /sleep/30": {("GET /sleep/30", "ok")},
        "GET /error": {("GET /error", "error"), ("GET /good", "ok")},
        "POST /fast": {("POST /one", "ok"), ("POST /two", "ok")},
    }
    for path, keys in by_path.items():
        assert sum(recorded.pop(key) for key in keys) == served.pop(path)
    assert served == {"GET /fast": sum(recorded.values())}
    assert recorded["GET /again", "ok"] > 0
    assert recorded["GET /raises", "error"] > 0


@pytest.mark.traced
async def test_unanswered_requests_of_fast_users_are_lost_or_failed(
    loads: Loads, server: Server
) -> None:
    scenario = loads.scenario(
        """
from harness import FastUser
import gevent
class Failing(FastUser):
    wait_time = constant(0.02)
    @task
    def dropped(self): self.client.post("/drop")
    @task
    def out_of_time(self):
        self.client.get("/sleep/0")  # connected, so that what is timed out has been sent
        with gevent.Timeout(0.05, False): self.client.get("/hang", name="/timeout")
    @task
    def forgotten(self): self.client.get("/fast", name="/forgotten", catch_response=True)
    @task
    def redirected(self): self.client.get("/redirect")
""",
        CLOSED,
    )
    kinds = {("POST /drop", "error"), ("GET /timeout", "error"), ("GET /redirect", "ok")}
    outcome = await loads.run(
        scenario,
        1.0,
        until=lambda _: set(loads.reported()) >= kinds and loads.reports[-1].started > 50,
    )
    served = server.log()["counts"]
    recorded, account = outcome.recorded(), outcome.requests
    assert recorded["POST /drop", "error"] == served["POST /drop"] > 0
    assert recorded["GET /timeout", "error"] == served["GET /hang"] > 0
    assert recorded["GET /redirect", "ok"] == served["GET /redirect"] > 0
    assert account.lost == served["GET /fast"] - recorded["GET /redirect", "ok"] > 0
    assert account.started == account.recorded + account.lost
    assert account.in_flight == 0


@pytest.mark.traced
async def test_requests_of_fast_users_carry_the_trace_that_is_recorded(loads: Loads) -> None:
    scenario = loads.scenario(
        """
from harness import FastUser
@events.request.add_listener
def check(response, **_):
    print("carried", response.request.headers["traceparent"], flush=True)
class Traced(FastUser):
    @task
    def get(self): self.client.get("/fast")
    @task
    def own(self): self.client.get("/fast", headers={"traceparent": "00-%032x-%016x-01" % (7, 7)})
""",
        OpenWorkload((Stage(40, 0.5),), max_users=2),
    )
    outcome = await loads.run(scenario, 0.5)
    carried = [line.split()[-1] for line in loads.log.read_text().splitlines() if "carried" in line]
    own = f"00-{7:032x}-{7:016x}-01"
    assert len(carried) == outcome.requests.recorded > 10
    assert own in carried
    made = [header for header in carried if header != own]
    assert len(set(made)) == len(made) > 0
    slow = {slow.trace_id for report in outcome.reports for slow in report.slowest}
    assert slow
    assert slow <= {header.split("-")[1] for header in carried}


def test_fast_user_under_stock_locust_is_in_its_statistics(tmp_path: Path, server: Server) -> None:
    (tmp_path / "locustfile.py").write_text(
        "from locust import constant, task\nfrom harness import FastUser\n"
        "class Visitor(FastUser):\n"
        "    wait_time = constant(0.01)\n"
        "    @task\n    def get(self): self.client.get('/fast')\n"
        "    @task\n    def error(self): self.client.get('/error')\n"
    )
    locust = Path(sys.executable).with_name("locust")
    options = f"--headless -u 4 -r 4 -s 5 --json-file stats -H {server.url}".split()
    command = [str(locust), "-f", "locustfile.py", *options]
    environment = {k: v for k, v in ENVIRONMENT.items() if not k.startswith("LOCUST_")}
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            end = time.monotonic() + PATIENCE
            while len(served := server.log()["counts"]) < 2 or min(served.values()) <= 4:
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < end
                time.sleep(0.1)
        finally:
            process.terminate()  # as `--run-time` does, but however busy the machine is
    table = json.loads((tmp_path / "stats.json").read_text())
    statistics = {row["name"]: (row["num_requests"], row["num_failures"]) for row in table}
    served = server.log()["counts"]
    # At its end, stock Locust may forget what each of its users has under way.
    lost = {name: served[f"GET {name}"] - statistics[name][0] for name in statistics}
    assert set(lost) == {"/fast", "/error"}
    assert 0 <= sum(lost.values()) <= 4
    assert min(served.values()) > 4
    assert statistics["/fast"][1] == 0
    assert statistics["/error"][1] == statistics["/error"][0]


def test_import_of_harness_alone_imports_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); import harness; print(set(sys.modules) - before)\n"
        "from harness import FastUser\n"
        "assert FastUser.abstract and 'locust' in sys.modules\n"
        "try: harness.SlowUser\n"
        "except AttributeError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "{'harness'}",
        "module 'harness' has no attribute 'SlowUser'",
    ]


def test_headers_of_the_client_are_an_error_that_names_the_right_place() -> None:
    code = (
        "from harness import FastUser\n"
        "from locust.env import Environment\n"
        "class Visitor(FastUser): host = 'http://127.0.0.1:9'\n"
        "client = Visitor(Environment()).client\n"
        "def update(): client.headers.update(X='1')\n"
        "def assign(): client.headers = {'X': '1'}\n"
        "for use in (update, assign):\n"
        "    try: use()\n"
        "    except AttributeError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all("set default_headers of the class" in line for line in lines)
