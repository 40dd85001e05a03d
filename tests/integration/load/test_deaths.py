"""Every kind of death of a generator is detected and leaves no process."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.budgets.workload import ClosedWorkload, OpenWorkload, Stage, UserStage
from harness.errors import GeneratorError
from harness.load import generator as harness_side
from harness.load.generator import SILENCE, generator
from harness.load.protocol.frames import Report
from tests.integration.load.conftest import PATIENCE, Loads, Server, descendants, gone

pytestmark = pytest.mark.untraced

FAST = """
class Fast(FastHttpUser):
    @task
    def fast(self): self.client.get("/fast")
"""
LONG = OpenWorkload((Stage(20, 60),), max_users=3)


def ignore(_: Report) -> None:
    pass


async def test_killed_generator_is_detected_and_leaves_no_process(loads: Loads) -> None:
    before = descendants()
    async with generator(loads.scenario(FAST, LONG).loads[0], loads.url, loads.log, ignore) as load:
        await loads.start(load)
        os.kill(load.pid, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            assert await asyncio.shield(load.died) == "killed by SIGKILL"
        with pytest.raises(GeneratorError, match="the load generator died: killed by SIGKILL"):
            await load.stop()
    assert descendants() == before


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("while True: pass", "it sent no report for 5 s"),
        ("import sys; sys.exit(3)", r"the locustfile called sys\.exit\(3\)"),
        ("self.environment.runner.quit()", "the locustfile stopped the test"),
        ("import os; os._exit(7)", "exit code 7"),
        ("raise exception.StopUser()", "every user has ended"),
    ],
    ids=["busy for ever", "sys.exit", "runner.quit", "os._exit", "users that end"],
)
async def test_locustfile_that_ends_the_load_is_detected(
    loads: Loads, body: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "no report" in reason:
        monkeypatch.setattr(harness_side, "SILENCE", SILENCE)
    before = descendants()
    locustfile = f"""
from locust import exception
class Bad(FastHttpUser):
    @task
    def bad(self):
        {body}
"""
    scenario = loads.scenario(locustfile, LONG)
    async with generator(scenario.loads[0], loads.url, loads.log, ignore) as load:
        await loads.start(load)
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait([load.died])
        with pytest.raises(GeneratorError, match=reason):
            await load.stop()
    assert descendants() == before


async def test_leaving_the_context_without_a_stop_ends_the_load(
    loads: Loads, server: Server
) -> None:
    before = descendants()
    async with generator(loads.scenario(FAST, LONG).loads[0], loads.url, loads.log, ignore) as load:
        await loads.start(load)
    assert descendants() == before


async def test_error_of_the_report_callback_is_raised_by_stop(loads: Loads) -> None:
    def full_disk(_: Report) -> None:
        raise OSError(28, "No space left on device")

    scenario = loads.scenario(FAST, ClosedWorkload((UserStage(1, 60),)))
    async with generator(scenario.loads[0], loads.url, loads.log, full_disk) as load:
        await loads.start(load)
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait([load.died])
        with pytest.raises(OSError, match="No space left"):
            await load.stop()


PARENT = """
import asyncio, sys, time
from pathlib import Path
from harness.budgets.model import Load
from harness.budgets.workload import OpenWorkload, Stage
from harness.load.generator import generator

async def main():
    folder, url = Path(sys.argv[1]), sys.argv[2]
    workload = OpenWorkload((Stage(20, 60),), max_users=3)
    scenario = Load(folder / "scenario.py", workload)
    async with generator(scenario, url, folder / "generator.log", lambda _: None) as load:
        await load.start(time.monotonic(), time.monotonic())
        print(load.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("body", ["self.client.get('/fast')", "while True: pass"])
async def test_generator_ends_when_the_harness_is_killed(loads: Loads, body: str) -> None:
    locustfile = f"""
class Any(FastHttpUser):
    @task
    def anything(self):
        {body}
"""
    loads.scenario(locustfile, LONG)
    script = loads.folder / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script), str(loads.folder), loads.url],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path.cwd(),
    )
    assert parent.stdout is not None
    try:
        child = int(await asyncio.to_thread(parent.stdout.readline))
        time.sleep(0.3)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
    await gone(child)
