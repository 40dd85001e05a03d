"""CPU time, waiting and memory of a process that we started, with its children."""

from __future__ import annotations

from typing import Final, NamedTuple

import psutil

from harness.observe.cpu_wait import RunQueue

_ATTEMPTS: Final = 5  # a child that ends amid a reading spoils it


class Reading(NamedTuple):
    """What a process and its children use.

    Attributes:
        cpu_seconds: User and system time, never less than in the reading before.
        memory_bytes: Resident, summed; memory that processes share counts in each.
        start_time: Of the first process, seconds since the epoch.
        wait_seconds: For which threads were ready to run and had no CPU, summed over all of them,
            never less than in the reading before; None where it cannot be read.
    """

    cpu_seconds: float
    memory_bytes: int
    start_time: float
    wait_seconds: float | None = None


class ProcessTree:
    """Reads a process and its children again and again.

    The CPU time of a child that ended is kept: its parent has inherited it where the system says
    so (Linux); elsewhere the sum falls, and only its rises are counted.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._start_time: float | None = None
        self._cpu_seconds = 0.0
        self._sum = 0.0
        self._queue = RunQueue()

    def read(self) -> Reading | None:
        """Read now; None when the process is gone."""
        for _ in range(_ATTEMPTS):
            try:
                return self._read()
            except psutil.NoSuchProcess:
                continue
        return None

    def _read(self) -> Reading | None:
        root = psutil.Process(self._pid)
        start_time = root.create_time()
        if self._start_time not in {None, start_time} or root.status() == psutil.STATUS_ZOMBIE:
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
        self._start_time = start_time
        self._cpu_seconds += max(0.0, cpu - self._sum)
        self._sum = cpu
        waited = self._queue.read(process.pid for process in processes)
        return Reading(self._cpu_seconds, memory, start_time, waited)
