"""When both versions are recorded, and their load then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from harness.budgets.model import Load, Scenario
from harness.budgets.workload import OpenWorkload, Stage
from harness.experiments.diagnosis_pair import (
    before_recording,
    is_wanted,
    listen_for,
    recorded_load,
    recorded_turns,
)
from harness.experiments.pair import PairDesign
from harness.judge.compare.compare import compare
from harness.judge.compare.model import Rules
from harness.load.arrivals import arrivals
from harness.runner.options import DiagnosisOptions
from tests.unit.report.compare.cases import BUDGETS, noisy, pairs, values

SCENARIO = Scenario(
    "smoke",
    (Load(Path("l.py"), OpenWorkload((Stage(30.0, 25.0),), seed=4)),),
    warm_up=5.0,
    duration=20.0,
    trace_ratio=0.05,
)
DESIGN = PairDesign(SCENARIO, slices=3, seed=1)
FAILED = compare(BUDGETS, pairs(values(noisy(1.15)[:4])), Rules())
UNDECIDED = compare(BUDGETS, pairs(values(noisy(1.0)[:1])), Rules())


@pytest.mark.parametrize(
    ("when", "failed", "undecided"),
    [("breach", True, False), ("always", True, True), ("never", False, False)],
)
def test_versions_are_recorded_after(
    when: Literal["breach", "always", "never"], failed: bool, undecided: bool
) -> None:
    options = DiagnosisOptions(when)
    assert (is_wanted(FAILED, options), is_wanted(UNDECIDED, options)) == (failed, undecided)


def test_both_versions_get_the_same_requests_in_turns_of_their_own() -> None:
    turns = recorded_turns(DESIGN, 15.0)
    baseline, candidate = (recorded_load(DESIGN, turns, which) for which in (0, 1))
    assert turns.loaded == 30.0
    assert (baseline.warm_up, baseline.trace_ratio) == (0.0, 1.0)
    assert baseline.duration == candidate.duration == turns.lead + turns.window
    times = [list(arrivals(one.loads[0].workload)) for one in (baseline, candidate)]  # type: ignore[arg-type]
    assert len(times[0]) == len(times[1]) > 300
    seconds = [{int(at) for at in of_version} for of_version in times]
    assert len(seconds[0] & seconds[1]) < len(seconds[0])
    workloads = [one.loads[0].workload for one in (baseline, candidate)]
    assert all(one.seconds == pytest.approx(baseline.duration) for one in workloads)  # type: ignore[union-attr]


def test_load_before_the_recording_asks_for_no_trace_and_has_other_arrivals() -> None:
    before = before_recording(DESIGN)
    assert (before.warm_up, before.duration, before.trace_ratio) == (5.0, 1.0, 0.0)
    recorded = recorded_load(DESIGN, recorded_turns(DESIGN, 5.0), 0)
    seeds = [one.loads[0].workload.seed for one in (before, recorded)]
    timed = DESIGN.scenario_of(1, 0).loads[0].workload.seed
    assert len({*seeds, timed}) == 3


def test_recording_follows_from_the_seed_of_the_comparison() -> None:
    same, other = replace(DESIGN), replace(DESIGN, seed=2)
    found = [recorded_turns(one, 15.0).first for one in (DESIGN, same, other)]
    assert found[0] == found[1] != found[2]


def test_traces_of_the_candidate_are_received_at_the_next_port() -> None:
    assert [listen_for(("0.0.0.0", 4318), which) for which in (0, 1)] == [
        ("0.0.0.0", 4318),
        ("0.0.0.0", 4319),
    ]
    assert listen_for(None, 1) is None
