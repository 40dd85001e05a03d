"""From a service to a verdict: `harness init`, then `harness run` without an edit."""

import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.errors import EXIT_INCONCLUSIVE
from harness.units import Unit, parse
from tests.e2e.conftest import Project, Result
from tests.servers import PATIENCE
from tests.unit.project.test_docs import own_service_commands

SERVICE = Path(__file__).with_name("items_service.py")
COMMAND = (
    f"{sys.executable} -m uvicorn items_service:app --port {{port}} --no-access-log"
    " --timeout-keep-alive 75"
)
SHORT = ("--rate", "80/s", "--warm-up", "2s", "--duration", "10s")  # as many samples, sooner
SLOW = ("--rate", "20/s", "--warm-up", "1s", "--duration", "6s")  # few enough to be served
PROPOSED = {"api-latency-p95", "error-ratio", "list-items-p95", "server-latency"}
WIDEST = 2.5  # s; with a wider bound the slow list would keep all 40 threads of the service


@pytest.mark.alone
def test_init_writes_files_with_which_a_run_passes_and_finds_a_slow_list(project: Project) -> None:
    shutil.copy(SERVICE, project.path)
    _, init, *_ = own_service_commands()
    arguments = shlex.split(init.replace("uvicorn shop.main:app --port {port}", COMMAND))[3:]
    patience_ends = time.monotonic() + 2 * PATIENCE
    while True:
        result, document = initialised(project, *arguments, "--writes", "--trial", "5s")
        green = project.harness("run", *SHORT, "--out", "out")
        # What is measured, and so each bound, depends on how busy the machine was.
        narrow = set(document["budgets"]) >= PROPOSED and list_bound(document) <= WIDEST
        if (narrow and green.code != EXIT_INCONCLUSIVE) or time.monotonic() > patience_ends:
            break
        shutil.rmtree(project.path / "out")
    text = (project.path / "budgets.yaml").read_text()
    assert "Traceback" not in result.err
    assert "metrics recognised: opentelemetry" in result.out
    assert result.out.endswith("wrote budgets.yaml and scenarios/load.py\nnext: harness run\n")
    assert document["target"]["ready"] == "/health"
    assert set(document["budgets"]) >= PROPOSED
    assert len(re.findall(r"# measured", text)) == len(document["budgets"])

    lint = project.call("lint")
    assert lint.code == 0
    assert lint.out.endswith("errors: 0, warnings: 0\n"), lint.out

    assert green.code == 0, green.out + green.err
    assert set(project.outcomes().values()) == {"pass"}
    (project.path / "out").rename(project.path / "green")

    # So much beyond the bound that the pauses of a busy machine do not explain it.
    project.environment["DELAY"] = str(list_bound(document) + 1.5)
    red = project.judged("run", *SLOW)
    assert red.code == 3, red.out + red.err
    assert project.outcomes()["list-items-p95"] == "fail"
    assert project.outcomes()["error-ratio"] != "fail"

    again = project.call("init", "--command", COMMAND)
    assert again.code == 2
    assert "budgets.yaml exists already, and init overwrites nothing" in again.err
    assert (project.path / "budgets.yaml").read_text() == text


def list_bound(document: dict[str, Any]) -> float:
    """Seconds that the list may take."""
    return parse(document["budgets"]["list-items-p95"]["max"], Unit.SECONDS)


def initialised(project: Project, *arguments: str) -> tuple[Result, dict[str, Any]]:
    """What `init` says and the budgets.yaml that it writes, in place of an earlier one."""
    shutil.rmtree(project.path / "scenarios", ignore_errors=True)
    (project.path / "budgets.yaml").unlink(missing_ok=True)
    result = run(project, *arguments)
    assert result.code == 0, result.out + result.err
    return result, yaml.safe_load((project.path / "budgets.yaml").read_text())


def run(project: Project, *arguments: str) -> Result:
    """A command in a folder without a budgets.yaml, which `Project.start` would write."""
    ran = subprocess.run(
        [sys.executable, "-m", "harness", *arguments],
        cwd=project.path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    return Result(ran.returncode, ran.stdout, ran.stderr)


def test_init_reads_metrics_on_a_second_port_that_it_chooses(project: Project) -> None:
    shutil.copy(SERVICE.with_name("two_ports.py"), project.path)
    command = ("--command", f"{sys.executable} two_ports.py {{port}} {{port2}}", "--path", "/")
    metrics = "http://127.0.0.1:{port2}/metrics"
    arguments = ("init", *command, "--metrics", metrics, "--trial", "2s")
    patience_ends = time.monotonic() + PATIENCE
    result, document = initialised(project, *arguments)
    # A busy machine may be too late for the scrapes of so short a run.
    while "pool-utilization" not in document["budgets"] and time.monotonic() < patience_ends:
        result, document = initialised(project, *arguments)
    assert "measures 2 s at " in result.err
    assert document["target"]["metrics"] == metrics
    assert "pool-utilization" in document["budgets"]
