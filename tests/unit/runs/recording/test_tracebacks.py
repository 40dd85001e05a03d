"""Tracebacks in the output of a service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.runs.recording.tracebacks import MOST, read_tracebacks

ID, OTHER = "ab" * 16, "cd" * 16
TRACEBACK = 'Traceback (most recent call last):\n  File "/srv/a.py", line 3, in f\n    g()\n'
ERROR = "KeyError: 7"
GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "/srv/main.py", line 7, in call
  |     await go()
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/a.py", line 3, in f
    |     g()
    | KeyError: 7
    +------------------------------------
"""


@pytest.mark.parametrize(
    "log",
    [
        json.dumps({"exception": TRACEBACK + ERROR, "trace_id": ID, "message": "failed"}) + "\n",
        f"ERROR [{ID}] failed\n{TRACEBACK}{ERROR}\nINFO next {OTHER}\n",
        f"ERROR [{ID}] failed\n{TRACEBACK}{ERROR}",
    ],
    ids=["json", "text", "cut off"],
)
def test_traceback_in_the_record_of_a_trace(tmp_path: Path, log: str) -> None:
    (tmp_path / "log").write_text(log)
    found = read_tracebacks(tmp_path / "log")
    assert list(found) == [ID]
    assert TRACEBACK in found[ID]
    assert found[ID].strip().splitlines()[-1] == ERROR


@pytest.mark.parametrize(
    "log",
    [
        "",
        f"INFO {ID}\n",
        f"{TRACEBACK}{ERROR}\n",
        '{"exception": "Traceback (most recent call last)", ' + "[" * 10_000 + "\n",
        "[1]\n\x00\udcff Traceback (most recent call last)",
    ],
    ids=["empty", "no traceback", "no trace", "damaged", "no text"],
)
def test_output_without_the_traceback_of_a_trace(tmp_path: Path, log: str) -> None:
    (tmp_path / "log").write_text(log, errors="surrogateescape")
    assert read_tracebacks(tmp_path / "log") == {}


def test_line_after_an_exception_group_is_no_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(f"ERROR {ID}\n{GROUP}INFO next {OTHER}\n")
    assert read_tracebacks(tmp_path / "log") == {ID: f"ERROR {ID}\n{GROUP}"}


def test_service_that_is_not_started_by_the_harness_has_no_output(tmp_path: Path) -> None:
    assert read_tracebacks(tmp_path / "log") == {}


def test_tracebacks_are_bounded(tmp_path: Path) -> None:
    lines = (f"{number:032x}\n{TRACEBACK}{ERROR}\n" for number in range(MOST + 50))
    (tmp_path / "log").write_text("".join(lines))
    assert len(read_tracebacks(tmp_path / "log")) == MOST
