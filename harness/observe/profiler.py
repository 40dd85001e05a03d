"""Samples the stacks of the service's Python processes with py-spy, from outside."""

from __future__ import annotations

import asyncio
import os
import shutil
import sysconfig
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psutil

from harness.process.output import last_lines
from harness.process.process import Process

RATE: Final = 100  # samples per second
MOST_PROCESSES: Final = 8
_GRACE: Final = 10.0  # seconds that py-spy may need beyond the time that it samples
_DENIED: Final = ("permission denied", "operation not permitted")

# wall: every thread at each sample, waiting or not; cpu: only threads that run.
Mode = Literal["wall", "cpu"]


@dataclass(frozen=True, slots=True)
class ProfiledProcess:
    """The samples of one process.

    Attributes:
        pid: Of the process.
        stacks: Lines in the form of `flamegraph.pl`: frames from the outside in, separated by
            semicolons, then the number of samples.
        problem: Why there are none, and what to do; empty when there are some.
    """

    pid: int
    stacks: str
    problem: str = ""


def python_processes(pid: int) -> list[int]:
    """The process and its descendants that run Python, at most `MOST_PROCESSES`, busiest first."""
    found: list[tuple[float, int]] = []
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.Error):
                if _runs_python(process):
                    times = process.cpu_times()
                    found.append((times.user + times.system, process.pid))
    return [number for _, number in sorted(found, reverse=True)[:MOST_PROCESSES]]


def _runs_python(process: psutil.Process) -> bool:
    if "python" in Path(process.exe()).name.lower():
        return True
    try:
        maps = process.memory_maps()
    except (AttributeError, NotImplementedError):  # this system does not list them
        return False
    return any("libpython" in one.path for one in maps)


async def profile(
    pids: Iterable[int], seconds: float, folder: Path, mode: Mode
) -> list[ProfiledProcess]:
    """Sample processes at the same time.

    Args:
        pids: The processes.
        seconds: How long.
        folder: For files that are deleted at the end.
        mode: Which threads are sampled.
    """
    program = _py_spy()
    if program is None:
        text = "py-spy is not installed; install it with `pip install py-spy`"
        return [ProfiledProcess(pid, "", text) for pid in pids]
    return await asyncio.gather(
        *(_profile_one(program, pid, seconds, folder, mode) for pid in pids)
    )


def _py_spy() -> str | None:
    installed = Path(sysconfig.get_path("scripts")) / "py-spy"
    return str(installed) if installed.exists() else shutil.which("py-spy")


async def _profile_one(
    program: str, pid: int, seconds: float, folder: Path, mode: Mode
) -> ProfiledProcess:
    stacks, log = folder / f"{mode}-{pid}.folded", folder / f"{mode}-{pid}.log"
    argv = [program, "record", "--pid", str(pid), "--format", "raw", "--output", str(stacks)]
    argv += ["--duration", str(max(1, round(seconds))), "--rate", str(RATE)]
    argv += ["--full-filenames", "--threads", *(["--idle"] if mode == "wall" else [])]
    try:
        process = await Process.start(argv, output=log, environment=dict(os.environ))
        try:
            async with asyncio.timeout(seconds + _GRACE):
                await process.wait()
        except TimeoutError:
            pass  # what it wrote counts
        finally:
            await process.stop(1.0)
        text = stacks.read_text(errors="replace") if stacks.exists() else ""
        return ProfiledProcess(pid, text, "" if text else _problem(last_lines(log)))
    except OSError as error:
        return ProfiledProcess(pid, "", f"py-spy cannot be started: {error.strerror}")
    finally:
        stacks.unlink(missing_ok=True)
        log.unlink(missing_ok=True)


def _problem(output: str) -> str:
    """Why py-spy wrote no samples, from its output."""
    if any(text in output.lower() for text in _DENIED):
        return (
            "py-spy may not read the process; run the harness as root or, in a container, with "
            "--cap-add SYS_PTRACE (Linux: `sysctl kernel.yama.ptrace_scope=0` allows it)"
        )
    lines = [line for line in output.splitlines() if line.strip()]
    return f"py-spy took no samples: {lines[-1].strip() if lines else 'it wrote nothing'}"
