"""Processes that start before the service answers: all end, and a dead one is an error."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from harness.budgets.workload import OpenWorkload, Stage
from harness.errors import GeneratorError
from harness.load.child_process import ChildProcess
from harness.load.early import early_processes
from harness.load.generator import generator
from tests.integration.load.conftest import Loads

FILE = "class Visitor(HttpUser):\n    @task\n    def call(self):\n        self.client.get('/')\n"


def processes() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True)}


async def test_only_the_process_that_was_taken_outlives_the_start(tmp_path: Path) -> None:
    log = tmp_path / "generator.log"
    before = processes()
    async with early_processes({log: 2}) as early:
        taken = await early.start(log)
        assert taken.pid in processes()
    supervisor = psutil.Process(taken.pid).ppid()
    assert processes() - before == {supervisor, taken.pid}
    await taken.end(0.0)
    assert processes() <= before


async def test_death_before_the_setup_is_an_error_of_the_generator(loads: Loads) -> None:
    scenario = loads.scenario(FILE, OpenWorkload((Stage(10, 1),)))

    async def killed(log: Path) -> ChildProcess:
        process = await ChildProcess.start(log)
        os.kill(process.pid, signal.SIGKILL)
        return process

    (only,) = scenario.loads
    with pytest.raises(GeneratorError, match="died: killed by SIGKILL"):
        async with generator(only, loads.url, loads.log, print, start_process=killed):
            pass
