"""Workers on other machines: network namespaces whose links can be cut."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.budgets.model import Load
from harness.budgets.workload import OpenWorkload, Stage
from harness.load.generator import generator
from harness.load.protocol.frames import Report
from harness.load.protocol.master import WorkerPool
from tests.integration.load.conftest import LEAD, PATIENCE, SERVER, Server, eventually
from tests.integration.load.remote_workers import SECRET, RemoteWorkers

pytestmark = pytest.mark.untraced

# Of this process only: concurrent test runs must not interfere.
NETWORK = f"10.213.{os.getpid() % 250}"
HERE = f"{NETWORK}.1"
BRIDGE = f"hz{os.getpid()}"
HOSTS = (f"{BRIDGE}a", f"{BRIDGE}b")
LOCUSTFILE = """
from locust import FastHttpUser, task

class Any(FastHttpUser):
    @task
    def name_worker(self): self.client.get(f"/worker-{self.environment.runner.worker_index + 1}")
"""
LONG = OpenWorkload((Stage(100, 60),), "even", max_users=4)


def ip(command: str) -> None:
    done = subprocess.run(["ip", *command.split()], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr)


@pytest.fixture(scope="module")
def machines() -> Iterator[None]:
    """Two hosts and a bridge between them and this one."""
    with ExitStack() as stack:
        try:
            ip(f"link add {BRIDGE} type bridge")
            stack.callback(ip, f"link del {BRIDGE}")
            ip(f"addr add {HERE}/24 dev {BRIDGE}")
            ip(f"link set {BRIDGE} up")
            for number, host in enumerate(HOSTS):
                ip(f"netns add {host}")
                stack.callback(ip, f"netns del {host}")  # removes its link as well
                ip(f"link add {host} type veth peer name eth0 netns {host}")
                ip(f"link set {host} master {BRIDGE} up")
                ip(f"-n {host} addr add {NETWORK}.{number + 2}/24 dev eth0")
                ip(f"-n {host} link set eth0 up")
        except OSError as error:
            pytest.skip(f"no network namespaces here: {error}")
        yield


@pytest.fixture
def far_server(machines: None) -> Iterator[Server]:
    command = [sys.executable, str(SERVER), HERE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Server(f"http://{HERE}:{process.stdout.readline().strip()}")
        process.terminate()


@pytest.fixture
def far_load(tmp_path: Path) -> Load:
    path = tmp_path / "scenario.py"
    path.write_text(LOCUSTFILE)
    return Load(path, LONG)


async def test_machine_without_network_is_lost_and_stops_by_itself(
    far_load: Load, far_server: Server, remote_workers: RemoteWorkers, tmp_path: Path
) -> None:
    last: dict[str, Report] = {}

    def start_both(text: str) -> None:
        if text.startswith("0 of 2"):
            for host in HOSTS:
                remote_workers.start(text, prefix=("ip", "netns", "exec", host))

    async with generator(
        far_load,
        far_server.url,
        tmp_path / "generator.log",
        lambda report: last.update({report.source: report}),
        pool=WorkerPool(HERE, 0, 2, "run-8", SECRET, when_lost="continue", timeout=2 * PATIENCE),
        on_progress=start_both,
    ) as load:
        started = {process.pid: number for number, process in enumerate(remote_workers.processes)}
        hosts = [HOSTS[started[worker.pid]] for worker in load.workers]
        t0 = time.monotonic() + LEAD
        await load.start(t0, t0)
        await eventually(lambda: len(last) == 2)
        ip(f"link set {hosts[1]} down")
        try:
            await eventually(lambda: load.workers[1].lost)
            assert load.workers[1].lost == "sent no message for 3 s"
            before = last["worker-1"].asked
            # The remaining worker serves its half of the schedule.
            await eventually(lambda: last["worker-1"].asked > before + 150)
            await load.stop()
            lost = remote_workers.processes[started[load.workers[1].pid]]
            assert await asyncio.to_thread(lost.wait, PATIENCE) == 0
        finally:
            ip(f"link set {hosts[1]} up")
    assert "the master sent no message for 3 s" in remote_workers.log(started[load.workers[1].pid])
    counts = far_server.log()["counts"]
    assert counts["GET /worker-1"] == last["worker-1"].recorded
    assert counts["GET /worker-2"] >= last["worker-2"].recorded
