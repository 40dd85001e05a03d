"""What was recorded of a service to explain a breach."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from pathlib import Path

from harness import names
from harness.runs.model import SlowRequest
from harness.runs.records.profile import Stack, read_stacks
from harness.runs.records.slowest import read_slowest
from harness.runs.records.spans import Span, read_spans


@dataclass(frozen=True, slots=True)
class Recording:
    """What the service did while the load went on after the judged window.

    Attributes:
        spans: Of the whole run: sampled ones of the window, all that were sent after it.
        wall: Stacks of all threads at each sample; `cpu` those of threads that were running.
        slowest: Requests of the load generator with their trace ids, by which their spans are
            found.
    """

    spans: tuple[Span, ...] = ()
    wall: tuple[Stack, ...] = ()
    cpu: tuple[Stack, ...] = ()
    slowest: tuple[SlowRequest, ...] = ()


def read_recording(folder: Path) -> Recording | None:
    """The recording of a run folder; None when the load did not go on after the window.

    Raises:
        RunFolderError: A file is damaged.
    """
    after = folder / names.DIAGNOSIS_FOLDER
    if not after.is_dir():
        return None
    return Recording(
        read_spans(folder / names.TRACES_FILE),
        read_stacks(after / names.WALL_STACKS_FILE),
        read_stacks(after / names.CPU_STACKS_FILE),
        read_slowest(after / names.SLOWEST_FILE, 0.0, inf),
    )
