"""The time for which threads were ready to run and had no CPU."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")
_NANOSECOND = 1e-9


class CpuWaitReader:
    """Adds up the waiting times of the threads of processes.

    Linux counts the time of each thread in `/proc/PID/task/TID/schedstat`. The count disappears
    with its thread, so the increases are added up.

    Args:
        proc: Where procfs is mounted.
    """

    def __init__(self, proc: Path = _PROC) -> None:
        self._proc = proc
        self._waited: dict[tuple[str, str], int] = {}
        self._total = 0

    def read(self, pids: Iterable[int]) -> float | None:
        """Seconds that the threads of these processes, and of those read earlier, have waited.

        The sum over all threads, which may exceed the elapsed time; never less than in the previous
        call. None if no thread can be read.
        """
        waited = dict(self._threads(pids))
        for thread, value in waited.items():
            before = self._waited.get(thread, 0)
            self._total += value - before if value >= before else value  # else a reused thread id
        self._waited = waited
        return self._total * _NANOSECOND if waited else None

    def _threads(self, pids: Iterable[int]) -> Iterable[tuple[tuple[str, str], int]]:
        for pid in pids:
            try:
                threads = list((self._proc / str(pid) / "task").iterdir())
            except OSError:
                continue  # the process has ended since its number was read
            for thread in threads:
                waited = nanoseconds_waited(thread / "schedstat")
                if waited is not None:
                    yield (str(pid), thread.name), waited


def nanoseconds_waited(file: Path) -> int | None:
    """The second of the three numbers of a schedstat; None if unreadable.

    Source: https://docs.kernel.org/scheduler/sched-stats.html, "/proc/<pid>/schedstat".
    """
    try:
        _, waited, _ = file.read_text().split()
        return int(waited)
    except (OSError, ValueError):
        return None
