"""From a service to a verdict: `harness init`, then `harness run` without an edit."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.units import Unit, parse
from tests.e2e.conftest import Project, Result
from tests.unit.project.test_docs import own_service_commands

SERVICE = Path(__file__).with_name("items_service.py")
COMMAND = (
    f"{sys.executable} -m uvicorn items_service:app --port {{port}} --no-access-log"
    " --timeout-keep-alive 75"
)
SHORT = ("--rate", "80/s", "--warm-up", "2s", "--duration", "10s")  # as many samples, sooner
SLOW = ("--rate", "20/s", "--warm-up", "1s", "--duration", "6s")  # few enough to be served


@pytest.mark.alone
def test_init_writes_files_with_which_a_run_passes_and_finds_a_slow_list(project: Project) -> None:
    shutil.copy(SERVICE, project.path)
    _, init, *_ = own_service_commands()
    arguments = shlex.split(init.replace("uvicorn shop.main:app --port {port}", COMMAND))[3:]
    result = run(project, *arguments, "--writes", "--trial", "5s")
    assert result.code == 0, result.out + result.err
    assert "Traceback" not in result.err
    assert "metrics recognised: opentelemetry" in result.out
    assert result.out.endswith("wrote budgets.yaml and scenarios/load.py\nnext: harness run\n")
    text = (project.path / "budgets.yaml").read_text()
    document = yaml.safe_load(text)
    assert document["target"]["ready"] == "/health"
    assert {"api-latency-p95", "error-ratio", "list-items-p95", "server-latency"} <= set(
        document["budgets"]
    )
    assert len(re.findall(r"# measured", text)) == len(document["budgets"])

    lint = project.call("lint")
    assert lint.code == 0
    assert lint.out.endswith("errors: 0, warnings: 0\n"), lint.out

    green = project.judged("run", *SHORT)
    assert green.code == 0, green.out + green.err
    assert set(project.outcomes().values()) == {"pass"}
    (project.path / "out").rename(project.path / "green")

    # What is measured, and so the bound, depends on how busy the machine was.
    bound = parse(document["budgets"]["list-items-p95"]["max"], Unit.SECONDS)
    project.environment["DELAY"] = str(2 * bound)
    red = project.judged("run", *SLOW)
    assert red.code == 3, red.out + red.err
    assert project.outcomes()["list-items-p95"] == "fail"
    assert project.outcomes()["error-ratio"] != "fail"

    again = project.call("init", "--command", COMMAND)
    assert again.code == 2
    assert "budgets.yaml exists already, and init overwrites nothing" in again.err
    assert (project.path / "budgets.yaml").read_text() == text


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
    result = run(project, "init", *command, "--metrics", metrics, "--trial", "2s")
    assert result.code == 0, result.out + result.err
    assert "measures 2 s at " in result.err
    document = yaml.safe_load((project.path / "budgets.yaml").read_text())
    assert document["target"]["metrics"] == metrics
    assert "pool-utilization" in document["budgets"]
