"""The second start of a service, recorded from within."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from harness import names
from harness.budgets.model import Budget, Gauge, Plan, Selector, Target
from harness.errors import GeneratorError
from harness.observe.profiler import profile_service
from harness.runner.manifest import RunState, new_manifest
from harness.runner.options import DiagnosisOptions, RunOptions
from harness.runner.phases import restart
from harness.runner.phases.context import RunContext
from harness.runner.phases.diagnosis import Breaches
from harness.runner.phases.restart import recorded_restart
from harness.runs.folder import RunFolder
from harness.runs.recording.recording import Recording, read_recording
from harness.units import Unit
from tests.unit.runner.fakes import SCENARIO, FakeFleet, FakeStart, plan

START = Budget(
    "start", Gauge(Selector("service_start_duration_seconds"), "last"), Unit.SECONDS, 9.0, "max"
)
MEMORY = Budget(
    "memory", Gauge(Selector("process_resident_memory_bytes"), "growth"), Unit.BYTES, 9.0, "max"
)
OTHER = Budget("other", Gauge(Selector("queue_depth")), Unit.COUNT, 9.0, "max")
SERVICE = """
import http.server, sys, threading, time

kept = []

def grow():
    while True:
        kept.append(bytearray(5_000))
        time.sleep(0.001)

def prepare():
    end = time.process_time() + 0.6
    while time.process_time() < end:
        pass

threading.Thread(target=grow, daemon=True).start()
prepare()
server = http.server.HTTPServer(
    ("127.0.0.1", int(sys.argv[1])), http.server.BaseHTTPRequestHandler
)
server.serve_forever()
"""


async def restarted(
    folder: Path,
    budgets: Sequence[Budget] = (START,),
    *,
    when: Literal["breach", "always", "never"] = "always",
    command: str | None = None,
    begin: bool = False,
    url: str | None = None,
    status: str = "complete",
    interrupt_after: float | None = None,
    profiled: int | None = None,
    program: str = SERVICE,
    fleet: FakeFleet | None = None,
) -> tuple[list[str], list[str], Recording | None]:
    """End a run: what it tells, its notices, and what was recorded.

    A signal comes some seconds after it tells something, or before it ends.
    """
    file = folder / "service.py"
    file.write_text(program)
    command = f"{sys.executable} {file} {{port}}" if command is None else command
    target = Target(url="http://127.0.0.1:{port}", command=command or None, ready_timeout=60.0)
    shop: Plan = replace(plan(), target=target, budgets=tuple(budgets))
    run = RunFolder(folder / "run")
    run.path.mkdir()
    state = RunState(run, new_manifest(shop, SCENARIO))
    state.manifest = state.manifest.model_copy(update={"status": status})
    if profiled:
        await profile_service(profiled, 0.0, 2.0, run.path, state.note)
    state.store()
    told: list[str] = []
    start = FakeStart([])

    def tell(text: str) -> None:
        told.append(text)
        if interrupt_after:
            asyncio.get_running_loop().call_later(interrupt_after, start.interrupted.set)

    async def first() -> float:
        return 0.0

    diagnosis = DiagnosisOptions(when, 1.0, begin=first if begin else None)
    options = RunOptions(diagnosis=diagnosis, note=tell, url=url)
    context = RunContext(SCENARIO, options, state, target, (fleet or FakeFleet([])).open)
    async with (
        asyncio.timeout(300),
        recorded_restart(context, Breaches(shop, SCENARIO, state), start),
    ):
        if interrupt_after == 0.0:
            start.interrupted.set()
    return told, list(state.manifest.notices), read_recording(run.path)


async def test_start_is_recorded_until_the_service_is_ready(tmp_path: Path) -> None:
    told, notices, recording = await restarted(tmp_path)
    assert told == ["diagnosing: the service starts once more, to record its start"]
    assert notices == []
    assert recording is not None
    functions = {frame.function for stack in recording.start for frame in stack.frames}
    assert "prepare" in functions
    after = {frame.function for stack in recording.started for frame in stack.frames}
    assert "prepare" not in after
    assert "BaseServer.serve_forever" in after
    assert recording.growth == ()
    assert not (tmp_path / "run" / names.DIAGNOSIS_FOLDER / "inside").exists()


async def test_samples_after_the_start_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_AFTER", "_STEP"):
        monkeypatch.setattr(restart, name, 0.001)  # as if the sampler got no CPU for so long
    _, _, recording = await restarted(tmp_path)
    assert recording is not None
    assert recording.started


async def test_memory_is_recorded_under_load(tmp_path: Path) -> None:
    told, notices, recording = await restarted(tmp_path, [MEMORY])
    assert told == ["diagnosing: the service starts once more, to record its memory"]
    assert notices == []
    assert recording is not None
    largest = recording.growth[0]
    assert largest.frames[-1] == (str(tmp_path / "service.py"), 8)
    assert min(largest.added) > 0
    assert recording.start == ()


def with_thread(body: str) -> str:
    """The service with a thread of its own; `asked` says which snapshots are wanted."""
    text = f"""
def asked(number):
    return os.path.exists(os.environ["HARNESS_INSIDE"] + f"/snapshot-{{number}}")

def other():
    {body}

threading.Thread(target=other, daemon=True).start()
server = """
    return SERVICE.replace("import ", "import os, ", 1).replace("\nserver = ", text)


async def test_service_that_ends_while_its_memory_is_recorded(tmp_path: Path) -> None:
    ends = with_thread("while not asked(1): time.sleep(0.01)\n    os._exit(3)")
    _, notices, recording = await restarted(tmp_path, [MEMORY], program=ends)
    assert notices == ["its memory was not recorded: the service ended under the load: exit code 3"]
    assert recording == Recording()


async def test_memory_whose_last_snapshot_takes_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restart, "_LAST_SNAPSHOT", 0.0)
    blocks = with_thread(
        "import gc\n    while not asked(2): time.sleep(0.01)\n"
        "    gc.collect = lambda: time.sleep(60)"
    )
    _, notices, _ = await restarted(tmp_path, [MEMORY], program=blocks)
    assert notices == ["its memory was not recorded: the last snapshot was not written within 20 s"]


async def test_generator_that_dies_while_memory_is_recorded(tmp_path: Path) -> None:
    fleet = FakeFleet([])
    fleet.on_start = lambda: fleet.died.set_result("exit code 1")

    def stop() -> None:
        raise GeneratorError("the load generator died: exit code 1")

    fleet.on_stop = stop
    _, notices, recording = await restarted(tmp_path, [MEMORY], fleet=fleet)
    assert notices == ["its memory was not recorded: the load generator died: exit code 1"]
    assert recording == Recording()


async def test_service_that_does_not_run_python(tmp_path: Path) -> None:
    command = f"{sys.executable} -I {tmp_path / 'service.py'} {{port}}"
    _, notices, recording = await restarted(tmp_path, command=command)
    (notice,) = notices
    assert notice.startswith(
        "its start was not recorded: no Python process of the service has read"
    )
    assert recording == Recording()


async def test_service_that_does_not_start_again(tmp_path: Path) -> None:
    command = f"{sys.executable} -c 'raise SystemExit(3)' {{port}}"
    _, (notice,), recording = await restarted(tmp_path, command=command)
    assert notice.startswith("its start was not recorded: the service ended with exit code 3")
    assert recording == Recording()


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"when": "never"}, id="no diagnosis is wanted"),
        pytest.param({"when": "breach"}, id="nothing is breached"),
        pytest.param({"budgets": [OTHER]}, id="no budget asks for it"),
        pytest.param({"begin": True}, id="the run is a version of a comparison"),
        pytest.param({"url": "http://127.0.0.1:1"}, id="the service ran already"),
        pytest.param({"command": ""}, id="there is no command"),
        pytest.param({"status": "failed"}, id="the run failed"),
        pytest.param({"interrupt_after": 0.0}, id="a signal came"),
    ],
)
async def test_service_is_not_started_again(tmp_path: Path, fields: dict[str, object]) -> None:
    told, notices, recording = await restarted(tmp_path, **fields)  # type: ignore[arg-type]
    assert (told, notices, recording) == ([], [], None)


@pytest.mark.parametrize("budget", [START, MEMORY], ids=["start", "memory"])
async def test_service_in_which_no_python_was_seen_is_not_started_again(
    tmp_path: Path, budget: Budget
) -> None:
    service = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        told, notices, _ = await restarted(tmp_path, [budget], profiled=service.pid)
    finally:
        service.kill()
        await service.wait()
    assert told == []
    assert notices == ["no profile: the service does not run Python"]


async def test_signal_ends_the_second_start(tmp_path: Path) -> None:
    command = f"{sys.executable} -c 'import time; time.sleep(60)' {{port}}"
    told, notices, recording = await restarted(tmp_path, command=command, interrupt_after=0.5)
    assert (len(told), notices, recording) == (1, [], Recording())
    assert not (tmp_path / "run" / names.DIAGNOSIS_FOLDER / "inside").exists()
