"""`harness compare` as its users run it: two versions of a real service, loaded in turn."""

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.commands.parts.verdict import REPORT_FILES
from harness.experiments.compare import CPUS_TO_SPARE
from harness.observe.host import usable_cpus
from tests.e2e.conftest import SERVICE, WORK, Project
from tests.recorded import read_counts
from tests.servers import free_port

# All routes are requested before the window: a counter that appears within it is less certain.
SHORT = ("--slices", "1", "--warm-up", "1s", "--rate", "40/s", "--max-pairs", "24")
SIDES = ("baseline", "candidate")
LOST_SCRAPES = "(edge-scrapes|scrape-coverage|series-complete)"  # guards that say so
# No time that a busy machine adds to an answer hides the difference.
AGAINST_LAST_COMMIT = ("--baseline", "HEAD", "--candidate-environment", "DELAY=0.4")


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where worktrees go."""
    place = tmp_path_factory.mktemp("beside") / "worktrees"
    place.mkdir()
    return place


@pytest.fixture
def versioned(project: Project, place: Path) -> Project:
    """A project in a git repository, whose service takes 20 ms.

    Medians are compared: the tail of so few requests is what a busy machine makes it.
    """
    shutil.copy(SERVICE, project.path / "service.py")
    project.document["target"] |= {
        "setup": "true",
        "command": f"{sys.executable} service.py {{port}}",
        "environment": {"DELAY": "0.02"},
    }
    project.document["budgets"] = {
        "latency": {
            "indicator": {"kind": "latency", "quantile": 0.5},
            "max": "5s",
            "max_regression": "20%",
        },
        "answers": {
            "description": "Work, which is free of noise",
            "indicator": WORK,
            "max": 3,
            "max_regression": "10%",
        },
        "errors": {"indicator": {"kind": "error_ratio"}, "max": "1%"},
    }
    project.write()
    (project.path / ".gitignore").write_text("__pycache__/\n")
    project.environment |= {"TMPDIR": str(place), "GIT_CONFIG_GLOBAL": os.devnull}
    for variable in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME"):
        project.environment[variable] = "x"
    project.environment["GIT_COMMITTER_EMAIL"] = "x"
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "one"]):
        git(project, *command)
    return project


def git(project: Project, *arguments: str) -> str:
    environment = os.environ | project.environment
    command = ["git", *arguments]
    result = subprocess.run(
        command, cwd=project.path, env=environment, capture_output=True, text=True, check=True
    )
    return result.stdout


def comparison(project: Project) -> dict[str, Any]:
    return json.loads((project.path / "out/compare.json").read_text())  # type: ignore[no-any-return]


def ratios_behind(budget: dict[str, Any], outcome: str) -> list[float]:
    """Check the outcome of a budget, unless another one had failed before it was decided.

    Nor is it decided where a busy machine lost the scrapes of too many pairs.

    Returns:
        The log ratios of the pairs that count.
    """
    lost = f"pairs were left out: {LOST_SCRAPES} tripped"
    ended = "the comparison ended after .* had failed"
    if budget["outcome"] == "inconclusive":
        assert re.search(f"{lost}|{ended}", budget["reason"]), budget
    else:
        assert budget["outcome"] == outcome, budget
    return [ratio for ratio in budget["log_ratios"] if ratio is not None]


def assert_nothing_left(project: Project, place: Path) -> None:
    assert git(project, "worktree", "list", "--porcelain").count("worktree ") == 1
    assert list(place.iterdir()) == []
    assert git(project, "status", "--porcelain") == ""
    for process in psutil.process_iter():
        try:
            assert not process.cwd().startswith(str(place)), process.cmdline()
        except psutil.Error:
            continue


def test_compare_slower_candidate_fails_and_equal_work_does_not(
    versioned: Project, place: Path
) -> None:
    summary = place.parent / "step.md"
    versioned.environment["GITHUB_STEP_SUMMARY"] = str(summary)
    copies = [f"--{kind}={place.parent / kind}" for kind in ("json", "junit-xml", "markdown")]
    result = versioned.harness(
        "compare", *AGAINST_LAST_COMMIT, *SHORT, "--out", "out", *copies, timeout=570
    )
    assert result.code == 3, result.out + result.err
    assert "\x1b" not in result.out + result.err
    found = comparison(versioned)
    assert (found["outcome"], found["exit_code"], found["done"]) == ("fail", 3, True)
    assert found["seconds"] == pytest.approx(3.0 * found["pairs"])
    told = [line for line in result.err.splitlines() if line.startswith("pair ")]
    assert len(told) == found["pairs"]
    assert "unchanged" in found["comparison"]["candidate"]
    budgets = {budget["name"]: budget for budget in found["budgets"]}
    assert set(budgets) == {"latency", "answers"}
    assert budgets["latency"]["outcome"] == "fail"
    assert budgets["latency"]["estimate"] > 0.2
    assert all(abs(one) < 0.02 for one in ratios_behind(budgets["answers"], "pass"))
    for number in range(1, found["pairs"] + 1):
        assert_loaded_alike(versioned, f"out/pair-{number:02d}")
    assert json.loads((place.parent / "json").read_text()) == found
    assert (place.parent / "markdown").read_text() == summary.read_text()
    failures = ET.parse(place.parent / "junit-xml").getroot().iter("failure")
    assert len(list(failures)) == 1
    again = versioned.call("check", "out/pair-01/candidate")
    assert "Traceback" not in again.err
    assert "latency" in again.out
    assert_nothing_left(versioned, place)


@pytest.mark.untraced
def test_compare_with_a_control_that_moves_is_inconclusive(versioned: Project) -> None:
    """All of the service is slower, so the endpoint that cannot change is slower, too."""
    versioned.document["compare"] = {"control": "GET /items"}
    versioned.write()
    environment = ("--candidate-environment", "DELAY=0.4")
    result = versioned.harness("compare", *environment, *SHORT, "--out", "out", timeout=570)
    assert result.code == 4, result.out + result.err
    found = comparison(versioned)
    (control,) = found["controls"]
    assert (control["name"], control["outcome"]) == ("GET /items", "moved")
    assert control["estimate"] > 0.5
    assert {budget["outcome"] for budget in found["budgets"]} == {"inconclusive"}
    (latency,) = (budget for budget in found["budgets"] if budget["name"] == "latency")
    told = "without the control: fail, p50 latency of all requests"
    # On a busy machine the control may move a pair before it is certain that all requests do.
    certain = latency["lower"] is not None and latency["lower"] > 0
    assert (told in result.out.replace("\n    ", " ")) == certain


def assert_loaded_alike(project: Project, pair: str) -> None:
    """Both sides began at one moment, and were asked the same number of times."""
    baseline, candidate = (project.manifest(f"{pair}/{s}") for s in ("baseline", "candidate"))
    assert baseline["status"] == candidate["status"] == "complete"
    assert baseline["requests"]["asked"] == candidate["requests"]["asked"] > 0
    # The same moment of the monotonic clock, as the wall clock has it at two readings.
    assert baseline["clock"]["started"] == pytest.approx(candidate["clock"]["started"], abs=0.1)
    for side in ("baseline", "candidate"):  # the reports tell of all pairs together
        assert not {*REPORT_FILES} & {file.name for file in (project.path / pair / side).iterdir()}


@pytest.mark.slow
def test_compare_simultaneous_loads_both_versions_in_the_same_slices(project: Project) -> None:
    project.document["budgets"] = {
        "answers": {"indicator": WORK, "max": 3, "max_regression": "10%"}
    }
    environment = [f"--{side}-environment=DELAY=0.0{n}" for n, side in enumerate(SIDES, start=1)]
    result = project.judged("compare", "--simultaneous", *environment, *SHORT, timeout=400)
    shared = f"share {usable_cpus():g} CPUs" in result.err
    assert shared == (usable_cpus() < CPUS_TO_SPARE)
    found = comparison(project)
    (answers,) = found["budgets"]
    known = ratios_behind(answers, "pass")
    assert known
    assert all(abs(one) < 0.02 for one in known)
    assert result.code == (0 if answers["outcome"] == "pass" else 4), result.out + result.err
    assert found["pairs"] >= 4  # more where an edge of a slice cut one count
    assert found["seconds"] == pytest.approx(2.0 * found["pairs"])
    windows = []
    for side in SIDES:
        manifest = project.manifest(f"out/pair-01/{side}")
        assert manifest["requests"]["recorded"] == manifest["requests"]["asked"] > 0
        clock = manifest["clock"]
        windows.append((clock["window_start"], clock["window_end"]))
    assert windows[0] == pytest.approx(windows[1], abs=0.01)
    assert windows[0][1] - windows[0][0] == pytest.approx(1.25, abs=0.01)


@contextmanager
def running(delay: str) -> Iterator[str]:
    """The URL of a service that already runs, whose answers take so many seconds."""
    port = free_port()
    command = [sys.executable, str(SERVICE), str(port)]
    environment = os.environ | {"DELAY": delay}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(b"listening")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


@pytest.mark.untraced
def test_compare_of_running_services_reads_the_metrics_of_each(project: Project) -> None:
    histogram = "http_server_request_duration_seconds"
    project.document["target"] |= {"command": "false {port}", "metrics": "/none"}
    project.document["budgets"] = {
        "mean": {
            "indicator": {"kind": "mean", "metric": histogram},
            "max": "5s",
            "max_regression": "50%",
        },
        "slow": {
            "indicator": {"kind": "quantile", "metric": histogram, "quantile": 0.95},
            "max": "200ms",
            "max_regression": "50%",
        },
    }
    with running("0.005") as baseline, running("0.3") as candidate:
        urls = (f"--baseline-url={baseline}", f"--candidate-url={candidate}")
        first = f"--baseline-metrics={baseline}/metrics"
        same = f"--candidate-metrics={baseline.replace('127.0.0.1', 'localhost')}/metrics"
        refused = project.harness("compare", *urls, first, same, *SHORT, "--out", "out")
        assert refused.code == 2, refused.out + refused.err
        assert f"both versions would be scraped at {baseline}/metrics" in refused.err
        assert not (project.path / "out").exists()
        own = f"--candidate-metrics={candidate}/metrics"
        result = project.judged("compare", *urls, first, own, *SHORT, timeout=400)
    found = {budget["name"]: budget for budget in comparison(project)["budgets"]}
    assert found.keys() == {"mean", "slow"}
    for budget in found.values():
        assert max(ratios_behind(budget, "fail")) > math.log(1.5)
    failed = "fail" in {budget["outcome"] for budget in found.values()}
    assert result.code == (3 if failed else 4), result.out + result.err
    assert found["mean"]["candidate"] > 0.3
    assert found["slow"]["candidate"] == 1
    share = found["slow"]["share_over"]
    assert (share["bound"], share["unit"]) == (0.2, "s")
    if found["slow"]["outcome"] == "fail":
        assert share["lower"] > 0
        assert f"100% of {histogram} took more than 200 ms, " in found["slow"]["reason"]


def test_compare_interrupted_leaves_nothing_but_its_report(versioned: Project, place: Path) -> None:
    arguments = (*AGAINST_LAST_COMMIT, "--slices", "30", *SHORT[2:], "--out", "out")
    with versioned.start("compare", *arguments) as process:
        wait_for_requests(process, versioned.path / "out/pair-01/candidate/latency.hlog")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130, out + err
    assert "Traceback" not in err
    found = comparison(versioned)
    assert (found["exit_code"], found["pairs"], found["done"]) == (130, 0, False)
    for side in ("baseline", "candidate"):
        assert versioned.manifest(f"out/pair-01/{side}")["status"] == "interrupted"
    assert_nothing_left(versioned, place)


def wait_for_requests(process: "subprocess.Popen[str]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while not (log.exists() and log.stat().st_size and any(read_counts(log).values())):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_compare_candidate_that_cannot_start_is_named_with_its_log(project: Project) -> None:
    crash = f"{sys.executable} -c 'raise SystemExit(\"no such thing\")' {{port}}"
    arguments = ("compare", "--candidate-command", crash, *SHORT, "--out", "out")
    project.document["budgets"]["latency"]["max_regression"] = "20%"
    result = project.harness(*arguments)
    assert result.code == 4, result.out + result.err
    assert "error: the candidate, " in result.err
    assert "no such thing" in result.err
    assert "baseline, " not in result.err
