"""How long threads were ready to run and had no CPU, and how often they were given one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")
_NANOSECOND = 1e-9


class CpuWaitReader:
    """Adds up the waiting times and the context switches of the threads of processes.

    Linux counts them for each thread in `/proc/PID/task/TID/schedstat`. The counts disappear with
    their thread, so the increases are added up.

    Args:
        proc: Where procfs is mounted.

    Attributes:
        switches: How often a thread was given a CPU, as of the last call of `read`.
    """

    def __init__(self, proc: Path = _PROC) -> None:
        self._proc = proc
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}
        self._total = 0
        self.switches = 0

    def read(self, pids: Iterable[int]) -> float | None:
        """Seconds that the threads of these processes, and of those read earlier, have waited.

        The sum over all threads, which may exceed the elapsed time; never less than in the previous
        call. None if no thread can be read.
        """
        counts = dict(self._threads(pids))
        for thread, now in counts.items():
            before = self._counts.get(thread, (0, 0))
            if now < before:
                before = (0, 0)  # a reused thread id
            self._total += now[0] - before[0]
            self.switches += now[1] - before[1]
        self._counts = counts
        return self._total * _NANOSECOND if counts else None

    def _threads(self, pids: Iterable[int]) -> Iterable[tuple[tuple[str, str], tuple[int, int]]]:
        for pid in pids:
            try:
                threads = list((self._proc / str(pid) / "task").iterdir())
            except OSError:
                continue  # the process has ended since its number was read
            for thread in threads:
                counts = waits_and_switches(thread / "schedstat")
                if counts is not None:
                    yield (str(pid), thread.name), counts


def waits_and_switches(file: Path) -> tuple[int, int] | None:
    """The nanoseconds waited, and the time slices run, of a schedstat; None if unreadable.

    A time slice begins when the thread is given a CPU, which is a context switch.
    Source: https://docs.kernel.org/scheduler/sched-stats.html, "/proc/<pid>/schedstat".
    """
    try:
        _, waited, slices = file.read_text().split()
        return int(waited), int(slices)
    except (OSError, ValueError):
        return None
