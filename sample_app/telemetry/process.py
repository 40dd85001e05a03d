"""CPU, memory, garbage collection and version of this process, and its limits."""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
)

# The limit of the control group that a container runs in: version 2, then version 1.
_LIMIT_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def register_process_metrics(registry: CollectorRegistry) -> None:
    """Add `process_*`, `python_*` and the two `system_*` limits to `registry`."""
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    Gauge(
        "system_cpu_logical_count", "Logical CPUs this process may run on.", registry=registry
    ).set(cpu_count())
    Gauge(
        "system_memory_limit_bytes",
        "Memory this process may use: the container's limit, or all of the machine's.",
        registry=registry,
    ).set(memory_limit())


def cpu_count() -> int:
    """CPUs that this process may be scheduled on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_limit() -> int:
    """Bytes: the smaller of the machine's memory and the control group's limit."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    texts = (Path(name).read_text() for name in _LIMIT_FILES if Path(name).is_file())
    return min([machine, *(int(text) for text in texts if text.strip().isdigit())])
