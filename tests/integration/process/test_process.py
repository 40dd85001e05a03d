"""Commands that the harness starts: their output, their end, and what happens when it is killed."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.load.child_process import ChildProcess
from harness.process.connection import Connection
from harness.process.process import Process

PYTHON = sys.executable
IGNORES_TERM = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('deaf', flush=True)\n"
    "time.sleep(60)\n"
)
SPAWNS_CHILD = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(60)\n"
)


async def written(output: Path) -> str:
    """The file's content, once there is a full line."""
    async with asyncio.timeout(30):
        while not (output.exists() and output.read_text().endswith("\n")):
            await asyncio.sleep(0.01)
    return output.read_text()


async def gone(pid: int) -> None:
    """Return once no such process runs (a zombie does not run)."""
    async with asyncio.timeout(30):
        while psutil.pid_exists(pid):
            try:
                if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                    return
            except psutil.NoSuchProcess:
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("code", [0, 7])
async def test_wait_command_ends_returns_its_exit_code_and_output(
    tmp_path: Path, code: int
) -> None:
    output = tmp_path / "log"
    process = await Process.start(
        [
            PYTHON,
            "-c",
            f"import os; print(os.getpid(), os.getcwd(), os.environ['X']); exit({code})",
        ],
        output=output,
        environment={"X": "1"},
        directory=tmp_path,
    )
    assert await process.wait() == code
    assert process.returncode == code
    assert output.read_text().split() == [str(process.pid), str(tmp_path.resolve()), "1"]


async def test_start_missing_command_raises_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await Process.start(["no-such-command-here"], output=tmp_path / "log")


async def test_wait_command_killed_by_signal_returns_negative_number(tmp_path: Path) -> None:
    process = await Process.start(
        [PYTHON, "-c", "import os; os.kill(os.getpid(), 11)"], output=tmp_path / "log"
    )
    assert await process.wait() == -signal.SIGSEGV


async def test_stop_polite_command_ends_by_term(tmp_path: Path) -> None:
    process = await Process.start(
        [PYTHON, "-c", "import time; time.sleep(60)"], output=tmp_path / "log"
    )
    assert process.returncode is None
    assert await process.stop(30) == -signal.SIGTERM
    assert await process.stop(30) == -signal.SIGTERM  # again is harmless


async def test_stop_deaf_command_ends_by_kill(tmp_path: Path) -> None:
    output = tmp_path / "log"
    process = await Process.start([PYTHON, "-c", IGNORES_TERM], output=output)
    await written(output)
    assert await process.stop(0.2) == -signal.SIGKILL


async def test_stop_command_with_children_leaves_none(tmp_path: Path) -> None:
    output = tmp_path / "log"
    process = await Process.start([PYTHON, "-c", SPAWNS_CHILD], output=output)
    grandchild = int(await written(output))
    await process.stop(30)
    await gone(grandchild)


async def test_wait_command_dies_takes_its_children_along(tmp_path: Path) -> None:
    output = tmp_path / "log"
    process = await Process.start([PYTHON, "-c", SPAWNS_CHILD], output=output)
    grandchild = int(await written(output))
    os.kill(process.pid, signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL
    await gone(grandchild)


async def test_wait_supervisor_killed_ends_the_command(tmp_path: Path) -> None:
    process = await Process.start(
        [PYTHON, "-c", "import time; time.sleep(60)"], output=tmp_path / "log"
    )
    os.kill(psutil.Process(process.pid).ppid(), signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL
    await gone(process.pid)


@pytest.mark.parametrize("command", [SPAWNS_CHILD, IGNORES_TERM], ids=["children", "deaf"])
async def test_harness_killed_leaves_no_process(tmp_path: Path, command: str) -> None:
    output = tmp_path / "log"
    parent = (
        "import asyncio, sys\nfrom pathlib import Path\n"
        "from harness.process.process import Process\n"
        f"command, output = {command!r}, Path({str(output)!r})\n"
        "async def main():\n"
        "    p = await Process.start([sys.executable, '-c', command], output=output)\n"
        "    print(p.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([PYTHON, "-c", parent], stdout=subprocess.PIPE, text=True) as harness:
        assert harness.stdout is not None
        pid = int(harness.stdout.readline())
        first = await written(output)
        supervisor = psutil.Process(pid).ppid()
        harness.kill()
    await gone(pid)
    await gone(supervisor)
    if first.strip().isdigit():
        await gone(int(first))


async def test_pass_fds_command_ends_peer_reads_end_of_file(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    fd = theirs.fileno()
    with ours:
        with theirs:
            process = await Process.start(
                [PYTHON, "-c", f"import os; os.write({fd}, b'hello')"],
                output=tmp_path / "log",
                pass_fds=[fd],
            )
        await process.wait()
        assert ours.recv(100) == b"hello"
        assert ours.recv(100) == b""


async def test_start_cancelled_while_the_command_runs_already_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: Connection) -> bytes:
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    # The supervisor's line is on its way.
    monkeypatch.setattr(Connection, "receive_line", never)
    output = tmp_path / "output"
    argv = (PYTHON, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    starting = asyncio.create_task(Process.start(argv, output=output))
    pid = int(await written(output))
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not psutil.pid_exists(pid)


async def test_start_cancelled_while_the_supervisor_is_spawned_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawn = asyncio.create_subprocess_exec

    async def slow(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        process = await spawn(*arguments, **options)
        await written(output)  # the command runs, and the start is not over yet
        running.set()
        await asyncio.sleep(0.1)
        return process

    running = asyncio.Event()
    monkeypatch.setattr(asyncio, "create_subprocess_exec", slow)
    output = tmp_path / "output"
    argv = (PYTHON, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    starting = asyncio.create_task(Process.start(argv, output=output))
    await running.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not psutil.pid_exists(int(output.read_text()))


async def test_generator_whose_start_is_cancelled_leaves_no_open_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[socket.socket] = []
    pair = socket.socketpair

    def noted() -> tuple[socket.socket, socket.socket]:
        ends.extend(pair())
        return ends[-2], ends[-1]

    monkeypatch.setattr(socket, "socketpair", noted)
    starting = asyncio.create_task(ChildProcess.start(tmp_path / "log"))
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert [end.fileno() for end in ends] == [-1, -1, -1, -1]  # to the generator, to its supervisor


async def test_command_whose_end_is_no_longer_awaited_is_ended(tmp_path: Path) -> None:
    """As when the event loop ends before the command."""
    process = await Process.start(
        [PYTHON, "-c", "import time; time.sleep(60)"], output=tmp_path / "log"
    )
    process._exit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await process._exit
    assert process._control._socket.fileno() == -1
    assert await process._supervisor.wait() == 0
    await gone(process.pid)


async def test_exit_code_of_a_command_that_ended_while_the_harness_was_stopped(
    tmp_path: Path,
) -> None:
    others = set(psutil.Process().children())  # such as a server of the session's tests
    process = await Process.start([PYTHON, "-c", "raise SystemExit(23)"], output=tmp_path / "log")
    supervisors = set(psutil.Process().children()) - others
    while any(map(_runs, supervisors)):
        time.sleep(0.01)  # blocks the loop, as SIGSTOP does
    assert await process.stop(1.0) == 23


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False
