"""Facts about this machine, and the limits of a process, control groups included."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil

from harness.observe.cpu_wait import CpuWaitReader
from harness.observe.other_cpu import OtherCpuReader

_CGROUPS = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


def usable_cpus(pid: int | None = None) -> float:
    """CPUs that a process may use: those of its affinity, or the quota of its control group."""
    count = float(os.cpu_count() or 1)
    if hasattr(os, "sched_getaffinity"):
        count = float(len(os.sched_getaffinity(pid or 0)))
    return min(count, cpu_quota(_CGROUPS, _membership(pid)) or count)


def memory_limit(pid: int | None = None) -> int:
    """Bytes that a process may use: the memory of the machine, or its control group's limit."""
    total = psutil.virtual_memory().total
    return min(total, memory_quota(_CGROUPS, _membership(pid)) or total)


def host_facts() -> dict[str, object]:
    """Facts about the machine for run.json."""
    return {
        "platform": platform.platform(),
        "python": platform.python_version(),
        "cpus": usable_cpus(),
        "memory_bytes": memory_limit(),
    }


def unread(proc: Path = _PROC) -> str:
    """A notice about guards that this system has no readings for; empty where it has all of them.

    Args:
        proc: Where procfs is mounted.
    """
    waits = CpuWaitReader(proc).read([os.getpid()]) is not None
    others = OtherCpuReader(proc).read(0.0) is not None
    lacking = [
        *([] if waits else ["for how long threads wait for a CPU"]),
        *([] if others else ["the CPU time of other processes and of the host"]),
    ]
    if not lacking:
        return ""
    guards = "guard cpu-contention" if others else "guards cpu-contention and host-steal"
    return (
        f"this system does not report {' and '.join(lacking)}, so the run has no {guards}: "
        "a breach of a time may be due to other work on this machine"
    )


def git_facts(directory: Path) -> dict[str, object]:
    """Commit, branch and uncommitted changes for run.json; empty without a repository."""
    commit = _git(directory, "rev-parse", "HEAD")
    if commit is None:
        return {}
    changes = _git(directory, "status", "--porcelain", "--untracked-files=no")
    branch = _git(directory, "branch", "--show-current")  # empty when the head is detached
    return {"commit": commit, "branch": branch or "", "dirty": bool(changes)}


def _git(directory: Path, *arguments: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    try:
        result = subprocess.run(  # noqa: S603
            [git, "--no-optional-locks", "-C", str(directory), *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


# --- control groups: https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/ -----------


def cpu_quota(root: Path, membership: str) -> float | None:
    """The lowest CPU quota of a process's control group and its ancestors.

    Args:
        root: Where the control groups are mounted.
        membership: Content of `/proc/PID/cgroup`.

    Returns:
        CPUs, perhaps a fraction; None without a quota.
    """
    quotas: list[float] = []
    for folder in _hierarchy(root, membership, "cpu"):
        quota, period = (*_numbers(folder / "cpu.max"), None, None)[:2]
        if quota is None:
            quota = next(iter(_numbers(folder / "cpu.cfs_quota_us")), None)
            period = next(iter(_numbers(folder / "cpu.cfs_period_us")), None)
        if quota is not None and period and quota > 0:
            quotas.append(quota / period)
    return min(quotas, default=None)


def memory_quota(root: Path, membership: str) -> int | None:
    """The lowest memory limit of a process's control group and its ancestors, in bytes."""
    limits = [
        limit
        for folder in _hierarchy(root, membership, "memory")
        for file in ("memory.max", "memory.limit_in_bytes")
        for limit in _numbers(folder / file)
    ]
    return min(limits, default=None)


def _hierarchy(root: Path, membership: str, controller: str) -> Iterator[Path]:
    """Folders of a process's control groups, each with its ancestors."""
    for line in membership.splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers and controller not in controllers.split(","):
            continue
        base = root / controller if controllers else root
        folder = base / path.lstrip("/")
        yield folder
        yield from (parent for parent in folder.parents if parent.is_relative_to(base))


def _numbers(file: Path) -> list[int]:
    """The numbers of a control file; none if it is absent or begins with "max"."""
    try:
        words = file.read_text().split()
    except OSError:
        return []
    return [int(word) for word in words] if words and words[0] != "max" else []


def _membership(pid: int | None) -> str:
    try:
        return (_PROC / str(pid or "self") / "cgroup").read_text()
    except OSError:
        return ""
