"""Inside the generator: probes of the delays that it and its machine add to the recorded times.

Two probes measure the event loop that every response has to pass. The timer probe detects code that
blocks the loop. The canary probe also detects a backlog of ready sockets: libev runs due timers
before the sockets of the same iteration, so a timer may be on time while a response waits for
hundreds of others.

Imports only the standard library, gevent and names, so a worker can import it from the bundle.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from socket import socketpair

import gevent

from harness.names import GENERATOR_CANARY, GENERATOR_LOOP_LAG

PERIOD = 0.05  # s between two readings of a probe; both cost 0.3% of a core, at 0.01 s 1.5%
_READ = 1  # gevent's event mask of a watcher
_STEAL = 7  # field of the first line of /proc/stat, proc_stat(5); guest times are in user and nice
_FIELDS = 8

OnReading = Callable[[str, float, float], None]


def watch_loop(on_reading: OnReading, ended: Callable[[], bool]) -> None:
    """Start both probes.

    Args:
        on_reading: Called with name, time and value in seconds of each reading, like
            `Recorder.reading`.
        ended: The probes end once it returns true.
    """
    gevent.spawn(_watch_timer, on_reading, ended)
    gevent.spawn(_watch_socket, on_reading, ended)


def _watch_timer(on_reading: OnReading, ended: Callable[[], bool]) -> None:
    due = time.monotonic() + PERIOD
    while not ended():
        gevent.sleep(max(0.0, due - time.monotonic()))
        due = _record_due(on_reading, GENERATOR_LOOP_LAG, due)


def _watch_socket(on_reading: OnReading, ended: Callable[[], bool]) -> None:
    receiver, sender = socketpair()
    with receiver, sender:
        hub = gevent.get_hub()
        watcher = hub.loop.io(receiver.fileno(), _READ)
        while not ended():
            gevent.sleep(PERIOD)
            since = time.monotonic()
            sender.send(b".")
            hub.wait(watcher)
            _record_due(on_reading, GENERATOR_CANARY, since)
            receiver.recv(1)
        watcher.close()


def _record_due(on_reading: OnReading, what: str, due: float) -> float:
    """Record a reading for each time that was due until now; returns the next due time.

    A loop that blocks for a second delays twenty readings, not one. Counting only one would be the
    coordinated omission that the readings are meant to detect.
    """
    now = time.monotonic()
    while due <= now:
        on_reading(what, due, now - due)
        due += PERIOD
    return due


class HostProbe:
    """Time that the host and the kernel took from this process since the last call.

    Args:
        proc: Where procfs is mounted.
        cgroups: Where cgroupfs is mounted.
    """

    def __init__(self, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> None:
        self._stat = proc / "stat"
        self._tasks = proc / "self/task"
        self._throttling = _throttling_file(proc / "self/cgroup", cgroups)
        self._ticks = self._read_ticks()
        self._throttled = self._read_throttled()
        self._waited = self._read_waited()

    def steal(self) -> float | None:
        """Share of CPU time, 0..1, that the host took from this machine; None if unreadable."""
        before, self._ticks = self._ticks, self._read_ticks()
        if before is None or self._ticks is None:
            return None
        total = sum(self._ticks) - sum(before)
        return max(0, self._ticks[_STEAL] - before[_STEAL]) / total if total > 0 else 0.0

    def throttled(self) -> float | None:
        """Seconds in which this process's control group was throttled; None if unreadable."""
        before, self._throttled = self._throttled, self._read_throttled()
        if before is None or self._throttled is None:
            return None
        return max(0.0, self._throttled - before)

    def cpu_wait(self) -> float | None:
        """Seconds in which threads of this process had no CPU to run on; None if unreadable.

        The sum over all threads, without those that have ended since the last call.
        """
        before, self._waited = self._waited, self._read_waited()
        if not self._waited:
            return None
        rises = (value - before.get(task, 0) for task, value in self._waited.items())
        return sum(max(0, rise) for rise in rises) / 1e9

    def _read_ticks(self) -> tuple[int, ...] | None:
        try:
            line = self._stat.read_text().split("\n", 1)[0]
            ticks = tuple(int(field) for field in line.split()[1 : 1 + _FIELDS])
        except (OSError, ValueError):
            return None
        return ticks if len(ticks) == _FIELDS else None

    def _read_waited(self) -> dict[str, int]:
        """The second of the three numbers of each thread's schedstat, in nanoseconds.

        Source: https://docs.kernel.org/scheduler/sched-stats.html, "/proc/<pid>/schedstat".
        """
        found = {}
        for file in self._tasks.glob("*/schedstat"):
            with suppress(OSError, ValueError):
                _, waited, _ = file.read_text().split()
                found[file.parent.name] = int(waited)
        return found

    def _read_throttled(self) -> float | None:
        """From cpu.stat: `throttled_usec` in version 2, `throttled_time` (ns) in version 1."""
        if self._throttling is None:
            return None
        try:
            lines = self._throttling.read_text().splitlines()
            values = {name: int(value) for name, value in (line.split() for line in lines)}
        except (OSError, ValueError):
            return None
        if "throttled_usec" in values:
            return values["throttled_usec"] / 1e6
        return values["throttled_time"] / 1e9 if "throttled_time" in values else None


def _throttling_file(memberships: Path, mount: Path) -> Path | None:
    """The cpu.stat of this process's control group.

    Lines of `memberships` are `id:controllers:path`, with no controllers in version 2, cgroups(7).
    Within a container the path may be that of the host; the root of the mount is the group then.
    """
    try:
        lines = [line.split(":", 2) for line in memberships.read_text().splitlines()]
    except OSError:
        return None
    for _, controllers, path in (line for line in lines if len(line) == 3):
        if controllers and "cpu" not in controllers.split(","):
            continue
        for root in (mount / controllers, mount / "cpu", mount) if controllers else (mount,):
            for place in (root / path.lstrip("/"), root):
                if _throttles(place / "cpu.stat"):
                    return place / "cpu.stat"
    return None


def _throttles(file: Path) -> bool:
    """Whether the file reports throttling; it does not for a version 2 root, or without a limit."""
    try:
        return "throttled_" in file.read_text()
    except OSError:
        return False
