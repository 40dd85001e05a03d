"""What was recorded of a service to explain a breach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from harness import names
from harness.runs.model import SlowRequest
from harness.runs.recording.answer_shape import AnswerShape
from harness.runs.recording.answers import read_answers
from harness.runs.recording.growth import AllocationSite, read_growth
from harness.runs.recording.log_lines import LogLine, read_log_lines
from harness.runs.recording.moments import CpuMoments, read_moments
from harness.runs.recording.profile import Stack, read_stacks
from harness.runs.recording.spans import Span, read_spans
from harness.runs.recording.tracebacks import read_tracebacks
from harness.runs.records.exemplars import Exemplar, read_exemplars
from harness.runs.records.slowest import read_slowest


@dataclass(frozen=True, slots=True)
class Recording:
    """What the service did while the load went on after the judged window.

    Attributes:
        spans: Of the whole run: sampled ones of the window, all that were sent after it.
        wall: Stacks of all threads at each sample; `cpu` those of threads that were running.
        slowest: Requests of the load generator with their trace ids, by which their spans are
            found.
        exemplars: Requests that the service's own histograms name.
        tracebacks: In the service's output, by trace id.
        log: The lines of the service's output by their template, the most frequent first.
        answers: What some answers consist of.
        start: Stacks of a second start until it was ready; `started` those from then on.
        moments: When the running threads ran which stacks.
        growth: Places at which that start allocated memory under load that it did not release.
    """

    spans: tuple[Span, ...] = ()
    wall: tuple[Stack, ...] = ()
    cpu: tuple[Stack, ...] = ()
    slowest: tuple[SlowRequest, ...] = ()
    exemplars: tuple[Exemplar, ...] = ()
    tracebacks: Mapping[str, str] = field(default_factory=dict)
    log: tuple[LogLine, ...] = ()
    answers: tuple[AnswerShape, ...] = ()
    start: tuple[Stack, ...] = ()
    started: tuple[Stack, ...] = ()
    growth: tuple[AllocationSite, ...] = ()
    moments: CpuMoments | None = None


def read_recording(folder: Path) -> Recording | None:
    """The recording of a run folder; None when the load did not go on after the window.

    Raises:
        RunFolderError: A file is damaged.
    """
    after = folder / names.DIAGNOSIS_FOLDER
    if not after.is_dir():
        return None
    spans = read_spans(folder / names.TRACES_FILE)
    return Recording(
        spans,
        read_stacks(after / names.WALL_STACKS_FILE),
        read_stacks(after / names.CPU_STACKS_FILE),
        read_slowest(after / names.SLOWEST_FILE, 0.0, inf),
        read_exemplars(after / names.EXEMPLARS_FILE),
        read_tracebacks(folder / names.TARGET_LOG),
        read_log_lines(folder / names.TARGET_LOG, {span.trace_id for span in spans}),
        read_answers(after / names.ANSWERS_FILE),
        read_stacks(after / names.START_STACKS_FILE),
        read_stacks(after / names.STARTED_STACKS_FILE),
        read_growth(after / names.GROWTH_FILE),
        read_moments(after / names.MOMENTS_FILE),
    )
