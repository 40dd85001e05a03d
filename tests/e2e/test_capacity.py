"""`harness capacity` as its users run it.

Failed requests decide: the service answers so many in a run and refuses those after them, however
late a busy machine sends and answers. Their share in the run decides, since they come last.
"""

import json
import re
from collections import Counter

import pytest

from tests.e2e.conftest import Project

COUNTED = {  # a load of as many requests in each step at a rate
    "locustfile": "locustfile.py",
    "workload": {"rate": "40/s", "arrivals": "even"},
    "warm_up": "1s",
    "duration": "3s",
    "max_duration": "3s",
}


def test_capacity_of_a_service_with_a_limit_is_found_and_bounded(project: Project) -> None:
    project.environment["LIMIT"] = "220"  # of 160 requests at 40/s, and 320 at 80/s
    project.document["budgets"] = {
        "errors": {"indicator": {"kind": "error_ratio"}, "max": "10%", "decide": "value"},
        "answers": {"indicator": {"kind": "throughput"}, "min": "100/s"},
    }
    project.document["scenarios"]["quick"] = {
        **COUNTED,
        "capacity": {"min": "90/s"},
    }
    result = project.harness("capacity", "--within", "100%", "--out", "out", timeout=570)
    assert result.code == 3, result.out + result.err
    assert "note: left out: answers: a low rate has a low throughput" in result.err
    assert re.search(r"step \d: 40/s holds", result.err)
    assert "the budgets break at 80/s, and the min is 90/s" in result.out
    found = json.loads((project.path / "out" / "capacity.json").read_text())
    steps = found["searches"][0]["steps"]
    # A step of which a guard took the verdict away says nothing, and is done again.
    assert Counter((one["rate"], one["result"]) for one in steps if not one["guard"]) == {
        (40, "holds"): 2,
        (80, "breaks"): 2,
    }
    assert (found["lower"], found["upper"], found["end"]) == (40, 80, "found")
    assert [one["budget"]["name"] for one in found["gave_way"]] == ["errors"]
    assert "cpu" in {used["name"] for one in steps for used in one["usage"]}
    outcomes = {"holds": "pass", "breaks": "fail"}
    for step in steps:
        outcome = project.results(f"out/{step['folder']}")["outcome"]
        assert outcome == outcomes.get(step["result"], "inconclusive")
    assert (project.path / "out" / "report.html").stat().st_size > 100_000
    assert 'tests="1" failures="1"' in (project.path / "out" / "junit.xml").read_text()


def test_capacity_refuses_what_cannot_be_searched(project: Project) -> None:
    bad = project.call("capacity", "--from", "90/s", "--to", "80/s")
    assert (bad.code, "--from 90/s is above --to 80/s" in bad.err) == (2, True), bad.err
    alone = project.call("capacity", "--baseline", "runs/main")
    assert (alone.code, "--baseline and --max-regression belong together" in alone.err) == (2, True)
    missing = project.call("capacity", "--baseline", "runs/main", "--max-regression", "10%")
    assert (missing.code, "capacity.json" in missing.err) == (2, True), missing.err
    project.document["budgets"] = {"n": {"indicator": {"kind": "throughput"}, "min": "1/s"}}
    (project.path / "budgets.yaml").unlink()
    none = project.call("capacity")
    assert (none.code, "has no budget that a rate can break" in none.err) == (2, True), none.err
    assert not (project.path / "runs").exists()


@pytest.mark.slow
def test_version_with_a_lower_limit_has_a_lower_capacity(project: Project) -> None:
    errors = {"indicator": {"kind": "error_ratio"}, "max": "20%", "decide": "value"}
    project.document["budgets"] = {"errors": errors}
    project.document["scenarios"]["quick"] = {
        **COUNTED,
        "capacity": {"max_regression": "10%", "to": "40/s"},
    }
    limit = "LIMIT=50"  # of 40 requests at 10/s, and 80 at 20/s
    result = project.harness(
        *("compare", "--capacity", "--candidate-environment", limit, "--within", "100%"),
        *("--out", "out"),
        timeout=570,
    )
    assert result.code == 3, result.out + result.err
    assert re.search(r"baseline, step \d: 40/s holds", result.err)
    assert re.search(r"candidate, step \d: 40/s breaks: errors", result.err)
    found = json.loads((project.path / "out" / "capacity-compare.json").read_text())
    assert (found["outcome"], found["max_regression"]) == ("fail", 0.1)
    assert found["baseline"] == {"lower": 40, "upper": None}
    assert found["candidate"]["upper"] <= 20
    assert found["upper"] <= -0.5
    for side in ("baseline", "candidate"):
        capacity = json.loads((project.path / "out" / side / "capacity.json").read_text())
        assert capacity["lower"] == found[side]["lower"]
        for pair in found["pairs"]:
            for step in pair[side]["steps"]:
                assert (project.path / "out" / side / step["folder"] / "run.json").exists()
