"""CPU time, waiting time and memory of a process and its children."""

from __future__ import annotations

from typing import Final, NamedTuple

import psutil

from harness.observe.cpu_wait import CpuWaitReader

_ATTEMPTS: Final = 5  # a child that ends during a reading makes it fail


class ProcessUsage(NamedTuple):
    """The resources that a process and its children use.

    Attributes:
        cpu_seconds: User and system time, never less than in the previous reading.
        memory_bytes: Resident bytes, summed; shared memory counts for each process.
        start_time: Start of the first process, seconds since the epoch.
        wait_seconds: Time for which threads were ready to run and had no CPU, summed over all
            threads, never less than in the previous reading; None if unreadable.
    """

    cpu_seconds: float
    memory_bytes: int
    start_time: float
    wait_seconds: float | None = None


class ProcessTree:
    """Reads the resource usage of a process and its children.

    The CPU time of a child that has ended is kept. On Linux its parent inherits it; on other
    systems the sum decreases, and only its increases are counted.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._first: psutil.Process | None = None
        self._start_time = 0.0
        self._cpu_seconds = 0.0
        self._sum = 0.0
        self._cpu_wait = CpuWaitReader()

    def read(self) -> ProcessUsage | None:
        """The current usage; None when the process has ended."""
        for _ in range(_ATTEMPTS):
            try:
                return self._read()
            except psutil.NoSuchProcess:
                continue
        return None

    def _read(self) -> ProcessUsage | None:
        root = psutil.Process(self._pid)
        # Processes are equal by the ticks since the boot at which they started; their start in
        # seconds since the epoch moves with the machine's clock.
        if self._first not in {None, root} or root.status() == psutil.STATUS_ZOMBIE:
            return None
        cpu = 0.0
        memory = 0
        processes = (root, *root.children(recursive=True))
        for process in processes:
            try:
                times = process.cpu_times()
                memory += process.memory_info().rss
            except psutil.AccessDenied:
                continue
            cpu += times.user + times.system + times.children_user + times.children_system
        if self._first is None:
            self._first, self._start_time = root, root.create_time()
        self._cpu_seconds += max(0.0, cpu - self._sum)
        self._sum = cpu
        waited = self._cpu_wait.read(process.pid for process in processes)
        return ProcessUsage(self._cpu_seconds, memory, self._start_time, waited)
