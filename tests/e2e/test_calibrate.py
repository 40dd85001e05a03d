"""`harness calibrate` as its users run it, and what `lint` and `compare` make of what it found."""

import json
import re
import sys
from typing import Any

import numpy as np
import pytest

from harness.observe.host import host_facts
from harness.runs.calibration import Calibration
from tests.e2e.conftest import WORK, Project
from tests.e2e.test_compare import LOST_SCRAPES, wait_for_requests

SHORT = ("--slices", "1", "--warm-up", "500ms", "--rate", "20/s")


def stored(project: Project) -> dict[str, Any]:
    whole = json.loads((project.path / ".harness/calibration.json").read_text())
    return whole["scenarios"]["quick"]  # type: ignore[no-any-return]


def values_of(project: Project, folder: str, budget: str) -> float:
    """A budget's value by `harness check`, which has nothing to do with calibration."""
    project.call("check", folder, "--json", "checked.json")
    found = json.loads((project.path / "checked.json").read_text())
    return next(b["value"] for b in found["budgets"] if b["name"] == budget)  # type: ignore[no-any-return]


def test_calibrate_stores_the_noise_of_its_pairs_and_runs(project: Project) -> None:
    latency = {"kind": "latency", "quantile": 0.5}
    project.document["budgets"] = {
        "latency": {"indicator": latency, "max": "5s", "max_regression": "0.01%"},
        "answers": {"indicator": WORK, "max": 3, "max_regression": "10%"},
    }
    project.document["scenarios"]["quick"]["duration"] = "1s"
    result = project.harness(
        *("calibrate", "--pairs", "4", "--runs", "4", *SHORT, "--out", "out"), timeout=570
    )
    assert result.code == 0, result.out + result.err
    assert "noise of 4 pairs and 4 runs" in result.out
    assert "latency: max_regression 0.01% is below the minimum" in result.out
    found = stored(project)
    load = {"rate": 20.0, "warm_up": 0.5, "slices": 1, "simultaneous": False}
    assert found["load"] == load
    assert found["pair_seconds"] == 2.5
    for name in ("latency", "answers"):
        for key, what in (("log_ratios", "pairs"), ("log_values", "runs")):
            # A busy machine loses scrapes, and nothing that the load generator measures.
            lost = bool(re.search(f"{name}: {what} left out: {LOST_SCRAPES} tripped", result.out))
            assert (len(found["budgets"][name][key]) < 4) == lost, result.out
    answers = found["budgets"]["answers"]
    count = len(answers["log_ratios"])
    assert answers["log_ratios"] == pytest.approx([0.0] * count, abs=0.02)
    assert answers["deviation"] == (pytest.approx(0.0, abs=0.02) if count == 4 else None)
    first = [
        values_of(project, f"out/pair-01/{side}", "latency") for side in ("baseline", "candidate")
    ]
    ratio = float(np.log(first[1] / first[0]))
    assert found["budgets"]["latency"]["log_ratios"][0] == pytest.approx(ratio, abs=1e-6)
    values = [np.log(values_of(project, f"out/run-{n:02d}", "latency")) for n in range(1, 5)]
    assert found["budgets"]["latency"]["log_values"] == pytest.approx(values, abs=1e-6)
    spread = float(np.std(values, ddof=1))
    noises = Calibration.load(project.path / "budgets.yaml", host_facts()).noises_of("quick")
    assert noises["latency"] == pytest.approx(spread, abs=1e-6)
    assert_used(project, 12 if count == 4 else 32)  # no number of pairs will do for the latency


def assert_used(project: Project, most_pairs: int) -> None:
    known = Calibration.load(project.path / "budgets.yaml", host_facts()).noises_of("quick")
    assert project.harness("run", "--out", "run").code in {0, 4}
    assert project.manifest("run")["noise"] == known
    linted = project.call("lint")
    assert linted.code == 0, linted.err
    assert "max_regression 0.01% is below the minimum detectable regression" in linted.out
    # It says what it knows, and then why it cannot start.
    crash = ("--candidate-command", f"{sys.executable} -c 'raise SystemExit(1)' {{port}}")
    errors = project.call("compare", *crash, *SHORT, "--out", "compared").err
    assert "note: latency: max_regression 0.01% is below the minimum detectable" in errors
    assert f"at least 4 and at most {most_pairs}" in errors
    other = project.call("compare", *crash, *SHORT, "--slices", "2", "--out", "other").err
    assert "note: scenario quick was calibrated under another load" in other
    assert "at most 32" in other


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (("--slices", "30"), "pair-01/candidate"),
        pytest.param(("--pairs", "0"), "run-01", marks=pytest.mark.slow),
    ],
    ids=["in a pair", "in a run"],
)
def test_calibrate_interrupted_early_stores_nothing(
    project: Project, arguments: tuple[str, ...], place: str
) -> None:
    project.document["scenarios"]["quick"]["duration"] = "60s"
    arguments = ("calibrate", *SHORT, *arguments, "--out", "out")
    with project.start(*arguments) as process:
        wait_for_requests(process, project.path / "out" / place / "latency.hlog")
        process.terminate()
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130, out + err
    assert "Traceback" not in err
    assert not (project.path / ".harness").exists()


def test_calibrate_service_that_cannot_start_is_an_error_and_nothing_is_stored(
    project: Project,
) -> None:
    project.document["target"]["command"] = f"{sys.executable} -c 'raise SystemExit(1)' {{port}}"
    result = project.harness("calibrate", *SHORT, "--out", "out")
    assert result.code == 4, result.out + result.err
    assert "could not be loaded" in result.err
    assert not (project.path / ".harness").exists()
