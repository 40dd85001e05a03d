"""How much of this machine's CPUs others than our own processes took."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
# Fields of the first line of /proc/stat, proc_stat(5): user, nice, system, idle, iowait, irq,
# softirq, steal. Guest times are in user and nice.
_FIELDS: Final = 8
_IDLE: Final = {3, 4}


class Neighbours:
    """Reads the CPU time of all others again and again.

    What the host of a virtual machine took for others counts: to a process that waits for a CPU
    it is the same.

    Args:
        proc: Where procfs is mounted.
    """

    def __init__(self, proc: Path = _PROC) -> None:
        self._stat = proc / "stat"
        self._first: float | None = None
        self._most = 0.0

    def read(self, ours: float) -> float | None:
        """CPU seconds of all others since the first reading, never less than in the one before.

        Args:
            ours: CPU seconds of all our own processes until now.

        Returns:
            None where the machine's CPU time cannot be read.
        """
        used = _used(self._stat)
        if used is None:
            return None
        others = used - ours
        if self._first is None:
            self._first = others
        # The two are not read at the same moment, so the difference of both may fall a little.
        self._most = max(self._most, others - self._first)
        return self._most


def _used(stat: Path) -> float | None:
    """CPU seconds for which the machine's CPUs were not idle."""
    try:
        line = stat.read_text().split("\n", 1)[0]
        ticks = [int(field) for field in line.split()[1 : 1 + _FIELDS]]
    except (OSError, ValueError):
        return None
    if len(ticks) < _FIELDS:
        return None
    return sum(t for i, t in enumerate(ticks) if i not in _IDLE) / os.sysconf("SC_CLK_TCK")
