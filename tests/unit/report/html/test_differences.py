"""What the section on the causes of regressions shows."""

from __future__ import annotations

from typing import Any, cast

import pytest

from harness.diagnose.compare.comparison import recorded_pair
from harness.report.html.differences import difference_data, differences_section
from harness.runs.recording.profile import Stack, StackFrame
from harness.runs.recording.recording import Recording
from tests.unit.diagnose.spans import request, stack
from tests.unit.report.html.difference_cases import (
    EXPLAINED,
    JOIN,
    PAIR,
    UNKNOWN,
    diagnosis,
    hostile_page,
    page,
)
from tests.unit.report.html.why_cases import STATEMENT

HANDLER = "handler app/api.py:3"
Row = tuple[int, str, int, int]  # depth, name, samples, samples of the other version


def data(before: tuple[Stack, ...], now: tuple[Stack, ...]) -> dict[str, Any]:
    found = difference_data(recorded_pair(Recording(wall=before), Recording(wall=now)))
    assert found is not None
    return cast("dict[str, Any]", found)


def rows(found: dict[str, Any], view: int = 0) -> list[Row]:
    numbers = found["views"][view]["whole"]
    fives = zip(*(numbers[place::5] for place in range(5)), strict=True)
    return [(depth, found["frames"][at][0], count, other) for depth, at, count, _, other in fives]


def test_trees_have_the_samples_of_both_versions() -> None:
    found = data(
        (stack(40, HANDLER, "load app/d.py:1"), stack(60, HANDLER, "gone app/d.py:9")),
        (stack(70, HANDLER, "load app/d.py:2"), stack(30, HANDLER, "new app/d.py:20")),
    )
    assert [one["label"] for one in found["views"]] == [
        "Wall time of the candidate",
        "Wall time of the baseline",
    ]
    assert rows(found)[3:] == [(3, "handler", 100, 100), (4, "load", 70, 40), (4, "new", 30, 0)]
    assert rows(found, 1)[3:] == [(3, "handler", 100, 100), (4, "gone", 60, 0), (4, "load", 40, 70)]


def test_baseline_is_scaled_to_the_length_of_the_candidates_profile() -> None:
    idle = "select /usr/lib/python3.12/selectors.py:1"
    found = data((stack(10, HANDLER), stack(40, idle)), (stack(20, HANDLER), stack(80, idle)))
    assert rows(found)[-1] == (3, "handler", 20, 20)


def test_processes_of_both_versions_are_one() -> None:
    outer = StackFrame("process 99"), StackFrame("thread (99): MainThread")
    before = Stack((*outer, *stack(1, HANDLER).frames[2:]), 8)
    found = rows(data((before,), (stack(8, HANDLER),)))
    assert found == [
        (0, "all", 8, 8),
        (1, "process", 8, 8),
        (2, "thread MainThread", 8, 8),
        (3, "handler", 8, 8),
    ]


@pytest.mark.parametrize("before", [(), (stack(9, HANDLER),)])
def test_without_the_profile_of_both_there_is_no_graph(before: tuple[Stack, ...]) -> None:
    pair = recorded_pair(Recording(wall=before), Recording())
    assert difference_data(pair) is None
    assert 'id="flame-title"' not in page(EXPLAINED, pair=pair)


def test_statements_of_both_versions_are_compared() -> None:
    before = request("a", 0.1, [(JOIN, 0.02)]) + request("b", 0.1, [])
    now = request("c", 0.4, [(STATEMENT, 0.1)] * 3) + request("d", 0.4, [])
    pair = recorded_pair(Recording(tuple(before)), Recording(tuple(now)))
    new, gone = differences_section(diagnosis(EXPLAINED), pair).statements
    assert (new.text, new.before, new.now, new.mean_before) == (STATEMENT, 0, 3, None)
    assert [new.mean_now, new.added] == pytest.approx([0.1, 0.15])
    assert (gone.text, gone.now) == (JOIN, 0)
    assert gone.added == pytest.approx(-0.01)


def test_page_has_causes_changed_lines_and_notes() -> None:
    shown = page(EXPLAINED, notes=("candidate: no profile: not Python",))
    for text in (
        "render()",
        "app/pages.py:85",
        "changed in this branch",
        "app/orders.py:12",
        "on the stack in 30 samples",
        "40 and 41 requests with 200 and 900 spans",
        "candidate: no profile: not Python",
        '"differential":true',
    ):
        assert text in shown, text
    assert "No cause known: there is no profile." in page(UNKNOWN)


def test_budgets_with_the_same_explanation_share_it() -> None:
    one, two = (
        EXPLAINED,
        EXPLAINED.__class__(
            "other", *(EXPLAINED.about, EXPLAINED.causes, 0.1), changed=EXPLAINED.changed
        ),
    )
    section = differences_section(diagnosis(one, two), PAIR)
    assert [each.budgets for each in section.regressions] == [("api-latency-p95", "other")]


def test_hostile_texts_are_escaped() -> None:
    shown = hostile_page()
    assert "<script>alert(1)" not in shown
    assert "<img src=x" not in shown
