"""Functions of two profiles, and the changed code that a profile shows."""

from __future__ import annotations

import pytest

from harness.diagnose.compare.changed_files import ChangedLines
from harness.diagnose.compare.function_gains import (
    function_gains,
    seen_changes,
)
from harness.runs.records.changes import ChangedCode, ChangedFile, CodeFunction, LineRange
from tests.unit.diagnose.spans import stack

LIB = "/srv/.venv/lib/python3.12/site-packages"
SQL = f"execute {LIB}/sqlalchemy/engine.py:7"
MAIN, HANDLER, LOAD = "<module> app/main.py:9", "handler app/api.py:3", "load app/data.py:12"


def changes(*lines: int) -> ChangedLines:
    """Changes of app/data.py, whose lines 10 to 20 are the function load()."""
    load = CodeFunction(name="load", lines=LineRange(first=10, last=20))
    file = ChangedFile(
        path="app/data.py",
        lines=tuple(LineRange(first=line, last=line) for line in lines),
        functions=(load,) if any(10 <= line <= 20 for line in lines) else (),
    )
    return ChangedLines(ChangedCode(baseline="", candidate="", files=(file,)))


def test_function_with_most_added_samples_is_first() -> None:
    found = function_gains(
        [stack(10, MAIN, HANDLER), stack(5, MAIN, HANDLER, LOAD)],
        [stack(12, MAIN, HANDLER), stack(95, MAIN, HANDLER, LOAD, SQL), stack(3, MAIN, SQL)],
    )
    assert [(one.name.function, one.before, one.after, one.calls) for one in found] == [
        ("load", 5, 95, "sqlalchemy"),
        ("sqlalchemy", 0, 3, ""),
        ("handler", 10, 12, ""),
    ]
    assert found[0].added.share == pytest.approx(90 / 95)


def test_entry_point_is_no_function_of_its_own() -> None:
    (one,) = function_gains([], [stack(40, MAIN, f"run {LIB}/uvicorn/server.py:1")])
    assert one.name == ("uvicorn", "")


def test_function_that_moved_within_its_file_is_the_same() -> None:
    (one,) = function_gains([stack(50, "load app/data.py:12")], [stack(50, "load app/data.py:80")])
    assert one.added.amount == 0


@pytest.mark.parametrize(
    ("lines", "changed", "place", "clause"),
    [
        ({12: 90, 14: 10}, (14,), "app/data.py:14", "changed in this branch"),
        ({12: 95, 14: 5}, (14,), "app/data.py:12", "load() was changed in this branch"),
        ({12: 90, 14: 10}, (12, 14), "app/data.py:12", "changed in this branch"),
        ({12: 90, 14: 10}, (30,), "app/data.py:12", ""),
        ({12: 90, 14: 10}, (), "app/data.py:12", ""),
    ],
    ids=[
        "a changed line with a tenth of the samples",
        "a changed line with fewer",
        "two changed lines: the one with more samples",
        "a change elsewhere in the file",
        "no change",
    ],
)
def test_place_of_a_function(
    lines: dict[int, int], changed: tuple[int, ...], place: str, clause: str
) -> None:
    stacks = [stack(count, f"load app/data.py:{line}") for line, count in lines.items()]
    (gain,) = function_gains([], stacks)
    assert gain.place(changes(*changed)) == (place, clause)


def test_changed_functions_that_have_grown_come_first() -> None:
    before = [stack(40, MAIN, "other app/data.py:30"), stack(3, MAIN, LOAD)]
    after = [
        stack(45, MAIN, "other app/data.py:30"),
        stack(20, MAIN, HANDLER, LOAD, SQL),
        stack(9, MAIN, HANDLER, "load app/data.py:14"),
    ]
    found = seen_changes(before, after, changes(12, 30))
    assert [(one.place, one.function, one.why) for one in found] == [
        ("app/data.py:12", "load", "on the stack in 29 samples, 3 before, calls sqlalchemy"),
        ("app/data.py:30", "", "on the stack in 45 samples, 40 before"),
    ]


def test_changed_function_that_recurses_counts_once() -> None:
    (one,) = seen_changes([], [stack(7, LOAD, LOAD, LOAD)], changes(12))
    assert one.why == "on the stack in 7 samples, 0 before"


def test_first_changed_line_stands_for_a_function_whose_changed_lines_have_no_sample() -> None:
    (one,) = seen_changes([], [stack(7, LOAD)], changes(15))
    assert (one.place, one.exact) == ("app/data.py:15", True)


def test_nothing_is_seen_of_code_that_does_not_run() -> None:
    assert seen_changes([], [stack(50, HANDLER)], changes(12)) == []
    assert seen_changes([], [stack(50, LOAD)], ChangedLines(None)) == []
