"""profile.speedscope.json: the profile of a run, for speedscope.

https://www.speedscope.app/file-format-schema.json
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from harness.runs.model import Manifest
from harness.runs.recording.profile import Stack, StackFrame, total
from harness.runs.recording.recording import Recording

SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def speedscope_json(recording: Recording, manifest: Manifest) -> str:
    """The content of profile.speedscope.json: a sampled profile for each mode that has stacks.

    The weight of a stack is the number of its samples.
    """
    frames: dict[StackFrame, int] = {}
    modes = {"wall": recording.wall, "cpu": recording.cpu}
    profiles = [_profile(name, stacks, frames) for name, stacks in modes.items() if stacks]
    document = {
        "$schema": SCHEMA,
        "exporter": f"harness {manifest.versions.get('harness', '')}".strip(),
        "name": f"{manifest.service}, {manifest.scenario_name}",
        "activeProfileIndex": 0,
        "shared": {"frames": [_frame(one) for one in frames]},
        "profiles": profiles,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


def _profile(
    name: str, stacks: Sequence[Stack], frames: dict[StackFrame, int]
) -> dict[str, object]:
    """A profile; frames that `frames` lacks are added to it."""
    return {
        "type": "sampled",
        "name": name,
        "unit": "none",
        "startValue": 0,
        "endValue": total(stacks),
        "samples": [
            [frames.setdefault(frame, len(frames)) for frame in stack.frames] for stack in stacks
        ],
        "weights": [stack.count for stack in stacks],
    }


def _frame(frame: StackFrame) -> dict[str, object]:
    if not frame.file:
        return {"name": frame.function}
    return {"name": frame.function, "file": frame.file, "line": frame.line}
