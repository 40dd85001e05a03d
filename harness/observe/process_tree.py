"""CPU time, context switches, page faults and memory of processes and their children."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from harness.observe.cpu_wait import CpuWaitReader

_ATTEMPTS: Final = 5  # a child that ends during a reading makes it fail
# The clock of the CPU time of a process, all threads included (Linux, CPUCLOCK_SCHED in
# include/linux/posix-timers_types.h). It counts nanoseconds, the files of procfs ticks of 10 ms.
_SCHEDULED: Final = 2
_FAULTS: Final = slice(7, 11)  # minflt, cminflt, majflt, cmajflt of proc_pid_stat(5)


class ProcessUsage(NamedTuple):
    """The resources that processes and their children use.

    Attributes:
        cpu_seconds: User and system time, never less than in the previous reading.
        memory_bytes: Resident bytes, summed; shared memory counts for each process.
        start_time: Start of the first process, seconds since the epoch.
        wait_seconds: Time for which threads were ready to run and had no CPU, summed over all
            threads, never less than in the previous reading; None if unreadable.
        switches: How often one of the threads was given a CPU; None if unreadable.
        faults: Page faults, minor and major; None if unreadable. Neither is ever less than in the
            previous reading.
    """

    cpu_seconds: float
    memory_bytes: int
    start_time: float
    wait_seconds: float | None = None
    switches: int | None = None
    faults: int | None = None


class ProcessTree:
    """Reads the resource usage of processes and their children.

    The CPU time and the page faults of a child that has ended are kept. On Linux its parent
    inherits them; on other systems the sum decreases, and only its increases are counted.

    Args:
        *pids: The processes; their children belong to them.
        without: If it is one of these children, neither it nor its own children are read.
    """

    def __init__(self, *pids: int, without: int | None = None) -> None:
        self._pids = pids
        self._without = without
        self._first: list[psutil.Process] = []
        self._start_time = 0.0
        self._cpu_seconds = 0.0
        self._sum = 0.0
        self._faults: int | None = None  # None until they could be read
        self._faults_sum = 0
        self._cpu_wait = CpuWaitReader()

    def read(self) -> ProcessUsage | None:
        """The current usage; None when one of the processes, children aside, has ended."""
        for _ in range(_ATTEMPTS):
            try:
                return self._read()
            except psutil.NoSuchProcess:
                continue
        return None

    def _read(self) -> ProcessUsage | None:
        roots = [psutil.Process(pid) for pid in self._pids]
        # Processes are equal by the ticks since the boot at which they started; their start in
        # seconds since the epoch moves with the machine's clock.
        ended = any(root.status() == psutil.STATUS_ZOMBIE for root in roots)
        if self._first not in ([], roots) or ended:
            return None
        cpu = 0.0
        memory = 0
        processes = _with_children(roots)
        if self._without is not None and (other := psutil.Process(self._without)) in processes:
            processes -= _with_children([other])
        for process in processes:
            try:
                times = process.cpu_times()
                memory += process.memory_info().rss
            except psutil.AccessDenied:
                continue
            own = _scheduled(process.pid)
            cpu += times.user + times.system if own is None else own
            cpu += times.children_user + times.children_system
        if not self._first:
            self._first, self._start_time = roots, roots[0].create_time()
        self._cpu_seconds += max(0.0, cpu - self._sum)
        self._sum = cpu
        waited = self._cpu_wait.read(process.pid for process in processes)
        faults = [one for process in processes if (one := page_faults(process.pid)) is not None]
        if faults:
            self._faults = (self._faults or 0) + max(0, sum(faults) - self._faults_sum)
            self._faults_sum = sum(faults)
        return ProcessUsage(
            self._cpu_seconds,
            memory,
            self._start_time,
            waited,
            None if waited is None else self._cpu_wait.switches,
            self._faults,
        )


def _with_children(roots: Iterable[psutil.Process]) -> set[psutil.Process]:
    return {process for root in roots for process in (root, *root.children(recursive=True))}


def cpu_seconds(pids: Iterable[int]) -> dict[int, float]:
    """CPU seconds of processes that still run, without their children."""
    found = {}
    for pid in pids:
        with suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            own = _scheduled(pid)
            found[pid] = times.user + times.system if own is None else own
    return found


def _scheduled(pid: int) -> float | None:
    """CPU seconds of a process, without its children; None where no clock tells them."""
    if sys.platform != "linux":
        return None
    try:
        return time.clock_gettime((~pid << 3) | _SCHEDULED)
    except OSError:
        return None  # it has ended, or is in another PID namespace


def page_faults(pid: int, proc: Path = Path("/proc")) -> int | None:
    """Page faults of a process and of its children that have ended; None if unreadable.

    Args:
        pid: Of the process.
        proc: Where procfs is mounted.
    """
    try:
        text = (proc / str(pid) / "stat").read_text()
        return sum(map(int, text[text.rindex(")") + 2 :].split()[_FAULTS]))
    except (OSError, ValueError):
        return None
