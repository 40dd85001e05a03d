"""profile.speedscope.json by https://www.speedscope.app/file-format-schema.json."""

import json

from hypothesis import given
from hypothesis import strategies as st

from harness.report.run.speedscope import speedscope_json
from harness.runs.recording.profile import Stack, StackFrame
from harness.runs.recording.recording import Recording
from tests.unit.diagnose.spans import stack
from tests.unit.report.cases import MANIFEST

HANDLER = "handler /srv/app/api.py:3"
FRAMES = st.builds(StackFrame, st.text(), st.text(), st.integers(0, 9))
STACKS = st.lists(
    st.builds(Stack, st.lists(FRAMES, max_size=4).map(tuple), st.integers(1, 99)), max_size=5
).map(tuple)


def test_profile_has_both_modes_with_common_frames() -> None:
    recording = Recording(
        wall=(stack(5, HANDLER), stack(2, HANDLER, "query /srv/app/data.py:8")),
        cpu=(stack(3, HANDLER),),
    )
    found = json.loads(speedscope_json(recording, MANIFEST))
    assert found["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert found["shared"]["frames"] == [
        {"name": "process 7"},
        {"name": "thread (7): MainThread"},
        {"name": "handler", "file": "/srv/app/api.py", "line": 3},
        {"name": "query", "file": "/srv/app/data.py", "line": 8},
    ]
    wall, cpu = found["profiles"]
    assert wall == {
        "type": "sampled",
        "name": "wall",
        "unit": "none",
        "startValue": 0,
        "endValue": 7,
        "samples": [[0, 1, 2], [0, 1, 2, 3]],
        "weights": [5, 2],
    }
    assert (cpu["name"], cpu["samples"], cpu["weights"]) == ("cpu", [[0, 1, 2]], [3])


@given(wall=STACKS, cpu=STACKS)
def test_every_stack_can_be_read_back(wall: tuple[Stack, ...], cpu: tuple[Stack, ...]) -> None:
    found = json.loads(speedscope_json(Recording(wall=wall, cpu=cpu), MANIFEST))
    frames = found["shared"]["frames"]
    modes = {one["name"]: one for one in found["profiles"]}
    for name, stacks in (("wall", wall), ("cpu", cpu)):
        assert (name in modes) is bool(stacks)
        if not stacks:
            continue
        read = [[frames[place]["name"] for place in sample] for sample in modes[name]["samples"]]
        assert read == [[frame.function for frame in one.frames] for one in stacks]
        assert modes[name]["weights"] == [one.count for one in stacks]
        assert modes[name]["endValue"] == sum(one.count for one in stacks)
