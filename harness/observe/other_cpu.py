"""The CPU time of this machine that processes outside of the run use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
# Fields of the first line of /proc/stat, proc_stat(5): user, nice, system, idle, iowait, irq,
# softirq, steal. Guest times are in user and nice.
_FIELDS: Final = 8
_IDLE: Final = {3, 4}


class OtherCpuReader:
    """Reads the CPU time of all processes outside of the run.

    Steal time counts as well: it has the same effect on a process that waits for a CPU.

    Args:
        proc: Where procfs is mounted.
    """

    def __init__(self, proc: Path = _PROC) -> None:
        self._stat = proc / "stat"
        self._first: float | None = None
        self._highest = 0.0

    def read(self, own: float) -> float | None:
        """CPU seconds of all other processes since the first call, never less than before.

        Args:
            own: CPU seconds of all processes of the run so far.

        Returns:
            None if the CPU time of the machine cannot be read.
        """
        used = _used(self._stat)
        if used is None:
            return None
        others = used - own
        if self._first is None:
            self._first = others
        # The two are not read at the same time, so their difference may decrease slightly.
        self._highest = max(self._highest, others - self._first)
        return self._highest


def _used(stat: Path) -> float | None:
    """CPU seconds in which the CPUs of the machine were not idle."""
    try:
        line = stat.read_text().split("\n", 1)[0]
        ticks = [int(field) for field in line.split()[1 : 1 + _FIELDS]]
    except (OSError, ValueError):
        return None
    if len(ticks) < _FIELDS:
        return None
    return sum(t for i, t in enumerate(ticks) if i not in _IDLE) / os.sysconf("SC_CLK_TCK")
