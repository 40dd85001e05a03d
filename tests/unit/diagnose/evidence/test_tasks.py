"""Background tasks by the service's own histogram, where no span of theirs has ended."""

from __future__ import annotations

import pytest

from harness.budgets.model import Mean, Selector
from harness.diagnose.evidence.tasks import task_times
from harness.diagnose.model import Cause
from harness.diagnose.signs import Proportions, proportions
from harness.diagnose.traces import Trace, traces_of
from harness.runs.model import Series
from harness.runs.recording.profile import Stack
from tests.unit.diagnose.spans import request, span, stack
from tests.unit.diagnose.test_functions import SELECT
from tests.unit.judge.evidence import APP, OTHER, SECONDS, budget, counter, evidence

TASKS = "background_task_duration_seconds"
BUDGET = budget(Mean(Selector(TASKS)), 5.0)
IDLE = [stack(1000, *SELECT)]
# 100 tasks of 6 s and 100 of 0.1 s.
LONG = {"mail": (600.0, 100.0), "note": (10.0, 100.0)}
USUAL = Proportions({}, 0.01, 1.0)


def tasks(found: dict[str, tuple[float, float]], instance: str = APP) -> list[Series]:
    return [
        counter(f"{TASKS}_{part}", value, {"task": name, "outcome": "success"}, instance)
        for name, pair in found.items()
        for part, value in zip(("sum", "count"), pair, strict=True)
    ]


def causes(
    found: dict[str, tuple[float, float]],
    wall: list[Stack] = IDLE,
    usual: Proportions = USUAL,
    traces: list[Trace] | None = None,
) -> list[Cause]:
    run = evidence(*tasks(found))
    return list(task_times(BUDGET, run, traces or [], wall, usual).causes)


def test_a_task_that_waits() -> None:
    mail, note = causes(LONG)
    assert (mail.kind, mail.what, mail.evidence) == (
        "span",
        "task mail",
        "100 tasks of 6 s on average",
    )
    assert mail.share == mail.lower == pytest.approx(600 / 610)
    at_once = 610 / SECONDS
    assert mail.sign == f"it waits: {at_once:.2g} tasks at any time, while 0 threads run"
    assert (note.what, note.sign) == ("task note", "")


@pytest.mark.parametrize(
    ("found", "running", "typical"),
    [
        pytest.param({"mail": (99.0, 100.0)}, 0, 0.01, id="not long by the typical operation"),
        pytest.param(LONG, 900, 0.0, id="no operation is typical"),
        pytest.param({"mail": (40.0, 40.0)}, 900, 0.01, id="its time may be that of a thread"),
    ],
)
def test_a_task_without_a_sign(
    found: dict[str, tuple[float, float]], running: int, typical: float
) -> None:
    wall = [stack(1000 - running, *SELECT), stack(running, "work /srv/app/work.py:3")]
    (first, *_) = causes(found, wall, Proportions({}, typical, 1.0))
    assert (first.what, first.sign) == ("task mail", "")


def test_spans_with_a_sign_come_first() -> None:
    spans = []
    for number in range(6):
        made = request(f"t{number}", 0.01, [("A", 0.004), ("B", 0.004)], start=100.0 + number)
        sent = made[0].end
        spans += [*made, span("send", f"t{number}", sent, sent + 9, parent=made[0].span_id)]
    traces = traces_of(spans)
    usual = proportions(traces, IDLE, [])
    (first, *_) = causes(LONG, usual=usual, traces=traces)
    assert (first.what, first.share) == ("send", 1.0)


def test_what_is_missing() -> None:
    none = "the service sent no traces"
    assert task_times(BUDGET, evidence(), [], IDLE, USUAL).missing == none
    few = evidence(*tasks({"mail": (20.0, 4.0)}))
    assert task_times(BUDGET, few, [], IDLE, USUAL).missing == none


def test_instances_add_up() -> None:
    run = evidence(*tasks({"mail": (300.0, 50.0)}), *tasks({"mail": (100.0, 30.0)}, OTHER))
    (cause,) = task_times(BUDGET, run, [], IDLE, USUAL).causes
    assert (cause.what, cause.evidence) == ("task mail", "80 tasks of 5 s on average")
