"""profile-times.json: when threads of a service ran which stacks, and the CPU time of the time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from harness.runs.json_file import read_json


@dataclass(frozen=True, slots=True)
class ProcessMoments:
    """The samples of one process with their moments.

    Of consecutive samples of a thread with the same stack there is the first alone.

    Attributes:
        earliest: Lower bound of moment 0, seconds since the epoch: the profiler does not tell when
            it began.
        latest: Upper bound of moment 0.
        stacks: The moments of each stack, in seconds; a stack is written as in `flamegraph.pl`.
    """

    earliest: float
    latest: float
    stacks: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class CpuMoments:
    """What the threads of the service ran while a profile of the running ones was taken.

    Attributes:
        begun: When the load went on, seconds since the epoch; `start` and `end` of the profile.
        cpu_seconds: Of the profiled processes from `start` to `end`; None if it is not known.
        rate: Samples a second of the profile.
        requests: Of the load generator that were answered from `begun` on.
        processes: Those that have samples.
    """

    begun: float
    start: float
    end: float
    cpu_seconds: float | None
    rate: int
    requests: int
    processes: tuple[ProcessMoments, ...]


def process_moments(events: str, begun: float, ended: float) -> ProcessMoments | None:
    """The samples of a profile in the form of Chrome's trace events, as py-spy writes it.

    An event begins or ends a function of a thread. All events of one moment are of one sample.

    Args:
        events: A list of events; None is returned if it is cut off.
        begun: Before the profiler was started, seconds since the epoch.
        ended: After it had ended.
    """
    running: dict[int, list[str]] = {}
    found: dict[str, list[float]] = {}
    last = 0.0
    try:
        for (thread, micros), group in groupby(json.loads(events), lambda e: (e["tid"], e["ts"])):
            frames = running.setdefault(thread, [])
            for event in group:
                if event["ph"] == "B":
                    frames.append(_frame(event))
                elif frames:
                    frames.pop()
            last = max(last, micros * 1e-6)
            if frames:
                found.setdefault(";".join(frames), []).append(micros * 1e-6)
    except (ValueError, KeyError, TypeError):
        return None
    return ProcessMoments(begun, ended - last, {k: tuple(v) for k, v in found.items()})


def _frame(event: Mapping[str, Any]) -> str:
    arguments = event["args"]
    file, line = arguments["filename"], arguments["line"]
    return f"{event['name']} ({file}:{line})" if file else str(event["name"])


def write_moments(path: Path, moments: CpuMoments) -> None:
    """Write the file.

    Raises:
        OSError: It cannot be written.
    """
    path.write_bytes(TypeAdapter(CpuMoments).dump_json(moments))


def read_moments(path: Path) -> CpuMoments | None:
    """The content of a file; None without it.

    Raises:
        RunFolderError: It is damaged, or cannot be read.
    """
    if not path.exists():
        return None
    return read_json(path, CpuMoments, "run the load again with --diagnose always")
