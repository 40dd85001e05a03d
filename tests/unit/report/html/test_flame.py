"""The trees of a flame graph."""

from typing import Any, cast

import pytest

from harness.report.html.flame import MOST_CHARACTERS, MOST_DEPTH, flame_data
from harness.runs.recording.profile import Stack, StackFrame
from harness.runs.recording.recording import Recording
from tests.unit.diagnose.spans import stack
from tests.unit.diagnose.test_functions import LIB, SELECT

HANDLER, QUERY = "handler /srv/app/api.py:3", "query /srv/app/data.py:8"
Row = tuple[int, str, str, int, int]  # depth, name, kind, samples, line


def data(*stacks: Stack, cpu: tuple[Stack, ...] = ()) -> dict[str, Any]:
    found = flame_data(Recording(wall=stacks, cpu=cpu))
    assert found is not None
    return cast("dict[str, Any]", found)


def rows(found: dict[str, Any], view: int = 0, tree: str = "whole") -> list[Row]:
    numbers = found["views"][view][tree]
    fours = zip(*(numbers[place::4] for place in range(4)), strict=True)
    frames = found["frames"]
    return [(depth, frames[at][0], frames[at][2], count, line) for depth, at, count, line in fours]


OUTER = [("process 7", "outer"), ("thread MainThread", "outer")]


def below_thread(found: list[Row]) -> list[Row]:
    assert [(name, kind) for _, name, kind, _, _ in found[1:3]] == OUTER
    return found[3:]


def test_functions_are_merged_and_have_their_most_frequent_line() -> None:
    found = data(
        stack(5, HANDLER, QUERY), stack(2, HANDLER), stack(4, "handler /srv/app/api.py:9", QUERY)
    )
    assert rows(found)[0] == (0, "all", "outer", 11, 0)
    assert below_thread(rows(found)) == [
        (3, "handler", "own", 11, 3),
        (4, "query", "own", 9, 8),
    ]


def test_function_with_more_samples_comes_first() -> None:
    found = data(stack(2, HANDLER, "a /srv/a.py:1"), stack(9, HANDLER, "b /srv/a.py:1"))
    assert [row[1] for row in below_thread(rows(found))] == ["handler", "b", "a"]


def test_packages_that_call_each_other_are_one_function_of_the_short_tree() -> None:
    call = (f"run {LIB}/uvicorn/server.py:1", f"call {LIB}/starlette/app.py:2")
    found = data(stack(4, *call, HANDLER, f"dumps {LIB}/orjson/x.py:3"))
    assert below_thread(rows(found, tree="short")) == [
        (3, "uvicorn ... starlette", "package", 4, 0),
        (4, "handler", "own", 4, 3),
        (5, "orjson", "package", 4, 0),
    ]
    assert [row[1] for row in below_thread(rows(found))] == ["run", "call", "handler", "dumps"]


def test_threads_that_wait_are_a_view_of_their_own() -> None:
    found = data(stack(5, HANDLER), stack(90, *SELECT), cpu=(stack(7, HANDLER),))
    labels = [one["label"] for one in found["views"]]
    assert labels == ["Wall time", "CPU time", "Wall time, waiting threads too"]
    assert [rows(found, view)[0][3] for view in range(3)] == [5, 7, 95]


@pytest.mark.parametrize(
    ("wall", "cpu", "labels"),
    [
        ((stack(5, HANDLER),), (), ["Wall time"]),
        ((), (stack(5, HANDLER),), ["CPU time"]),
        ((stack(5, *SELECT),), (), ["Wall time, waiting threads too"]),
    ],
)
def test_views_of_a_profile(
    wall: tuple[Stack, ...], cpu: tuple[Stack, ...], labels: list[str]
) -> None:
    assert [one["label"] for one in data(*wall, cpu=cpu)["views"]] == labels


def test_no_profile() -> None:
    assert flame_data(Recording()) is None


def test_threads_with_the_same_work_are_one() -> None:
    threads = [stack(3, HANDLER, thread=f"Thread-{number} (work)") for number in (3, 17)]
    assert rows(data(*threads))[2:] == [
        (2, "thread Thread-N (work)", "outer", 6, 0),
        (3, "handler", "own", 6, 3),
    ]


def test_functions_below_a_thousandth_are_one() -> None:
    small = [stack(1, HANDLER, f"f{number} /srv/a.py:1") for number in range(50)]
    found = below_thread(rows(data(stack(9_950, HANDLER, QUERY), *small)))
    assert found == [
        (3, "handler", "own", 10_000, 3),
        (4, "query", "own", 9_950, 8),
        (4, "functions with few samples", "small", 50, 0),
    ]


def test_tree_of_any_profile_is_small() -> None:
    stacks = [
        stack(1, HANDLER, *(f"f{a}_{b}{'x' * 500} /srv/{a}{'y' * 500}.py:{b}" for b in range(20)))
        for a in range(500)
    ]
    found = data(*stacks)
    names = sum(len(one[0]) + len(one[1]) for one in found["frames"])
    assert names < 2 * MOST_CHARACTERS
    assert rows(found)[0][3] == 500


def test_deep_recursion_is_cut() -> None:
    found = data(Stack((StackFrame("down", "/srv/a.py", 3),) * 5000, 2))
    assert rows(found)[-1] == (MOST_DEPTH, "down", "own", 2, 3)
