"""Samples the stacks of a service's Python processes with py-spy, from outside."""

from __future__ import annotations

import asyncio
import os
import shutil
import sysconfig
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psutil

from harness import names
from harness.observe.process_tree import cpu_seconds
from harness.process.output import last_lines
from harness.process.process import Process
from harness.runs.recording.moments import CpuMoments, process_moments
from harness.runs.recording.profile import folded

RATE: Final = 100  # samples per second
MOST_PROCESSES: Final = 8
NO_PYTHON: Final = "no profile: the service does not run Python"
_GRACE: Final = 10.0  # seconds that py-spy may need beyond the time that it samples
_DENIED: Final = ("permission denied", "operation not permitted")

# wall: every thread at each sample, waiting or not; cpu: only threads that run; times: when threads
# run which stacks, without consecutive samples of the same stack. It does not stop the process, so
# that it can be taken besides another one.
Mode = Literal["wall", "cpu", "times"]
_ARGUMENTS: Final[dict[Mode, tuple[str, ...]]] = {
    "wall": ("--format", "raw", "--idle"),
    "cpu": ("--format", "raw"),
    "times": ("--format", "chrometrace", "--nonblocking"),
}

_STACK_FILES: Final[Mapping[Mode, str]] = {
    "wall": names.WALL_STACKS_FILE,
    "cpu": names.CPU_STACKS_FILE,
}
_UNPROFILED: Final = 0.05  # share of the CPU time that processes without a profile may have


@dataclass(frozen=True, slots=True)
class ProfiledProcess:
    """The samples of one process.

    Attributes:
        pid: Of the process.
        stacks: Lines in the form of `flamegraph.pl`: frames from the outside in, separated by
            semicolons, then the number of samples. In the mode "times" Chrome's trace events.
        problem: Why there are none, and what to do; empty when there are some.
        begun: Before py-spy was started, seconds since the epoch; `ended` after it had ended.
    """

    pid: int
    stacks: str
    problem: str = ""
    begun: float = 0.0
    ended: float = 0.0


def python_processes(pid: int, most: int = MOST_PROCESSES) -> list[int]:
    """The process and its descendants that run Python, at most `most`, busiest first."""
    found: list[tuple[float, int]] = []
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.Error):
                if _runs_python(process):
                    times = process.cpu_times()
                    found.append((times.user + times.system, process.pid))
    return [number for _, number in sorted(found, reverse=True)[:most]]


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
    argv = [program, "record", "--pid", str(pid), *_ARGUMENTS[mode], "--output", str(stacks)]
    argv += ["--duration", str(max(1, round(seconds))), "--rate", str(RATE)]
    argv += ["--full-filenames", "--threads"]
    begun = time.time()
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
        problem = "" if text else _problem(last_lines(log))
        return ProfiledProcess(pid, text, problem, begun, time.time())
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


async def profile_service(
    pid: int, begun: float, seconds: float, folder: Path, note: Callable[[str], None]
) -> CpuMoments | None:
    """Sample all threads for the first half of a time, and those that run for the second.

    Args:
        pid: Of the process that was started.
        begun: When the load went on, seconds since the epoch.
        seconds: Of both halves.
        folder: The stacks are written there.
        note: Takes what went wrong.

    Returns:
        What ran in the second half and when, without its requests; None without samples.

    Raises:
        OSError: A file cannot be written.
    """
    found = await asyncio.to_thread(python_processes, pid, MOST_PROCESSES + 1)
    pids = found[:MOST_PROCESSES]
    if not pids:
        note(NO_PYTHON)
        return None
    each = seconds / 2 - 1
    wall = await profile(pids, each, folder, "wall")
    _store(wall, folder / _STACK_FILES["wall"])
    start, before = time.time(), cpu_seconds(pids)
    cpu, times = await asyncio.gather(
        profile(pids, each, folder, "cpu"), profile(pids, each, folder, "times")
    )
    end, after = time.time(), cpu_seconds(pids)
    _store(cpu, folder / _STACK_FILES["cpu"])
    for problem in dict.fromkeys(one.problem for one in (*wall, *cpu) if one.problem):
        note(f"no profile of a process: {problem}")
    processes = await asyncio.to_thread(
        lambda: [process_moments(one.stacks, one.begun, one.ended) for one in times if one.stacks]
    )
    used = _used(before, after, cpu) if pids == found else None
    return CpuMoments(begun, start, end, used, RATE, 0, tuple(filter(None, processes)))


def _store(profiled: Sequence[ProfiledProcess], path: Path) -> None:
    if text := "".join(folded(one.pid, one.stacks) for one in profiled):
        path.write_text(text)


def _used(
    before: Mapping[int, float], after: Mapping[int, float], profiled: Sequence[ProfiledProcess]
) -> float | None:
    """CPU seconds between two readings; None if a process ended, or a busy one has no samples."""
    if before.keys() != after.keys():
        return None
    used = {pid: after[pid] - before[pid] for pid in before}
    unprofiled = sum(used.get(one.pid, 0.0) for one in profiled if not one.stacks)
    return sum(used.values()) if unprofiled <= _UNPROFILED * sum(used.values()) else None
