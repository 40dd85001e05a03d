"""Chrome's trace events to samples with their moments, and the file of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import RunFolderError
from harness.runs.recording.moments import (
    CpuMoments,
    ProcessMoments,
    process_moments,
    read_moments,
    write_moments,
)


def event(phase: str, micros: int, name: str, line: int = 0, thread: int = 1) -> dict[str, object]:
    """As py-spy writes it; line 0 has no file."""
    place = {"filename": "/srv/app.py" if line else "", "line": line}
    return {"args": place, "name": name, "ph": phase, "pid": 7, "tid": thread, "ts": micros}


def test_each_moment_is_a_sample_of_the_stack_that_its_events_leave() -> None:
    events = [
        event("B", 1000, "thread (7): main"),
        event("B", 1000, "handle", 3),
        event("B", 1000, "load", 9),
        event("B", 1000, "thread (8): other", thread=2),
        # Back in `handle`, then in another function; the first thread again with `load`.
        event("E", 12_000, "load", 9),
        event("E", 30_000, "handle", 3),
        event("B", 30_000, "send", 5),
        event("E", 41_000, "send", 5),
        event("B", 41_000, "handle", 3),
        event("B", 41_000, "load", 9),
        # The end of the recording.
        *(event("E", 50_000, name, line) for name, line in (("load", 9), ("handle", 3))),
        event("E", 50_000, "thread (7): main"),
        event("E", 50_000, "thread (8): other", thread=2),
    ]
    found = process_moments(json.dumps(events), 100.0, 101.0)
    assert found
    assert (found.earliest, found.latest) == pytest.approx((100.0, 100.95))
    main = "thread (7): main"
    assert found.stacks == {
        f"{main};handle (/srv/app.py:3);load (/srv/app.py:9)": pytest.approx((0.001, 0.041)),
        f"{main};handle (/srv/app.py:3)": pytest.approx((0.012,)),
        f"{main};send (/srv/app.py:5)": pytest.approx((0.03,)),
        "thread (8): other": pytest.approx((0.001,)),
    }


@pytest.mark.parametrize(
    "text", ["", "[", "7", "[7]", '[{"tid": 1}]', '[{"tid": 1, "ts": 2, "ph": "B"}]', "{}x"]
)
def test_damaged_events_are_no_samples(text: str) -> None:
    assert process_moments(text, 0.0, 1.0) is None


def test_process_that_never_ran_has_no_stacks() -> None:
    assert process_moments("[]", 1.0, 2.0) == ProcessMoments(1.0, 2.0, {})


@pytest.mark.parametrize("seconds", [None, 1.25])
def test_file_keeps_all(tmp_path: Path, seconds: float | None) -> None:
    process = ProcessMoments(1.5, 1.75, {"thread (7): main;handle (/srv/ä.py:3)": (0.001, 2.5)})
    moments = CpuMoments(1.0, 2.0, 3.0, seconds, 100, 12, (process, ProcessMoments(1.0, 2.0, {})))
    write_moments(tmp_path / "file", moments)
    assert read_moments(tmp_path / "file") == moments


def test_no_file_is_nothing(tmp_path: Path) -> None:
    assert read_moments(tmp_path / "file") is None


@pytest.mark.parametrize("text", ["", "{}", '{"begun": 1', "[]"])
def test_damaged_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text)
    with pytest.raises(RunFolderError, match="is not of this version"):
        read_moments(tmp_path / "file")
